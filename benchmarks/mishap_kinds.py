"""The mishaps of `mishaps.py`, each made from one clean acquisition by a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import ndimage
from small_acquisition import INTERVAL, SLICES, Array, Handled, Source

from soct_core.affine import Affine2D, plane_center
from soct_core.planes.warp import warp

BAD = 3
"""The slice that is mishandled."""
Mishap = Callable[[Source], Handled]


def on_one(change: Callable[[Array, np.random.Generator], Array]) -> Mishap:
    """A mishap to the voxels of one slice."""

    def mishap(source: Source) -> Handled:
        clean = source.clean()
        changed = change(clean.slices[BAD].copy(), np.random.default_rng(source.seed + 100))
        return without(replace(clean, slices=clean.slices | {BAD: changed.astype(np.float32)}), BAD)

    return mishap


def without(handled: Handled, *bad: int) -> Handled:
    """The same, with no truth for slices that have none."""
    return replace(handled, poses={i: p for i, p in handled.poses.items() if i not in bad})


def moved(turn_deg: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> Mishap:
    """One slice laid down differently; its true pose is known."""

    def mishap(source: Source) -> Handled:
        poses = source.poses()
        center = plane_center(source.volume.shape[1:])
        poses[BAD] = Affine2D.rigid(turn_deg, shift, center).compose(poses[BAD])
        clean = source.clean()
        slices = clean.slices | {BAD: source.imaged(INTERVAL * BAD, poses[BAD], BAD)}
        return Handled(slices, poses, source.voxel_um)

    return mishap


def remounted(source: Source) -> Handled:
    """The block turned by 6 degrees from one slice on."""
    turn = Affine2D.rigid(6.0, (4.0, -3.0), plane_center(source.volume.shape[1:]))
    poses = {i: turn.compose(p) if i >= BAD else p for i, p in source.poses().items()}
    return Handled({i: source.imaged(INTERVAL * i, p, i) for i, p in poses.items()}, poses, source.voxel_um)


def cut_thicker(factor: float, first: int = 0) -> Mishap:
    """Cuts thicker than said, from one slice on."""

    def mishap(source: Source) -> Handled:
        poses = source.poses()
        tops = {i: INTERVAL * i + round((factor - 1) * INTERVAL) * max(0, i - first) for i in poses}
        last = max(i for i, top in tops.items() if top <= INTERVAL * (SLICES - 1))
        kept = {i: p for i, p in poses.items() if i <= last}
        return Handled({i: source.imaged(tops[i], p, i) for i, p in kept.items()}, kept, source.voxel_um)

    return mishap


def lost_and_not_counted(source: Source) -> Handled:
    """A slice lost, and the ids went on."""
    clean = source.clean()
    ids = [i for i in clean.slices if i != BAD]
    slices = {new: clean.slices[old] for new, old in enumerate(ids)}
    return Handled(slices, {new: clean.poses[old] for new, old in enumerate(ids)}, source.voxel_um)


def reordered(order: Callable[[list[int]], list[int]]) -> Mishap:
    """Slices under each other's ids; each keeps its pose."""

    def mishap(source: Source) -> Handled:
        clean = source.clean()
        names = dict(zip(clean.slices, order(list(clean.slices)), strict=True))
        slices = {new: clean.slices[old] for new, old in names.items()}
        return Handled(slices, {new: clean.poses[old] for new, old in names.items()}, source.voxel_um)

    return mishap


def swapped(ids: list[int]) -> list[int]:
    """Two neighbours exchanged."""
    order = ids.copy()
    order[BAD], order[BAD + 1] = order[BAD + 1], order[BAD]
    return order


def planes_reversed(source: Source) -> Handled:
    """Every slice stored with its deepest plane first."""
    clean = source.clean()
    return replace(clean, slices={i: data[::-1].copy() for i, data in clean.slices.items()})


def copied(source: Source) -> Handled:
    """A file copied over its neighbour."""
    clean = source.clean()
    return without(replace(clean, slices=clean.slices | {BAD: clean.slices[BAD - 1]}), BAD)


def imaged_again(source: Source) -> Handled:
    """The block imaged twice with no cut between, other noise; all below lie a slot higher."""
    poses = source.poses()
    poses[BAD] = poses[BAD - 1]
    tops = {i: INTERVAL * (i if i < BAD else i - 1) for i in poses}
    rng = np.random.default_rng(source.seed)
    slices = {i: source.imaged(tops[i], p, i) for i, p in poses.items()}
    noise = rng.normal(0, 0.01 * float(slices[BAD].std()), slices[BAD].shape)
    return Handled(slices | {BAD: (slices[BAD] + noise).astype(np.float32)}, poses, source.voxel_um)


def foreign(source: Source) -> Handled:
    """A slice of another specimen."""
    clean = source.clean()
    other = source.imaged(INTERVAL * BAD, clean.poses[BAD], BAD, source.other)
    return without(replace(clean, slices=clean.slices | {BAD: other}), BAD)


def two_specimens(source: Source) -> Handled:
    """From one slice on, another specimen."""
    clean = source.clean()
    rest = {i: source.imaged(INTERVAL * i, p, i, source.other) for i, p in clean.poses.items() if i > BAD}
    return replace(without(clean, *rest), slices=clean.slices | rest)


