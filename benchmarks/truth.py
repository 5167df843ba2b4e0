"""Does zmorph fill what can be filled, and refuse the rest? Gaps with known truth, and decoys.

    python benchmarks/truth.py [--reference VOLUME.npz] [--gaps 300] [--out benchmarks/results]

Each gap is cut out of a phantom or a real volume along one of three axes, with drift linear in z
across it, clean or speckled. A gap is decided right when it is accepted exactly if zmorph beats
the linear cross-fade without registration in PSNR against the clean held-out planes. Decoys have
no truth and must be refused. Gate defaults were chosen on the even cases; judge by the odd ones.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.baselines import interpolate_average, interpolate_weighted
from soct_core.boundary_planes import reference_slab
from soct_core.elastix import register
from soct_core.errors import RegistrationError
from soct_core.imaging import speckle
from soct_core.likeness import displacement_rms
from soct_core.morph import Morph, alphas
from soct_core.phantom import Phantom, PhantomVolume
from soct_core.registration_plane import registration_plane
from soct_core.simulate import open_reference
from soct_core.warp import coverage, warp
from soct_core.zmorph import interpolate_z_morph

DRIFTS = ((0.0, 0.0), (1.0, 3.0), (2.0, 8.0), (3.0, 10.0))
"""Rotation in degrees and shift in pixels across a gap."""
DECOYS = ("1.5 mm apart", "mirrored", "turned", "blank", "agarose", "saturated", "half out of view")
NEIGHBOUR_PLANES = 8
SPACING_UM = 200.0
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


@dataclass(frozen=True)
class Result:
    """What became of it; PSNR in dB."""

    index: int
    source: str
    axis: int
    planes: int
    rotation_deg: float
    shift_px: float
    looks: int
    decoy: str
    accepted: bool
    right: bool
    reason: str
    gate: str
    pre_ncc: float
    post_ncc: float
    registration_error_px: float
    psnr_zmorph: float
    psnr_interior: float
    psnr_linear: float
    psnr_average: float
    psnr_weighted: float
    ssim_zmorph: float
    ssim_linear: float
    wall_s: float
    cpu_s: float


def cases(count: int, sources: list[str], seed: int = 0) -> list[Case]:
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
                looks=int(rng.choice([0, 4])),
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
    return np.moveaxis(np.asarray(volume), axis, 0), size[axis]


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


def run(case: Case) -> Result:
    """Cut one gap, fill it by every method, and compare."""
    before, truth, after, drift = cut(case)
    dtype = np.uint16
    before16, after16 = (np.rint(np.clip(v, 0, 65_535)).astype(dtype) for v in (before, after))
    wall, cpu = time.perf_counter(), time.process_time()
    volume, d = interpolate_z_morph(before16, after16, InterpolationSettings(), case.planes)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    motion = found_motion(before16, after16, d)
    if motion is None:
        would = interior = None
    else:
        would = np.stack(
            list(Morph(before16[-1], after16[0], motion, InterpolationSettings()).planes(case.planes))
        )
        inner = InterpolationSettings(alpha_sampling="interior")
        interior = np.stack(list(Morph(before16[-1], after16[0], motion, inner).planes(case.planes)))
    peak = float(np.percentile(truth, 99.9))
    a = alphas(case.planes, "boundary")[:, None, None]
    linear = (1 - a) * before16[-1] + a * after16[0]
    zmorph_psnr, linear_psnr = psnr(would, truth, peak), psnr(linear, truth, peak)
    accepted = volume is not None
    worth = not case.decoy and zmorph_psnr > linear_psnr
    tissue = registration_plane(truth[0], 1).tissue
    error = (
        np.nan if motion is None or case.decoy else displacement_rms(drift.inverse().compose(motion), tissue)
    )
    return Result(
        index=case.index,
        source=Path(case.source).stem,
        axis=case.axis,
        planes=case.planes,
        rotation_deg=case.rotation_deg,
        shift_px=case.shift_px,
        looks=case.looks,
        decoy=case.decoy,
        accepted=accepted,
        right=accepted == worth,
        reason=d.fallback_reason or "",
        gate=d.gate or "",
        pre_ncc=_or_nan(d.pre_reg_ncc),
        post_ncc=_or_nan(d.post_reg_ncc),
        registration_error_px=float(error),
        psnr_zmorph=zmorph_psnr,
        psnr_interior=psnr(interior, truth, peak),
        psnr_linear=linear_psnr,
        psnr_average=psnr(interpolate_average(before16, after16, case.planes), truth, peak),
        psnr_weighted=psnr(interpolate_weighted(before16, after16, case.planes), truth, peak),
        ssim_zmorph=ssim(would, truth, peak),
        ssim_linear=ssim(linear, truth, peak),
        wall_s=wall,
        cpu_s=cpu,
    )


def found_motion(before: Any, after: Any, d: InterpolationDiagnostics) -> Affine2D | None:
    """The transform that was judged, or would have been had an earlier gate not closed."""
    if d.affine_matrix is not None and d.affine_translation is not None and d.affine_center is not None:
        motion = Affine2D.of(d.affine_matrix, d.affine_translation, d.affine_center)
        return motion if motion.determinant > 0 else None
    settings = InterpolationSettings()
    moving, _ = reference_slab(before, before.shape[0] - 1, settings.reference_slab_size)
    fixed, _ = reference_slab(after, 0, settings.reference_slab_size)
    try:
        motion = register(fixed, moving, "affine")
        motion.power(0.5)
    except RegistrationError:
        return None
    return motion if motion.determinant > 0 else None


def psnr(found: Any, truth: Volume, peak: float) -> float:
    """Peak signal-to-noise ratio in dB; bright outliers are clipped to the peak."""
    if found is None:
        return float("nan")
    error = np.minimum(np.asarray(found, dtype=float), peak) - np.minimum(truth, peak)
    return float(10 * np.log10(peak**2 / np.mean(error**2)))


def ssim(found: Any, truth: Volume, peak: float) -> float:
    """Mean structural similarity over planes."""
    if found is None:
        return float("nan")
    clipped = np.minimum(np.asarray(found, dtype=float), peak)
    pairs = zip(clipped, np.minimum(truth, peak), strict=True)
    return float(np.mean([structural_similarity(a, b, data_range=peak) for a, b in pairs]))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def summary(results: list[Result]) -> Iterable[str]:
    """The figures of section 13 of the contract."""
    gaps, decoys = [r for r in results if not r.decoy], [r for r in results if r.decoy]
    yield f"{len(gaps)} gaps, {len(decoys)} decoys"
    of_gaps = np.mean([r.right for r in gaps])
    yield f"  decisions right: {np.mean([r.right for r in results]):.1%} (gaps {of_gaps:.1%})"
    wrong = [r.decoy for r in decoys if r.accepted]
    yield f"  decoys accepted: {len(wrong)} {sorted(set(wrong))}"
    aligned = [r for r in gaps if r.shift_px == 0 and not r.looks]
    yield f"  aligned clean gaps refused: {sum(not r.accepted for r in aligned)} of {len(aligned)}"
    accepted = [r for r in gaps if r.accepted]
    drifting = [r for r in accepted if r.shift_px > 0]
    wins = np.mean([r.psnr_zmorph > r.psnr_linear for r in drifting])
    yield f"  accepted drifting gaps where zmorph beats linear: {wins:.1%} of {len(drifting)}"
    still = [r.psnr_zmorph - r.psnr_linear for r in accepted if r.shift_px == 0]
    if still:
        yield f"  accepted aligned gaps, worst against linear: {min(still):+.2f} dB of {len(still)}"
    for looks in (0, 4):
        for drift in sorted({r.shift_px for r in gaps}):
            same = [r for r in gaps if r.looks == looks and r.shift_px == drift]
            if same:
                yield (
                    f"  {'speckle' if looks else 'clean':>7}, drift {drift:>4.0f} px: PSNR average "
                    f"{_mean(same, 'psnr_average')}, weighted {_mean(same, 'psnr_weighted')}, linear "
                    f"{_mean(same, 'psnr_linear')}, zmorph {_mean(same, 'psnr_zmorph')}, interior "
                    f"{_mean(same, 'psnr_interior')}; SSIM linear {_mean(same, 'ssim_linear', 3)}, zmorph "
                    f"{_mean(same, 'ssim_zmorph', 3)}; accepted {np.mean([r.accepted for r in same]):.0%}"
                )
    errors = np.array([r.registration_error_px for r in accepted])
    yield f"  registration error of accepted gaps, anatomy included: median {np.nanmedian(errors):.2f} px"
    yield f"  one gap: median {np.median([r.wall_s for r in results]):.2f} s wall, " + (
        f"{np.median([r.cpu_s for r in results]):.2f} s CPU"
    )


def _mean(results: list[Result], name: str, digits: int = 1) -> str:
    return f"{np.nanmean([getattr(r, name) for r in results]):.{digits}f}"


def plot(results: list[Result], path: Path) -> None:
    """Gain over the linear cross-fade, accepted and refused."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axis = figure.subplots()
    for accepted, color in ((True, "tab:green"), (False, "tab:red")):
        same = [r for r in results if not r.decoy and r.accepted == accepted]
        axis.scatter(
            [r.post_ncc for r in same],
            [r.psnr_zmorph - r.psnr_linear for r in same],
            s=12,
            color=color,
            label="accepted" if accepted else "refused",
        )
    axis.axhline(0, color="gray", linewidth=0.8)
    axis.set(xlabel="NCC after registration", ylabel="zmorph - linear, PSNR in dB")
    axis.legend()
    figure.savefig(path)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--gaps", type=int, default=300)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    sources = ["phantom"] + ([str(arguments.reference)] if arguments.reference else [])
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(run, cases(arguments.gaps, sources), chunksize=4))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "truth.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(results[0])))
        writer.writeheader()
        writer.writerows(asdict(r) for r in results)
    plot(results, arguments.out / "truth.png")
    for name, half in (("even", 0), ("odd", 1)):
        print(f"{name} cases:")
        print("\n".join(summary([r for r in results if (r.index // len(sources)) % 2 == half])))


if __name__ == "__main__":
    main()
