"""Fractional powers of affine motions, as real matrices.

References
----------
.. [1] Arsigny V, Commowick O, Ayache N, Pennec X (2009). A fast and log-Euclidean polyaffine framework
   for locally linear registration. Journal of Mathematical Imaging and Vision 33(2), 222-238.
   doi:10.1007/s10851-008-0135-9
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm, logm

from soct_core.errors import RegistrationError

Floats = NDArray[np.float64]
MAX_IMAGINARY = 1e-6
"""Imaginary part up to which a power counts as real. Chosen by hand: a motion that has real powers leaves
rounding errors at most, a mirror image sin(pi a)."""


def fractional_power(matrix: Floats, exponent: float) -> tuple[Floats, float]:
    """`H**a = exp(a log H)` of a (3, 3) homogeneous matrix, on the subgroup through it [1]_.

    Never by eigenvectors: those of a pure translation do not span the plane.

    Parameters
    ----------
    matrix : ndarray of float64
        (3, 3), its last row (0, 0, 1).
    exponent : float
        Any real number.

    Returns
    -------
    power : ndarray of float64
        (3, 3).
    imaginary : float
        The largest imaginary part that was dropped, 1e-6 at most.

    Raises
    ------
    RegistrationError
        If the power is not real: the motion is degenerate, reflects, or turns by 180 degrees.

    Examples
    --------
    >>> shift = np.array([[1.0, 0, 4], [0, 1, 2], [0, 0, 1]])
    >>> fractional_power(shift, 0.5)[0][:2, 2].tolist()
    [2.0, 1.0]
    """
    if np.linalg.det(matrix) == 0:
        raise RegistrationError(f"a degenerate affine has no power {exponent}")
    raised: NDArray[Any] = np.asarray(expm(exponent * _logarithm(matrix.tobytes())))
    imaginary = float(np.abs(raised.imag).max()) if np.iscomplexobj(raised) else 0.0
    if not np.isfinite(raised).all() or imaginary > MAX_IMAGINARY:
        raise RegistrationError(f"the affine has no real power {exponent} (imaginary part {imaginary:.2g})")
    return np.asarray(raised.real, dtype=np.float64), imaginary


@lru_cache(maxsize=64)
def _logarithm(matrix: bytes) -> NDArray[Any]:
    """The logarithm of a (3, 3) matrix, complex where none is real. All planes of a gap share one."""
    return np.asarray(logm(np.frombuffer(matrix).reshape(3, 3)))
