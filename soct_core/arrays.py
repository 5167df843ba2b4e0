"""Array types that all of the library speaks of; axes are (z, y, x), lengths µm."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""(y, x)."""
Mask = NDArray[np.bool_]
"""(y, x), or (z, y, x) of several planes."""
Zyx = tuple[float, float, float]
"""A length along each axis, in µm unless said otherwise."""


class Sliceable(Protocol):
    """What slices like a (z, y, x) numpy array."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __getitem__(self, index: Any, /) -> Any: ...
