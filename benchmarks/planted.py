"""Acquisitions with planted defects: slices cut from a volume, some of them spoiled in a known way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.affine import Affine2D, plane_center
from soct_core.planes.warp import coverage, warp
from soct_core.registration.working_plane import registration_plane
from soct_core.simulation.image_formation import speckle
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import open_reference

DEFECTS = ("spoiled", "torn", "dimmed", "blurred", "half empty", "foreign", "far", "noise")
PLANES = 4
"""Of a slice; volumes of single pictures (4D files) are cut into slices of one."""
LEAST_TISSUE = 0.04
"""Share of the plane. Slices with less are neither spoiled nor counted."""
_LEAST_PEAK = 100.0
Volume = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """A volume to cut, (z, y, x), and another specimen to take foreign slices from."""

    name: str
    volume: Volume
    planes: int
    foreign: Volume
    far: Volume
    """Where slices of other anatomy come from: the volume itself, or others of the same kind."""


@dataclass(frozen=True)
class Imaging:
    """How an acquisition is imaged; drift of the block at every cut."""

    looks: float
    seed: int
    drift_deg: float = 1.0
    drift_px: float = 3.0
    jitter: float = 0.05
    """Relative change of brightness between slices."""


def phantom_source(seed: int, foreign: Volume) -> Source:
    """A phantom brain of 50 slices."""
    phantom = PhantomVolume(Phantom.seeded(seed), (200, 200, 240), (50.0, 28.0, 28.0))
    volume = np.stack([phantom[z] for z in range(200)]).astype(np.float32)
    return Source(f"phantom {seed}", volume, PLANES, foreign, volume)


def sources_of(path: Path, foreign: Volume, axis: int = 0) -> list[Source]:
    """One source for a 3D volume cut along an axis; one for each group of pictures of a 4D file."""
    with np.load(path, allow_pickle=False) as arrays:
        data = arrays["volume"]
    if data.ndim == 4:
        # The last of each group is the average of the others.
        groups = [group[:-1].astype(np.float32) for group in data]
        return [
            Source(f"{path.stem} {i}", group, 1, foreign, groups[i - 1]) for i, group in enumerate(groups)
        ]
    volume = np.moveaxis(volume_of(path), axis, 0)
    name = path.stem if axis == 0 else f"{path.stem} axis {axis}"
    return [Source(name, np.ascontiguousarray(volume), PLANES, foreign, volume)]


def volume_of(path: Path) -> Volume:
    """A volume whose intensities can be written as whole numbers."""
    volume = np.asarray(open_reference(path)[0], dtype=np.float32)
    peak = float(np.percentile(volume, 99.9))
    return volume * np.float32(_LEAST_PEAK / peak) if 0 < peak < _LEAST_PEAK else volume


def with_tissue(source: Source) -> list[int]:
    """Slices that show tissue."""
    middles = {
        i: source.volume[i * source.planes + source.planes // 2]
        for i in range(len(source.volume) // source.planes)
    }
    return [i for i, plane in middles.items() if registration_plane(plane).tissue_fraction >= LEAST_TISSUE]


def cut(source: Source, imaging: Imaging, defects: Mapping[int, str]) -> list[NDArray[np.uint16]]:
    """All slices, (z, y, x), as imaged; `defects` by slice."""
    rng = np.random.default_rng(imaging.seed)
    shape = source.volume.shape[1], source.volume.shape[2]
    pose, slices = Affine2D.identity(plane_center(shape)), []
    for i in range(len(source.volume) // source.planes):
        if i:
            pose = _drift(shape, imaging, rng).compose(pose)
        own = np.random.default_rng((imaging.seed, i))
        data = source.volume[i * source.planes : (i + 1) * source.planes].astype(np.float64)
        kind = defects.get(i, "")
        if kind:
            data = planted(kind, data, source, i, own)
        gain = 1 + imaging.jitter * rng.uniform(-1, 1)
        slices.append(_imaged(data * gain, pose.inverse(), kind, imaging, own))
    return slices


def planted(
    kind: str, data: NDArray[np.float64], source: Source, slice_id: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """What is left of a slice, (z, y, x)."""
    depth, height, width = data.shape
    side, agarose = min(height, width), float(np.percentile(data, 2))
    if kind == "spoiled":
        bands = (np.arange(height) // max(1, height // 12)) % 2 == 0
        return np.where(bands[None, :, None], rng.gamma(1.0, data.mean() + 1, data.shape), data * 0.2)
    if kind == "noise":
        return rng.gamma(4.0, data.mean() / 4 + 0.1, data.shape)
    if kind == "dimmed":
        return data * rng.uniform(0.2, 0.45)
    if kind == "blurred":
        sigma = rng.uniform(2.0, 4.0) * side / 200
        return np.asarray(ndimage.gaussian_filter(data, (0, sigma, sigma)))
    if kind == "far":
        return _far(data, source, slice_id, rng)
    if kind == "foreign":
        return _foreign(data, source.foreign, rng)
    half, direction = _half(data[depth // 2], rng)
    if kind == "half empty":
        return np.where(half, agarose, data)
    if kind == "torn":
        away = -side * rng.uniform(0.06, 0.12) * direction
        moved = Affine2D.rigid(rng.uniform(-6, 6), away, plane_center((height, width)))
        flap = warp(half.astype(np.float32), moved) > 0.5
        rest = np.where(half, agarose, data)
        return np.stack([np.where(flap, warp(p, moved), r) for p, r in zip(data, rest, strict=True)])
    raise ValueError(kind)


def _half(plane: NDArray[Any], rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """One side of a line through the middle of the tissue, and the unit vector (x, y) into it."""
    tissue = registration_plane(plane, 1).tissue
    y, x = np.indices(plane.shape)
    middle = np.argwhere(tissue if tissue.any() else np.ones_like(tissue)).mean(axis=0)
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array((np.cos(angle), np.sin(angle)))
    return (y - middle[0]) * direction[1] + (x - middle[1]) * direction[0] > 0, direction


def _far(
    data: NDArray[np.float64], source: Source, slice_id: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Other anatomy: a third of the specimen away at least, or of another specimen of the same kind."""
    depth, count = len(data), len(source.far)
    first = int((slice_id * depth + count * rng.uniform(0.35, 0.65)) % count)
    return source.far[min(first, count - depth) :][:depth].astype(np.float64)


