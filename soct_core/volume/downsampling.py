"""Shrinkers: turn the planes of one level, as they stream by, into those of a coarser one."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from soct_core.arrays import Zyx
from soct_core.planes.dtypes import to_dtype
from soct_core.volume.provenance import distrust_rank, label_of_rank
from soct_core.volume.pyramid import Factors, Shape, local_least_trusted, local_mean

_CLOSE = 1e-6
"""In planes. Chosen by hand: rounding must not make two edges that coincide look apart."""


class Downsampler(Protocol):
    """Takes blocks of planes, (k, y, x), in z order; gives blocks of coarser ones."""

    def push(self, block: NDArray[Any]) -> NDArray[Any]:
        """Coarser planes that are complete now; none of them twice."""
        ...

    def rest(self) -> NDArray[Any]:
        """Coarser planes that were still waiting for more."""
        ...


class Halving:
    """By two along some axes; blocks must hold whole pairs of planes, but for the last."""

    def __init__(self, factors: Factors, label: bool) -> None:
        self._factors = factors
        self._label = label
        self._none: NDArray[Any] = np.empty((0, 0, 0))

    def push(self, block: NDArray[Any]) -> NDArray[Any]:
        small = (local_least_trusted if self._label else local_mean)(block, self._factors)
        self._none = small[:0]
        return small

    def rest(self) -> NDArray[Any]:
        return self._none


class AreaMean:
    """To a voxel size that need not be a multiple: each voxel counts by the share it covers.

    Axes that are coarser already stay as they are. Labels take the least trusted voxel that
    is touched. The first plane pushed is plane `start`; where that is not a bin's first, the first
    plane that comes out is made of a part of its bin.
    """

    def __init__(
        self,
        shape: Shape,
        voxel_size_um: Zyx,
        size_um: float,
        dtype: np.dtype[Any],
        label: bool,
        start: int = 0,
    ) -> None:
        z, y, x = (max(1.0, size_um / v) for v in voxel_size_um)
        self.factors: Zyx = (z, y, x)
        nz, ny, nx = (math.ceil(n / f - _CLOSE) for n, f in zip(shape, self.factors, strict=True))
        self.out_shape: Shape = (nz, ny, nx)
        self._depth = shape[0]
        self._dtype, self._label = dtype, label
        self._z = start
        self._weights = _overlaps(shape[1], y, ny), _overlaps(shape[2], x, nx)
        self._bins = _touched(shape[1], y, ny), _touched(shape[2], x, nx)
        self._plane_shape = ny, nx
        self._open: dict[int, NDArray[Any]] = {}
        self.source = slice(0, shape[1]), slice(0, shape[2])
        """Rows and columns of the planes to push."""

    def only(self, rows: range, columns: range) -> AreaMean:
        """This one, for a part of the coarser planes: of the finer it wants what lies under that."""
        (row_bins, left), (column_bins, right) = (
            _cropped(bins, part) for bins, part in zip(self._bins, (rows, columns), strict=True)
        )
        below, across = self._weights
        self.source = slice(left, left + int(row_bins.max())), slice(right, right + int(column_bins.max()))
        self._weights = (
            below[rows.start : rows.stop, self.source[0]],
            across[columns.start : columns.stop, self.source[1]],
        )
        self._bins = row_bins, column_bins
        self._plane_shape = len(rows), len(columns)
        return self

    def push(self, block: NDArray[Any]) -> NDArray[Any]:
        done = []
        for plane in block:
            small = self._worst(plane) if self._label else self._mean(plane)
            self._add(small)
            self._z += 1
            done += [self._close(k) for k in sorted(self._open) if self._end(k) <= self._z + _CLOSE]
        return self._stacked(done)

    def rest(self) -> NDArray[Any]:
        return self._stacked([self._close(k) for k in sorted(self._open)])

    def _end(self, k: int) -> float:
        return min((k + 1) * self.factors[0], float(self._depth))

    def _add(self, small: NDArray[Any]) -> None:
        factor = self.factors[0]
        first = int((self._z + _CLOSE) / factor)
        for k in range(first, self.out_shape[0]):
            start = k * factor
            share = min(self._z + 1.0, self._end(k)) - max(float(self._z), start)
            if share <= _CLOSE:
                break
            held = self._open.get(k)
            if self._label:
                self._open[k] = small if held is None else np.maximum(held, small)
            else:
                part = small * (share / (self._end(k) - start))
                self._open[k] = part if held is None else held + part

    def _close(self, k: int) -> NDArray[Any]:
        plane = self._open.pop(k)
        if self._label:
            return label_of_rank(plane)
        if self._dtype.kind == "f":
            # Shares add up to 1 but for rounding, which must not lead beyond the largest number.
            limit = float(np.finfo(self._dtype).max)
            plane = np.clip(plane, -limit, limit)
        return to_dtype(plane, self._dtype)

    def _mean(self, plane: NDArray[Any]) -> NDArray[Any]:
        wide = plane.astype(np.float64)
        return np.asarray((self._weights[1] @ (self._weights[0] @ wide).T).T)

    def _worst(self, plane: NDArray[Any]) -> NDArray[Any]:
        # One margin voxel of the best rank, so that the last bin may end at the edge.
        rank = np.pad(distrust_rank(plane), (0, 1))
        for axis, bins in enumerate(self._bins):
            rank = np.maximum.reduceat(rank, bins, axis=axis)
            rank = rank[::2] if axis == 0 else rank[:, ::2]
        return rank

    def _stacked(self, planes: list[NDArray[Any]]) -> NDArray[Any]:
        if planes:
            return np.stack(planes)
        return np.empty((0, *self._plane_shape), dtype=self._dtype)


def _overlaps(n: int, factor: float, n_out: int) -> sparse.csr_array:
    """(n_out, n) matrix of the share that each voxel has in each coarser one; rows add up to 1."""
    width = math.ceil(factor) + 1
    low = np.arange(n_out)[:, None] * factor
    high = np.minimum(low + factor, n)
    at = np.floor(low).astype(np.intp) + np.arange(width)[None, :]
    shares = np.clip(np.minimum(high, at + 1) - np.maximum(low, at), 0, None)
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(n_out), width)
    inside = at.ravel() < n
    cells = shares.ravel()[inside], (rows[inside], at.ravel()[inside])
    return sparse.csr_array(cells, shape=(n_out, n))


def _touched(n: int, factor: float, n_out: int) -> NDArray[np.intp]:
    """First voxel under each coarser one and the first behind it, interleaved for `reduceat`."""
    low = np.floor(np.arange(n_out) * factor + _CLOSE)
    high = np.minimum(np.ceil((np.arange(n_out) + 1) * factor - _CLOSE), n)
    return np.column_stack((low, high)).ravel().astype(np.intp)


def _cropped(bins: NDArray[np.intp], part: range) -> tuple[NDArray[np.intp], int]:
    """The bins of some coarser voxels, counted from the first voxel under them, and which one that is."""
    found = bins[2 * part.start : 2 * part.stop]
    first = int(found[0])
    return found - first, first


class FiniteMean:
    """An `AreaMean` of those voxels alone that are numbers; NaN where none is."""

    def __init__(
        self, shape: Shape, voxel_size_um: Zyx, size_um: float, dtype: np.dtype[Any], label: bool
    ) -> None:
        wide = np.dtype(np.float64)
        self._total, self._share = (AreaMean(shape, voxel_size_um, size_um, wide, label) for _ in range(2))
        self.factors, self.out_shape, self._dtype = self._total.factors, self._total.out_shape, dtype

    def push(self, block: NDArray[Any]) -> NDArray[Any]:
        """Add planes of the finer grid; gives the coarser planes that are complete."""
        said = np.isfinite(block)
        return self._quotient(self._total.push(np.where(said, block, 0)), self._share.push(said))

    def rest(self) -> NDArray[Any]:
        """The last planes."""
        return self._quotient(self._total.rest(), self._share.rest())

    def _quotient(self, total: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
        found = np.full(total.shape, np.nan)
        np.divide(total, share, out=found, where=share > _CLOSE)
        return found.astype(self._dtype)
