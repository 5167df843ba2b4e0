"""What was imaged of a slice on disk: all that lies inside its padding and in no lost chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Mask
from soct_core.planes.padding import ImagedBox, Inside
from soct_core.volume.absent_chunks import ChunkGrid
from soct_core.volume.lost_chunks import lost_chunks

Shape = tuple[int, int, int]
Slices = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Imaged:
    """Found by `survey`."""

    inside: Inside | None
    """What lies inside the padding; None: all."""
    lost: ChunkGrid | None
    """Along (z, y, x); None: none was lost."""


def survey(
    read: Callable[[Slices], NDArray[Any]],
    shape: Shape,
    chunks: Shape,
    absent: ChunkGrid | None,
    fill: float,
    *,
    is_padded: bool,
) -> Imaged:
    """Look through a volume for its padding, if it has any, and for lost chunks, if any are absent.

    Of padding only chunks are read that could show data beyond what was seen, from the edges inward: two of a
    volume that has none. Memory holds a chunk, and where chunks are absent a mask of a layer of them.

    Parameters
    ----------
    read
        A box of the volume; absent chunks read as the fill value.
    is_padded
        Whether there may be padding: a plane with data at all its edges and corners would have ruled it out.
    """
    box = ImagedBox(shape[1:])
    unseen = set(range(-(-shape[0] // chunks[0]))) if is_padded else set()

    def used(layer: int) -> Mask:
        planes = slice(layer * chunks[0], min(shape[0], (layer + 1) * chunks[0]))
        mask = np.empty((planes.stop - planes.start, *shape[1:]), dtype=bool)
        for rows, columns in _from_the_edges_inward(shape, chunks):
            values = read((planes, rows, columns))
            if layer in unseen:
                box.see_part(without_fill(values, fill), rows.start, columns.start)
            mask[:, rows, columns] = ~np.isnan(values) if np.isnan(fill) else values != fill
        unseen.discard(layer)
        return mask

    lost = None if absent is None else lost_chunks(absent, used, shape, chunks)
    for layer in sorted(unseen):
        planes = slice(layer * chunks[0], min(shape[0], (layer + 1) * chunks[0]))
        for rows, columns in _from_the_edges_inward(shape, chunks):
            if box.is_whole:
                break
            if not box.holds(rows, columns):
                values = without_fill(read((planes, rows, columns)), fill)
                box.see_part(values, rows.start, columns.start)
    inside = box.inside()
    whole = not is_padded or inside == Inside(slice(0, shape[1]), slice(0, shape[2]))
    return Imaged(None if whole else inside, lost if lost is not None and lost.any() else None)


def without_fill(values: NDArray[Any], fill: float) -> NDArray[Any]:
    """Values with zeros for the fill value: padding holds either."""
    return values if fill == 0 or np.isnan(fill) else np.where(values == fill, 0, values)


def _from_the_edges_inward(shape: Shape, chunks: Shape) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of every chunk of a layer, corners first."""
    _, height, width = chunks
    ny, nx = -(-shape[1] // height), -(-shape[2] // width)
    places = [(y, x) for y in range(ny) for x in range(nx)]

    def depth(place: tuple[int, int]) -> tuple[int, int]:
        y, x = place
        away = min(y, ny - 1 - y), min(x, nx - 1 - x)
        return min(away), max(away)

    for y, x in sorted(places, key=depth):
        yield (
            slice(y * height, min(shape[1], (y + 1) * height)),
            slice(x * width, min(shape[2], (x + 1) * width)),
        )


class ImagedMask:
    """A lazy (z, y, x) mask, true where a volume was imaged; slices like the volume."""

    def __init__(self, shape: Shape, chunks: Shape, find: Callable[[], Imaged]) -> None:
        self.shape = shape
        self.dtype = np.dtype(bool)
        self._chunks, self._find = chunks, find

    @property
    def is_whole(self) -> bool:
        """Whether all was imaged."""
        found = self._find()
        return found.inside is None and found.lost is None

    def __getitem__(self, index: Any) -> Mask:
        found = self._find()
        at = [np.arange(n)[part] for n, part in zip(self.shape, _in_full(index), strict=True)]
        shape = tuple(n for places in at for n in places.shape)
        if found.inside is None and found.lost is None:
            # Without a copy: the usual case.
            return np.broadcast_to(np.True_, shape)
        z, y, x = (np.atleast_1d(places) for places in at)
        mask = np.ones((len(z), len(y), len(x)), dtype=bool)
        if found.inside is not None:
            mask &= found.inside.holds(y, x)
        if found.lost is not None:
            depth, height, width = self._chunks
            mask &= ~found.lost[np.ix_(z // depth, y // height, x // width)]
        return mask.reshape(shape)


def _in_full(index: Any) -> tuple[Any, ...]:
    """An index of (z, y, x) with all three of its parts."""
    parts = list(index) if isinstance(index, tuple) else [index]
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    given = [part for part in parts if part is not Ellipsis]
    return (*given[:at], *[slice(None)] * (3 - len(given)), *given[at:])
