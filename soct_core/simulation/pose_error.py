"""How far solved poses are from the truth, up to the one motion of the whole volume that is free."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D


def pose_errors(
    found: Mapping[int, Affine2D], true: Mapping[int, Affine2D], points: NDArray[np.float64]
) -> dict[int, float]:
    """RMS distance in pixels of each slice's tissue from where it truly lies.

    Parameters
    ----------
    found, true
        Poses by slice id: volume pixels to slice pixels.
    points
        (n, 2) x-y positions of tissue in the true volume.

    Returns
    -------
    dict
        By slice id; the rigid motion between the two volumes that fits all slices best is
        removed first (orthogonal Procrustes [1]_).

    References
    ----------
    .. [1] Schoenemann PH (1966). A generalized solution of the orthogonal Procrustes problem.
       Psychometrika 31(1), 1-10. doi:10.1007/BF02289451
    """
    ids = sorted(set(found) & set(true))
    # Tissue seen through the slice: where it truly is, and where the found pose puts it.
    placed = {i: found[i].inverse().apply(true[i].apply(points)) for i in ids}
    everywhere = np.concatenate([placed[i] for i in ids])
    target = np.tile(points, (len(ids), 1))
    middle, goal = everywhere.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((everywhere - middle).T @ (target - goal))
    turn = u @ np.diag([1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    return {
        i: float(np.sqrt((((placed[i] - middle) @ turn + goal - points) ** 2).sum(axis=1).mean()))
        for i in ids
    }