def window_moved(source: Source) -> Handled:
    """The imaging window moved, as the translations say."""
    clean = source.clean()
    wide = source.volume.shape[2]
    shift = wide // 5
    x_um = source.voxel_um[2]
    slices = {i: d[:, :, : wide - shift] if i < BAD else d[:, :, shift:] for i, d in clean.slices.items()}
    origins = {i: (0.0, 5000.0, 7000.0 + (0.0 if i < BAD else shift * x_um)) for i in slices}
    return replace(clean, slices={i: np.ascontiguousarray(d) for i, d in slices.items()}, origins=origins)


def translations_contradict(source: Source) -> Handled:
    """Translations along z that say another interval than the slots."""
    clean = source.clean()
    return replace(clean, origins={i: (1.5 * source.interval_um * i, 0.0, 0.0) for i in clean.slices})


def wrong_pixels(source: Source) -> Handled:
    """A slice whose file says another pixel size."""
    z, y, x = source.voxel_um
    return without(replace(source.clean(), sizes={BAD: (z, 1.25 * y, 1.25 * x)}), BAD)


def wrong_zoom(source: Source) -> Handled:
    """A slice imaged at another zoom, and its file does not say so."""
    return on_one(lambda data, _: _zoomed(data, 1.12))(source)


def blank_ends(source: Source) -> Handled:
    """The first and the last slice hold agarose only."""
    clean = source.clean()
    rng = np.random.default_rng(source.seed)
    ends = {i: _agarose(clean.slices[i], rng) for i in (0, SLICES - 1)}
    return without(replace(clean, slices=clean.slices | ends), *ends)


def _zoomed(data: Array, factor: float) -> Array:
    center = plane_center(data.shape[1:])
    back = Affine2D.of(np.eye(2) / factor, (0.0, 0.0), center)
    return np.stack([warp(plane, back) for plane in data])


def _agarose(data: Array, rng: np.random.Generator) -> Array:
    dark = float(np.percentile(data, 2)) + 0.02 * float(data.max())
    return (dark * rng.gamma(4.0, 0.25, data.shape)).astype(np.float32)


def _bubble(data: Array, rng: np.random.Generator) -> Array:
    height, width = data.shape[1:]
    y, x = np.indices((height, width))
    away = np.hypot(y - 0.45 * height, x - 0.55 * width) / (0.17 * min(height, width))
    data[:, away < 1] = float(np.percentile(data, 2))
    data[:, (away >= 1) & (away < 1.12)] = float(data.max())
    return data


def _torn(data: Array, rng: np.random.Generator) -> Array:
    """The right half slid down, a gap between."""
    middle, slide = data.shape[2] // 2, data.shape[1] // 12
    torn = data.copy()
    torn[:, slide:, middle:] = data[:, :-slide, middle:]
    torn[:, :slide, middle:] = float(np.percentile(data, 2))
    torn[:, :, middle : middle + 4] = float(np.percentile(data, 2))
    return torn


def _half_gone(data: Array, rng: np.random.Generator) -> Array:
    data[:, :, : data.shape[2] // 2] = float(np.percentile(data, 2))
    return data


def _stripes(data: Array, rng: np.random.Generator) -> Array:
    lines = (np.arange(data.shape[1]) // 3) % 4 == 0
    data[:, lines] += 0.6 * float(np.percentile(data, 99))
    return data


def _gained(data: Array, rng: np.random.Generator) -> Array:
    data[:, :, data.shape[2] // 2 :] *= 1.8
    return data


MISHAPS: dict[str, Mishap] = {
    "mirrored left-right": on_one(lambda data, _: data[:, :, ::-1].copy()),
    "mirrored up-down": on_one(lambda data, _: data[:, ::-1].copy()),
    "turned by 5": moved(5.0),
    "turned by 15": moved(15.0),
    "turned by 90": moved(90.0),
    "turned by 180": moved(180.0),
    "shifted by 25 px": moved(shift=(25.0, 0.0)),
    "block remounted": remounted,
    "swapped neighbours": reordered(swapped),
    "ids reversed": reordered(lambda ids: ids[::-1]),
    "planes reversed": planes_reversed,
    "cut at 1.5 intervals": cut_thicker(1.5),
    "cut at 1.4 intervals": cut_thicker(1.4),
    "cut at half an interval": cut_thicker(0.4),
    "one cut too thick": lambda source: cut_thicker(1.5, BAD)(source),
    "lost, ids went on": lost_and_not_counted,
    "doubled file": copied,
    "imaged twice, no cut": imaged_again,
    "foreign slice": foreign,
    "two specimens": two_specimens,
    "noise slice": on_one(lambda data, rng: 0.1 * data.max() * rng.gamma(1.0, 1.0, data.shape)),
    "blank slice": on_one(_agarose),
    "blank ends": blank_ends,
    "half gone": on_one(_half_gone),
    "bubble": on_one(_bubble),
    "tear": on_one(_torn),
    "stripes": on_one(_stripes),
    "dimmed to 30 %": on_one(lambda data, _: 0.3 * data),
    "gain step": on_one(_gained),
    "saturated": on_one(lambda data, _: np.minimum(data, np.percentile(data, 60))),
    "blurred": on_one(lambda data, _: ndimage.gaussian_filter(data, (0, 3, 3))),
    "window moved": window_moved,
    "z translations contradict": translations_contradict,
    "wrong pixel size said": wrong_pixels,
    "wrong zoom, unsaid": wrong_zoom,
}
