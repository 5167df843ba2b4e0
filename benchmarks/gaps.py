"""Gaps with known truth, and decoys, cut out of a phantom, a real volume or real OCT B-scans.

A gap lies along one of three axes; the block drifts linearly in z across it. Of a decoy, what lies
below the gap is not what should: it has no truth, and must be refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from decoys import DECOYS, FAR_PLANES, FAR_UM, Planes, decoyed
from noises import NOISES, without_noise
from numpy.typing import NDArray
from oct_scans import SCANS_NOISE, SIDE_SCANS, holds_scans, open_scans

from soct_core.affine import Affine2D, plane_center
from soct_core.planes.warp import coverage, warp
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import open_reference

DRIFTS = ((0.0, 0.0), (1.0, 3.0), (2.0, 8.0), (3.0, 10.0))
"""Rotation in degrees and shift in pixels across a gap."""
WIDE_DRIFTS = (*DRIFTS, (5.0, 6.0))
SPACING_UM = 200.0
LEAST_PEAK = 500.0
PHANTOM_UM = 10.0
_LEAST_TISSUE = 0.06
"""Share of a plane that is tissue, brighter than 0.08 of the peak, where gaps are cut wide."""


@dataclass(frozen=True)
class Sampling:
    """How finely a gap and its neighbours are cut."""

    width_px: int | None
    """Of the longer side; None leaves the pixels of the volume."""
    neighbour_planes: int
    gap_planes: int | None
    """None: 4, and of the phantom 4, 8 or 20."""


COARSE = Sampling(None, 8, None)
WIDE = Sampling(800, 15, 15)
"""As SOCT samples tissue: 200 µm in 15 planes, and brains of about 800 px."""


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
    noise: str
    decoy: str = ""
    background: float = 0.0
    """Least intensity, as a share of the peak: 0 leaves a masked background at 0."""
    other: str = "phantom"
    """Where the decoy of another specimen is from."""
    sampling: Sampling = COARSE


def cases(
    count: int,
    sources: list[str],
    seed: int = 0,
    noises: Sequence[str] = ("clean", "L=4"),
    sampling: Sampling = COARSE,
) -> list[Case]:
    """A mix over all factors, and as many decoys as a quarter of the gaps."""
    rng = np.random.default_rng(seed)
    drifts = DRIFTS if sampling is COARSE else WIDE_DRIFTS
    found = []
    for index in range(count + count // 4):
        source = sources[index % len(sources)]
        turn, shift = drifts[int(rng.integers(len(drifts)))]
        others = [name for name in ["phantom", *sources] if name != source] or ["phantom"]
        planes = 4 if source != "phantom" else int(rng.choice([4, 8, 20]))
        rounds, scans = index // len(sources), holds_scans(source)
        found.append(
            Case(
                index=index,
                source=source,
                axis=int(rng.integers(3)),
                position=float(rng.uniform(0.2, 0.8)),
                planes=1 if scans else sampling.gap_planes or planes,
                rotation_deg=turn * float(rng.choice([-1, 1])),
                shift_px=shift,
                stretch=float(rng.choice([0.0, 0.02])),
                noise=_drawn(rng, noises, SCANS_NOISE if scans else None),
                decoy="" if index < count else DECOYS[(index - count) // len(sources) % len(DECOYS)],
                background=0.0 if sampling is COARSE else (0.0, 0.02)[rounds % 2],
                other=others[rounds % len(others)],
                sampling=sampling,
            )
        )
    return found


def _drawn(rng: np.random.Generator, noises: Sequence[str], only: str | None) -> str:
    # Drawn either way, so that the other cases do not hang on which sources there are.
    drawn = str(rng.choice(noises))
    return only or drawn


@cache
def reference(source: str, axis: int) -> tuple[Any, float, float]:
    """Volume with the cutting axis first, its plane spacing in µm, and its peak."""
    if source == "phantom":
        # 10 µm planes of 25 µm pixels; other axes are other brains, cut just the same.
        phantom = PhantomVolume(Phantom.seeded(axis), (800, 240, 280), (PHANTOM_UM, 25.0, 25.0))
        return phantom, PHANTOM_UM, float(np.percentile(phantom[400], 99.9))
    volume, size = open_reference(Path(source))
    data = np.asarray(volume)
    peak = float(np.percentile(data, 99.9))
    if 0 < peak < LEAST_PEAK:
        # Gaps are cut as whole numbers, which would leave nothing of intensities between 0 and 1.
        data = data * np.float32(LEAST_PEAK / peak)
    return np.moveaxis(data, axis, 0), size[axis], max(peak, LEAST_PEAK)


@dataclass(frozen=True, eq=False)
class Block:
    """A reference as one case samples it; planes at any depth, in planes of the reference."""

    case: Case
    volume: Any
    spacing: float
    peak: float

    @classmethod
    def of(cls, case: Case) -> Block:
        """The block that a case is cut from."""
        return cls(case, *reference(case.source, case.axis))

    def plane(self, z: float) -> Planes:
        """A plane, (y, x); between two planes of the reference linear in depth."""
        z = float(np.clip(z, 0, self.volume.shape[0] - 1))
        below = min(int(z), self.volume.shape[0] - 2)
        share = z - below
        plane = np.asarray(self.volume[below], dtype=np.float64)
        if share > 0:
            plane = (1 - share) * plane + share * np.asarray(self.volume[below + 1], dtype=np.float64)
        width = self.case.sampling.width_px
        if width is not None:
            scale = width / max(plane.shape)
            size = round(plane.shape[1] * scale), round(plane.shape[0] * scale)
            plane = cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC).clip(0)
        return np.maximum(plane, self.case.background * self.peak)

    def depths(self) -> tuple[float, float]:
        """Depth of the first plane of the gap, and distance of planes."""
        count, planes = self.volume.shape[0], self.case.planes
        if self.case.sampling is COARSE:
            step = max(1, round(SPACING_UM / planes / self.spacing))
            return round(self.case.position * (count - 1)) - step * (planes // 2), step
        low, high = tissue_range(self.case.source, self.case.axis)
        gap = float(np.clip(SPACING_UM / self.spacing, 1.0, 4.0))
        if self.case.source == "phantom":
            gap = SPACING_UM / self.spacing
        return low + self.case.position * (high - low), gap / planes

    def far(self, first: float, count: int) -> Planes:
        """Planes that lie far off, one after another in the reference."""
        away = FAR_UM / self.spacing
        if self.case.sampling is not COARSE:
            away = max(away, FAR_PLANES)
        z = first + round(away) * (1 if self.case.position < 0.5 else -1)
        _, step = self.depths()
        each = 1 if self.case.sampling is COARSE else step
        return np.stack([self.plane(z + k * each) for k in range(count)])


@cache
def tissue_range(source: str, axis: int) -> tuple[int, int]:
    """First and last plane of a reference that is tissue enough."""
    volume, _, peak = reference(source, axis)
    every = range(0, volume.shape[0], max(1, volume.shape[0] // 100))
    found = [z for z in every if (np.asarray(volume[z]) > 0.08 * peak).mean() > _LEAST_TISSUE]
    return found[0], found[-1]


@dataclass(frozen=True, eq=False)
class Gap:
    """A gap that was cut, with its truth; planes are (k, y, x)."""

    before: Planes
    truth: Planes
    after: Planes
    drift: Affine2D
    """Across the whole gap, in pixels of the planes: maps pixels of after to pixels of before."""
    faces: tuple[Planes, Planes]
    """The two planes at the gap without noise; of real scans, as they were imaged."""
    shown: Planes
    """The truth as its noise shows it on the average: planes are held against it."""


def cut(case: Case) -> Gap:
    """Cut a gap, or make a decoy, and put its noise over the planes around it."""
    if holds_scans(case.source):
        return cut_scans(case)
    rng = np.random.default_rng((1, case.index))
    block = Block.of(case)
    first, step = block.depths()
    shape = block.plane(first).shape
    drift = random_drift(case, (shape[0], shape[1]), rng)
    n, sides = case.planes, case.sampling.neighbour_planes
    planes = {}
    for k in range(-sides, n + sides):
        share = float(np.clip((k + 1) / (n + 1), 0.0, 1.0))
        planes[k] = moved(block.plane(first + k * step), drift.power(share).inverse())
    before = np.stack([planes[k] for k in range(-sides, 0)])
    truth = np.stack([planes[k] for k in range(n)])
    after = np.stack([planes[k] for k in range(n, n + sides)])
    if case.decoy:
        after = decoyed(case.decoy, after, lambda: block.far(first, sides), lambda: specimen(case), rng)
    noise, faces = NOISES[case.noise], (before[-1], after[0])
    shown = without_noise(case.noise, truth, block.peak)
    return Gap(noise(before, block.peak, rng), truth, noise(after, block.peak, rng), drift, faces, shown)


def cut_scans(case: Case) -> Gap:
    """The same of real B-scans: the scan between two pairs of neighbours is missing."""
    rng = np.random.default_rng((1, case.index))
    eyes = open_scans(case.source)
    eye = int(rng.integers(len(eyes)))
    scans, average = eyes[eye]
    drift = random_drift(case, (scans.shape[1], scans.shape[2]), rng)
    before, after = scans[:SIDE_SCANS], scans[SIDE_SCANS:]
    after = np.stack([moved(scan, drift.inverse()) for scan in after])
    truth = moved(average, drift.power(0.5).inverse())[None]
    if case.decoy:
        others = eyes[(eye + 1) % len(eyes)][0][SIDE_SCANS:]
        after = decoyed(case.decoy, after, lambda: others, lambda: specimen(case), rng)
    return Gap(before, truth, after, drift, (before[-1], after[0]), truth)


def specimen(case: Case) -> Planes:
    """A middle plane of another volume, as bright."""
    volume, _, peak = reference(case.other, case.axis)
    own = LEAST_PEAK if holds_scans(case.source) else reference(case.source, case.axis)[2]
    return np.asarray(volume[volume.shape[0] // 2], dtype=np.float64) * (own / peak)


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
