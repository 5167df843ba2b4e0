"""What was imaged of a slice on disk: all that lies inside its padding and in no lost chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Mask
from soct_core.planes.padding import ImagedBox, Inside
from soct_core.volume.absent_chunks import ChunkGrid
from soct_core.volume.lost_chunks import lost_chunks

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Imaged:
    """Found by `survey`."""

    inside: Inside | None
    """What lies inside the padding; None: all."""
    lost: ChunkGrid | None
    """Along (z, y, x); None: none was lost."""


def survey(
    read: Callable[[slice], NDArray[Any]],
    shape: Shape,
    chunks: Shape,
    absent: ChunkGrid | None,
    fill: float,
    *,
    is_padded: bool,
) -> Imaged:
    """Look through a volume for its padding, if it has any, and for lost chunks, if any are absent.

    Memory holds a layer of chunks at a time; none is read twice for long.

    Parameters
    ----------
    read
        Planes by their slice; absent chunks read as the fill value.
    is_padded
        Whether there may be padding: a plane with data at all its edges and corners would have ruled it out.
    """
    depth = chunks[0]
    box = ImagedBox(shape[1:])
    unseen = set(range(-(-shape[0] // depth))) if is_padded else set()

    def used(layer: int) -> Mask:
        planes = read(slice(layer * depth, min(shape[0], (layer + 1) * depth)))
        if layer in unseen:
            unseen.discard(layer)
            box.see(planes)
        return np.asarray(~np.isnan(planes) if np.isnan(fill) else planes != fill)

    lost = None if absent is None else lost_chunks(absent, used, shape, chunks)
    for layer in sorted(unseen):
        if box.is_whole:
            break
        used(layer)
    whole = not is_padded or box.is_whole
    return Imaged(None if whole else box.inside(), lost if lost is not None and lost.any() else None)


class ImagedMask:
    """A lazy (z, y, x) mask, true where a volume was imaged; slices like the volume."""

    def __init__(self, shape: Shape, chunks: Shape, find: Callable[[], Imaged]) -> None:
        self.shape = shape
        self.dtype = np.dtype(bool)
        self._chunks, self._find = chunks, find

    def __getitem__(self, index: Any) -> Mask:
        found = self._find()
        z, y, x = _in_full(index)
        planes = np.arange(self.shape[0])[z]
        if found.inside is None and found.lost is None:
            # Without a copy: the usual case.
            sides = [np.arange(n)[part].shape for n, part in zip(self.shape[1:], (y, x), strict=True)]
            return np.broadcast_to(np.True_, (*planes.shape, *sides[0], *sides[1]))
        masks = [self._plane(int(plane), found) for plane in np.atleast_1d(planes)]
        mask = np.stack(masks) if masks else np.empty((0, *self.shape[1:]), dtype=bool)
        mask = mask[0] if np.ndim(planes) == 0 else mask
        # The rows first: an integer takes an axis away.
        part: Mask = mask[..., y, :][..., x]
        return part

    def _plane(self, z: int, found: Imaged) -> Mask:
        shape = self.shape[1:]
        mask = np.ones(shape, dtype=bool) if found.inside is None else found.inside.mask(shape)
        if found.lost is not None:
            depth, height, width = self._chunks
            for cy, cx in np.argwhere(found.lost[z // depth]):
                mask[cy * height : (cy + 1) * height, cx * width : (cx + 1) * width] = False
        return mask


def _in_full(index: Any) -> tuple[Any, ...]:
    """An index of (z, y, x) with all three of its parts."""
    parts = list(index) if isinstance(index, tuple) else [index]
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    given = [part for part in parts if part is not Ellipsis]
    return (*given[:at], *[slice(None)] * (3 - len(given)), *given[at:])
