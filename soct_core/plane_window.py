"""A slice seen through its window onto the common canvas: lazy, without a copy on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.common_space import Window
from soct_core.errors import VolumeError
from soct_core.volume import Sliceable


class PlaneWindow:
    """A (z, y, x) view on the canvas; zeros where the slice has no pixel."""

    def __init__(self, volume: Sliceable, window: Window) -> None:
        x, y = window.offset
        height, width = window.plane_shape
        if x < 0 or y < 0 or x + volume.shape[2] > width or y + volume.shape[1] > height:
            raise VolumeError(
                f"a plane of {volume.shape[1:]} at {window.offset} leaves the canvas {window.plane_shape}"
            )
        self._volume = volume
        self._place = (..., slice(y, y + volume.shape[1]), slice(x, x + volume.shape[2]))
        self.shape = (volume.shape[0], height, width)
        self.dtype = volume.dtype
        self.stored = None if self.dtype.kind == "b" else PlaneWindow(_stored(volume), window)
        """What was imaged: nothing beside the slice."""

    def __getitem__(self, index: int | slice | tuple[Any, ...]) -> NDArray[Any]:
        first, *rest = index if isinstance(index, tuple) else (index,)
        planes = np.asarray(self._volume[first])
        canvas = np.zeros((*planes.shape[:-2], *self.shape[1:]), dtype=self.dtype)
        canvas[self._place] = planes
        return canvas[(*[slice(None)] * (canvas.ndim - 2), *rest)]


def _stored(volume: Sliceable) -> Sliceable:
    """The mask of what the file holds; all of it where nobody says otherwise."""
    stored: Sliceable | None = getattr(volume, "stored", None)
    return np.broadcast_to(np.True_, volume.shape) if stored is None else stored


def seen_through(volume: Sliceable, window: Window | None) -> Sliceable:
    """The volume through its window; itself where there is none."""
    return volume if window is None else PlaneWindow(volume, window)
