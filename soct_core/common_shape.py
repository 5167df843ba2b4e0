"""Volumes of different plane sizes, seen on their common plane: zeros at the far edges."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.volume import Sliceable


class PaddedVolume:
    """A lazy view of a volume whose planes are extended with zeros to `plane_shape`."""

    def __init__(self, volume: Sliceable, plane_shape: tuple[int, int]) -> None:
        self._volume = volume
        self.shape = (volume.shape[0], *plane_shape)
        self.dtype = volume.dtype
        stored = getattr(volume, "stored", None)
        self.stored = None if stored is None else PaddedVolume(stored, plane_shape)

    def __getitem__(self, index: int | slice) -> NDArray[Any]:
        planes = np.asarray(self._volume[index])
        margins = [(0, want - have) for want, have in zip(self.shape[1:], planes.shape[-2:], strict=True)]
        return np.pad(planes, [(0, 0)] * (planes.ndim - 2) + margins)


def padded_to_common_shape(a: Sliceable, b: Sliceable) -> tuple[Sliceable, Sliceable]:
    """Both volumes with planes of the larger size along each axis; reads nothing."""
    shape = max(a.shape[1], b.shape[1]), max(a.shape[2], b.shape[2])
    return _padded(a, shape), _padded(b, shape)


def _padded(volume: Sliceable, shape: tuple[int, int]) -> Sliceable:
    return volume if volume.shape[1:] == shape else PaddedVolume(volume, shape)
