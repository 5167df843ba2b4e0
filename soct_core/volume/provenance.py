"""Provenance: the label volume that says, voxel by voxel, what was measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LABEL_NAME = "provenance"
GAP = 0
"""Gap, or outside what any slice covers."""
MEASURED = 1
INTERPOLATED = 2
BLEND = 3
"""Cross-over of two measured slices."""

LABEL_NAMES = {MEASURED: "measured", INTERPOLATED: "interpolated", BLEND: "blend of two measured slices"}
LABEL_COLOURS = {MEASURED: (0, 114, 178, 255), INTERPOLATED: (230, 159, 0, 255), BLEND: (86, 180, 233, 255)}
"""RGBA; told apart by the colour-blind too (Okabe and Ito). Gaps are transparent."""

# A coarse label must not look better than the worst voxel under it.
_RANK = np.array([2, 0, 3, 1], dtype=np.uint8)  # of gap, measured, interpolated, blend

_LABEL_OF_RANK = np.argsort(_RANK).astype(np.uint8)


def distrust_rank(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How little each label is to be trusted, so that the maximum of several is the worst."""
    return _RANK[labels]


def label_of_rank(rank: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The label of a rank."""
    return _LABEL_OF_RANK[rank]