def _foreign(data: NDArray[np.float64], foreign: Volume, rng: np.random.Generator) -> NDArray[np.float64]:
    """Another specimen, as large and as bright."""
    depth, height, width = data.shape
    first = int(rng.integers(len(foreign) // 4, 3 * len(foreign) // 4))
    other = foreign[first : first + depth]
    zoomed = ndimage.zoom(other, (1, height / other.shape[1], width / other.shape[2]), order=1)
    return np.asarray(zoomed * (np.percentile(data, 99) / max(float(np.percentile(zoomed, 99)), 1e-6)))


def _drift(shape: tuple[int, int], imaging: Imaging, rng: np.random.Generator) -> Affine2D:
    length, angle = imaging.drift_px * min(shape) / 200 * rng.uniform(0, 1), rng.uniform(0, 2 * np.pi)
    shift = (length * np.cos(angle), length * np.sin(angle))
    return Affine2D.rigid(imaging.drift_deg * rng.uniform(-1, 1), shift, plane_center(shape))


def _imaged(
    data: NDArray[np.float64], motion: Affine2D, kind: str, imaging: Imaging, rng: np.random.Generator
) -> NDArray[np.uint16]:
    shape = data.shape[1], data.shape[2]
    covered, agarose = coverage(shape, motion), np.percentile(data, 2)
    # Where tissue fills the view, what drifts in is more of the same, and not a dark wedge.
    open_view = data[:, :, [0, -1]].mean() < np.percentile(data, 20) + 1
    planes = []
    for plane in data:
        moved = warp(plane.astype(np.float32), motion)
        seen = np.where(covered, moved, agarose) if open_view else moved
        if imaging.looks and kind != "noise":
            # Out of focus, the grains grow with the spot; they do not fade.
            seen = seen * speckle(shape, imaging.looks, 2.5 if kind == "blurred" else 0.7, rng)
        planes.append(np.rint(np.clip(seen, 0, 65_535)).astype(np.uint16))
    return np.stack(planes)
