"""Planes reduced to the working grid while they are read, band by band: no plane is ever held as a whole.

A band is as high as chunks are, so that none is unpacked twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Mask, Sliceable
from soct_core.planes.measured import blanked, imaged_of, measured, read_measured
from soct_core.registration.working_plane import (
    LEAST_SHARE,
    MASKED_RIM,
    SQUARE,
    Aspect,
    ReducedPlanes,
    RegistrationPlane,
    block_mean,
    reduced,
    working_factor,
)

WHOLE_BYTES = 2**25
"""Planes up to this size are read as they are. Chosen by hand: an eighth of what a worker is at rest."""
_BAND_ROWS = 512


def read_plane(
    volume: Sliceable, index: int | slice, factor: int | None = None, aspect: Aspect = SQUARE
) -> RegistrationPlane:
    """Read a plane of a slice, or the mean of several, and make it ready; see `registration_plane`."""
    return read_reduced(volume, index, factor, aspect).plane()


def read_reduced(
    volume: Sliceable, index: int | slice, factor: int | None = None, aspect: Aspect = SQUARE
) -> ReducedPlanes:
    """Read planes of a slice, reduced to the working grid; see `reduced`.

    Planes whose pixels are not square are held as a whole.
    """
    depth, height, width = volume.shape
    planes = slice(index, index + 1) if isinstance(index, int) else slice(*index.indices(depth)[:2])
    size = (planes.stop - planes.start) * height * width * np.dtype(volume.dtype).itemsize
    factor = working_factor((height, width)) if factor is None and aspect == SQUARE else factor
    if size <= WHOLE_BYTES or aspect != SQUARE or factor is None or isinstance(volume, np.ndarray):
        values, where = read_measured(volume, index)
        return reduced(values, factor, where, aspect)
    return _in_bands(volume, planes, factor)


def _in_bands(volume: Sliceable, planes: slice, factor: int) -> ReducedPlanes:
    seen = _Bands(planes.stop - planes.start, (volume.shape[1], volume.shape[2]), factor)
    imaged, chunk = imaged_of(volume), _chunk_rows(volume)
    step = chunk * max(1, _BAND_ROWS // chunk)
    for row in range(0, volume.shape[1], step):
        rows = slice(row, min(row + step, volume.shape[1]))
        values = np.asarray(volume[planes, rows])
        mask = np.asarray(imaged[planes, rows])
        seen.add(values, measured(values, None if mask.all() else mask))
    return seen.reduced(volume, planes)


def _chunk_rows(volume: Sliceable) -> int:
    chunks = getattr(volume, "chunks", None)
    return int(chunks[1]) if chunks is not None and len(chunks) == 3 else _BAND_ROWS


class _Bands:
    """Planes, (k, y, x), reduced as their rows come."""

    def __init__(self, count: int, shape: tuple[int, int], factor: int) -> None:
        self._factor = factor
        self._small = np.empty((count, shape[0] // factor, shape[1] // factor), np.float32)
        self._share = np.ones_like(self._small)
        self._rest: tuple[NDArray[Any], Mask | None] | None = None
        self._row = 0
        self._all = True
        self._inside = np.zeros(shape[0], dtype=bool), np.zeros(shape[1], dtype=bool)
        """Rows and columns in which something was measured."""
        self._seen_rows = 0

    def add(self, values: NDArray[Any], where: Mask | None) -> None:
        """The next rows, and what was measured of them; None: all."""
        seen = slice(self._seen_rows, self._seen_rows + values.shape[1])
        self._seen_rows = seen.stop
        self._inside[0][seen] = True if where is None else where.any(axis=(0, 2))
        self._inside[1][:] |= True if where is None else where.any(axis=(0, 1))
        self._all &= where is None
        if self._rest is not None and self._rest[0].shape[1]:
            # Only what completes a square is put together anew: a band is large.
            missing = self._factor - self._rest[0].shape[1]
            head = values[:, :missing], None if where is None else where[:, :missing]
            values, where = values[:, missing:], None if where is None else where[:, missing:]
            self._rest = _joined(self._rest, head)
            if self._rest[0].shape[1] < self._factor:
                return
            self._reduce(*self._rest)
        whole = values.shape[1] - values.shape[1] % self._factor
        self._rest = values[:, whole:].copy(), None if where is None else where[:, whole:].copy()
        if whole:
            self._reduce(values[:, :whole], None if where is None else where[:, :whole])

    def _reduce(self, values: NDArray[Any], where: Mask | None) -> None:
        rows = slice(self._row, self._row + values.shape[1] // self._factor)
        for index, plane in enumerate(values):
            known = None if where is None else where[index]
            with np.errstate(over="ignore"):
                wide = blanked(plane.astype(np.float32, copy=False), known)
            self._small[index, rows] = block_mean(wide, self._factor)
            if known is not None:
                self._share[index, rows] = block_mean(known.astype(np.float32), self._factor)
        self._row = rows.stop

    def reduced(self, volume: Sliceable, planes: slice) -> ReducedPlanes:
        """The planes, once all rows are there; reads the lines next to the padding, if there is any."""
        if self._all:
            return ReducedPlanes(self._small, self._factor)
        share = self._share
        if all(inside.any() for inside in self._inside) and self._goes_on(volume, planes):
            rows, columns = (_within(inside) for inside in self._inside)
            beside = 1 - np.outer(rows, columns)
            share = share + block_mean(beside.astype(np.float32), self._factor)
        np.divide(self._small, share, out=self._small, where=share > 0)
        return ReducedPlanes(self._small, self._factor, share > LEAST_SHARE)

    def _goes_on(self, volume: Sliceable, planes: slice) -> bool:
        """Whether the zeros of a masked brain go on into the padding; see `reduced`."""
        (top, bottom), (left, right) = (np.flatnonzero(inside)[[0, -1]] for inside in self._inside)
        height, width = volume.shape[1:]
        across, down = slice(int(left), int(right) + 1), slice(int(top), int(bottom) + 1)
        rim = [
            np.asarray(volume[(planes, *line)]).reshape(planes.stop - planes.start, -1)
            for line, is_padded in (
                ((slice(top, top + 1), across), top > 0),
                ((slice(bottom, bottom + 1), across), bottom + 1 < height),
                ((down, slice(left, left + 1)), left > 0),
                ((down, slice(right, right + 1)), right + 1 < width),
            )
            if is_padded
        ]
        return bool(rim) and bool(np.mean(np.concatenate(rim, axis=1) != 0) <= MASKED_RIM)


def _joined(
    above: tuple[NDArray[Any], Mask | None], below: tuple[NDArray[Any], Mask | None]
) -> tuple[NDArray[Any], Mask | None]:
    """Rows of planes below others, with what was measured of both; None: all."""
    values = np.concatenate([above[0], below[0]], axis=1)
    if above[1] is None and below[1] is None:
        return values, None
    masks = [np.ones(v.shape, bool) if w is None else w for v, w in (above, below)]
    return values, np.concatenate(masks, axis=1)


def _within(inside: Mask) -> NDArray[np.float32]:
    """1 from the first to the last."""
    at = np.flatnonzero(inside)
    line = np.zeros(len(inside), np.float32)
    line[at[0] : at[-1] + 1] = 1
    return line
