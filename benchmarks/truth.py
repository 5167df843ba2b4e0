"""Does zmorph fill what can be filled, and refuse the rest? Gaps with known truth, and decoys.

    python benchmarks/truth.py [--reference VOLUME.npz ...] [--gaps 300] [--wide] [--noises clean L=4 ...]

Each gap is cut out of a phantom, a real volume (along one of three axes) or a file of real OCT B-scans,
with drift linear in z across it, in the noises that are named. With `--wide` planes are about 800 px wide and
15 of them are 200 µm, as SOCT samples tissue. A gap is decided right when it is accepted exactly if zmorph
beats the linear cross-fade without registration in PSNR against the clean held-out planes; within 0.05 dB
they tie, and neither decision is wrong. Clean gaps without any drift may cost 0.3 dB. A gap is worth
filling if, without noise, a morph by the true drift is no more than 0.3 dB below linear; and filled right if
the morph by the motion that was found is not either. Decoys have no truth and must be refused.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from filled_gaps import NAN, Made, interval_figures, psnr, ssim
from gaps import COARSE, WIDE, Case, Gap, cases, cut
from noises import NOISES
from numpy.typing import NDArray
from truth_figures import Result, by_source_and_noise, plot, refinements, summary

import soct_core.zmorph.interpolate as zmorph
from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.baselines import interpolate_average, interpolate_weighted
from soct_core.errors import RegistrationError
from soct_core.registration.likeness import displacement_rms
from soct_core.registration.register import register
from soct_core.registration.working_plane import reduced, registration_plane
from soct_core.zmorph import interpolate_z_morph
from soct_core.zmorph.morph import Morph, alphas
from soct_core.zmorph.reference_slab import slab_size


def run(case: Case) -> Result:
    """Cut one gap, fill it by every method, and compare."""
    gap = cut(case)
    truth = gap.shown
    before16, after16 = (np.rint(np.clip(v, 0, 65_535)).astype(np.uint16) for v in (gap.before, gap.after))
    with clocked() as spent:
        wall, cpu = time.perf_counter(), time.process_time()
        volume, d = interpolate_z_morph(before16, after16, InterpolationSettings(), case.planes)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    motion = found_motion(before16, after16, d)
    peak = float(np.percentile(truth, 99.9))
    a = alphas(case.planes, "boundary")[:, None, None]
    linear = (1 - a) * before16[-1] + a * after16[0]
    made = Made.of((before16, after16), motion, truth, peak)
    would, refined = made.boundary, made.refined
    interval = interval_figures(made, truth, peak)
    worth, found = (clean_gain(gap, m) for m in (gap.drift, motion))
    return Result(
        index=case.index,
        source=Path(case.source).stem,
        axis=case.axis,
        planes=case.planes,
        rotation_deg=case.rotation_deg,
        shift_px=case.shift_px,
        noise=case.noise,
        decoy=case.decoy,
        stretch=case.stretch,
        accepted=volume is not None,
        reason=d.fallback_reason or "",
        gate=d.gate or "",
        pre_ncc=_or_nan(d.pre_reg_ncc),
        post_ncc=_or_nan(d.post_reg_ncc),
        registration_error_px=registration_error(gap, motion, case),
        psnr_zmorph=psnr(would, truth, peak),
        **{f"psnr_{name}": value for name, value in made.psnr.items()},
        **{f"ssim_{name}": value for name, value in made.ssim.items()},
        **beside_of((before16, after16), truth, peak),
        source_planes=0 if refined is None else refined.planes,
        brightness_of_light=_or_nan(None if refined is None else refined.brightness.of_light),
        held_out_error=_or_nan(None if refined is None else refined.held_out_error),
        min_jacobian=made.min_jacobian,
        **interval,
        psnr_linear=psnr(linear, truth, peak),
        clean_gain_drift=worth,
        clean_gain_found=found,
        ssim_zmorph=ssim(would, truth, peak),
        ssim_linear=ssim(linear, truth, peak),
        wall_s=wall,
        cpu_s=cpu,
        cpu_search_s=spent["search_overlap_planes"],
        cpu_register_s=spent["register"],
        cpu_planes_s=spent["planes"],
    )


def beside_of(gap: tuple[Any, Any], truth: NDArray[Any], peak: float) -> dict[str, float]:
    """PSNR and SSIM of what does not register, the linear cross-fade at interior depths."""
    (before, after), count = gap, len(truth)
    a = alphas(count, "interior")[:, None, None]
    planes = {
        "linear_interior": (1 - a) * before[-1] + a * after[0],
        "average": interpolate_average(before, after, count),
        "weighted": interpolate_weighted(before, after, count),
    }
    found = {f"psnr_{name}": psnr(made, truth, peak) for name, made in planes.items()}
    return found | {f"ssim_{name}": ssim(made, truth, peak) for name, made in planes.items()}


def registration_error(gap: Gap, motion: Affine2D | None, case: Case) -> float:
    """RMS distance over tissue between the motion found and the drift, in pixels; NaN where there is none."""
    if motion is None or case.decoy:
        return float("nan")
    tissue = registration_plane(gap.truth[0], 1).tissue
    return float(displacement_rms(gap.drift.inverse().compose(motion), tissue))


def planes_of(
    before: NDArray[Any], after: NDArray[Any], motion: Affine2D, settings: InterpolationSettings, count: int
) -> NDArray[Any]:
    """The missing planes as zmorph would make them, whatever its gates say."""
    return np.stack(list(Morph.of_planes(before, after, motion, settings).planes(count)))


def clean_gain(gap: Gap, motion: Affine2D | None) -> float:
    """PSNR over linear of the faces without noise, morphed by a motion; in dB."""
    if motion is None:
        return float("nan")
    count = len(gap.truth)
    a = alphas(count, "boundary")[:, None, None]
    linear = (1 - a) * gap.faces[0] + a * gap.faces[1]
    peak = float(np.percentile(gap.truth, 99.9))
    morphed = planes_of(*gap.faces, motion, InterpolationSettings(), count)
    return psnr(morphed, gap.truth, peak) - psnr(linear, gap.truth, peak)


@contextmanager
def clocked() -> Iterator[dict[str, float]]:
    """CPU seconds that the parts of zmorph take meanwhile."""
    spent = dict.fromkeys(("search_overlap_planes", "register", "planes"), 0.0)
    with ExitStack() as stack:
        for owner, name in ((zmorph, "search_overlap_planes"), (zmorph, "register"), (Morph, "planes")):
            stack.enter_context(patch.object(owner, name, _clocked(getattr(owner, name), name, spent)))
        yield spent


def _clocked(part: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    def run(*given: Any, **named: Any) -> Any:
        started = time.process_time()
        found = part(*given, **named)
        found = list(found) if name == "planes" else found
        spent[name] += time.process_time() - started
        return found

    return run


def found_motion(before: Any, after: Any, d: InterpolationDiagnostics) -> Affine2D | None:
    """The transform that was judged, or would have been had an earlier gate not closed."""
    if d.affine_matrix is not None and d.affine_translation is not None and d.affine_center is not None:
        motion = Affine2D.of(d.affine_matrix, d.affine_translation, d.affine_center)
        return motion if motion.determinant > 0 else None
    settings = InterpolationSettings()
    above, below = reduced(before[::-1]), reduced(after)
    last = slab_size((above, below), settings.reference_slab_size) - 1
    try:
        motion = register(below.plane(0, last), above.plane(0, last), "affine", settings).motion
        motion.power(0.5)
    except RegistrationError:
        return None
    return motion if motion.determinant > 0 else None


def _or_nan(value: float | None) -> float:
    return NAN if value is None else value


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path, nargs="*", default=[])
    parser.add_argument("--gaps", type=int, default=300)
    parser.add_argument(
        "--noises",
        nargs="+",
        choices=[*NOISES, "all"],
        default=["clean", "L=4"],
        metavar="NOISE",
        help=f"all, or some of {', '.join(NOISES)}",
    )
    parser.add_argument("--wide", action="store_true", help="planes of 800 px, 15 in 200 µm")
    parser.add_argument("--no-phantom", action="store_true", help="cut the references only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    sources = [*([] if arguments.no_phantom else ["phantom"]), *map(str, arguments.reference)]
    noises = list(NOISES) if "all" in arguments.noises else arguments.noises
    drawn = cases(arguments.gaps, sources, arguments.seed, noises, WIDE if arguments.wide else COARSE)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(run, drawn, chunksize=4))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "truth.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(results[0])))
        writer.writeheader()
        writer.writerows(asdict(r) for r in results)
    plot(results, arguments.out / "truth.png")
    for name, half in (("even", 0), ("odd", 1)):
        print(f"{name} cases:")
        print("\n".join(summary([r for r in results if (r.index // len(sources)) % 2 == half])))
    print("by volume and noise:")
    print("\n".join(by_source_and_noise(results)))
    print("what is added to the affine, and the interval of each voxel:")
    print("\n".join(refinements(results)))


if __name__ == "__main__":
    main()
