"""Gaps with known truth, and decoys, cut out of a phantom or a real volume.

A gap lies along one of three axes; the block drifts linearly in z across it. Of a decoy, what lies
below the gap is not what should: it has no truth, and must be refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D, plane_center
from soct_core.planes.warp import coverage, warp
from soct_core.simulation.image_formation import speckle
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import open_reference

DRIFTS = ((0.0, 0.0), (1.0, 3.0), (2.0, 8.0), (3.0, 10.0))
"""Rotation in degrees and shift in pixels across a gap."""
DECOYS = ("1.5 mm apart", "mirrored", "turned", "blank", "agarose", "saturated", "half out of view")
NEIGHBOUR_PLANES = 8
SPACING_UM = 200.0
LEAST_PEAK = 100.0
Volume = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One gap, before it is cut."""

    index: int
    source: str
    axis: int
    position: float
    """Of the gap within the tissue, 0 to 1."""
    planes: int
    rotation_deg: float
    shift_px: float
    stretch: float
    looks: int
    decoy: str = ""


def cases(count: int, sources: list[str], seed: int = 0, looks: Sequence[int] = (0, 4)) -> list[Case]:
    """A mix over all factors, and as many decoys as a quarter of the gaps."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(count + count // 4):
        source = sources[index % len(sources)]
        turn, shift = DRIFTS[int(rng.integers(len(DRIFTS)))]
        found.append(
            Case(
                index=index,
                source=source,
                axis=int(rng.integers(3)),
                position=float(rng.uniform(0.2, 0.8)),
                planes=4 if source != "phantom" else int(rng.choice([4, 8, 20])),
                rotation_deg=turn * float(rng.choice([-1, 1])),
                shift_px=shift,
                stretch=float(rng.choice([0.0, 0.02])),
                looks=int(rng.choice(looks)),
                decoy="" if index < count else DECOYS[(index - count) // len(sources) % len(DECOYS)],
            )
        )
    return found


@cache
def reference(source: str, axis: int) -> tuple[Any, float]:
    """Volume with the cutting axis first, and its plane spacing in µm."""
    if source == "phantom":
        # 10 µm planes of 25 µm pixels; other axes are other brains, cut just the same.
        return PhantomVolume(Phantom.seeded(axis), (800, 240, 280), (10.0, 25.0, 25.0)), 10.0
    volume, size = open_reference(Path(source))
    data = np.asarray(volume)
    peak = float(np.percentile(data, 99.9))
    if 0 < peak < LEAST_PEAK:
        # Gaps are cut as whole numbers, which would leave nothing of intensities between 0 and 1.
        data = data * np.float32(LEAST_PEAK / peak)
    return np.moveaxis(data, axis, 0), size[axis]


def cut(case: Case) -> tuple[Volume, Volume, Volume, Affine2D]:
    """Before, truth and after; and the drift across the whole gap, in pixels of the planes."""
    rng = np.random.default_rng((1, case.index))
    volume, spacing = reference(case.source, case.axis)
    step = max(1, round(SPACING_UM / case.planes / spacing))
    first = round(case.position * (volume.shape[0] - 1)) - step * (case.planes // 2)
    shape = volume.shape[1], volume.shape[2]
    drift = random_drift(case, shape, rng)
    n = case.planes
    depths = range(-NEIGHBOUR_PLANES, n + NEIGHBOUR_PLANES)
    planes = {}
    for k in depths:
        share = float(np.clip((k + 1) / (n + 1), 0.0, 1.0))
        z = int(np.clip(first + k * step, 0, volume.shape[0] - 1))
        planes[k] = moved(np.asarray(volume[z], dtype=np.float64), drift.power(share).inverse())
    before = np.stack([planes[k] for k in range(-NEIGHBOUR_PLANES, 0)])
    truth = np.stack([planes[k] for k in range(n)])
    after = np.stack([planes[k] for k in range(n, n + NEIGHBOUR_PLANES)])
    if case.decoy:
        after = decoyed(case, after, volume, first, spacing, rng)
    if case.looks:
        before, after = (
            v * np.stack([speckle(shape, case.looks, 0.7, rng) for _ in v]) for v in (before, after)
        )
    return before, truth, after, drift


def random_drift(case: Case, shape: tuple[int, int], rng: np.random.Generator) -> Affine2D:
    """Maps pixels of after to pixels of before."""
    direction = rng.uniform(0, 2 * np.pi)
    stretch = 1 + case.stretch * rng.uniform(-1, 1, 2)
    shear = case.stretch * rng.uniform(-1, 1)
    turn = np.array(Affine2D.rigid(case.rotation_deg, (0, 0)).matrix)
    matrix = turn @ np.array([[1, shear], [0, 1]]) @ np.diag(stretch)
    shift = (case.shift_px * np.cos(direction), case.shift_px * np.sin(direction))
    return Affine2D.of(matrix, shift, plane_center(shape)).inverse()


def moved(plane: NDArray[np.float64], pull: Affine2D) -> NDArray[np.float64]:
    """A plane as the drifted block shows it; agarose outside."""
    if pull.inverse() == Affine2D.identity(pull.center):
        return plane
    motion = pull.inverse()
    shape = plane.shape[0], plane.shape[1]
    return np.where(coverage(shape, motion), warp(plane, motion), np.percentile(plane, 2))


def decoyed(
    case: Case, after: Volume, volume: Any, first: int, spacing: float, rng: np.random.Generator
) -> Volume:
    """What lies below the gap is not what should."""
    agarose = float(np.percentile(after, 2))
    if case.decoy == "1.5 mm apart":
        z = first + round(1500.0 / spacing) * (1 if case.position < 0.5 else -1)
        return np.stack(
            [
                np.asarray(volume[int(np.clip(z + k, 0, volume.shape[0] - 1))], dtype=np.float64)
                for k in range(len(after))
            ]
        )
    if case.decoy == "mirrored":
        return after[:, ::-1].copy()
    if case.decoy == "turned":
        return after[:, ::-1, ::-1].copy()
    if case.decoy == "blank":
        return np.full_like(after, agarose)
    if case.decoy == "agarose":
        return np.clip(rng.normal(agarose + 60, 12, after.shape), 0, None)
    if case.decoy == "saturated":
        return np.full_like(after, 65_535.0)
    half = np.full_like(after, agarose)
    width = after.shape[2] // 2
    half[:, :, :width] = after[:, :, width : 2 * width]
    return half
