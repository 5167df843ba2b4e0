"""Does the quality score tell spoiled slices from good ones, and does it leave good ones alone?

    python benchmarks/quality.py [--reference VOLUME.npz ...] [--looks 0 4] [--seeds 2] [--axes 0]

Acquisitions are cut from phantoms and from every volume given, drifting at every cut, clean and speckled. In
one half of the acquisitions a fifth of the slices is spoiled: bands of noise, torn, dimmed, blurred, half
empty, another specimen, other anatomy of the same one, pure noise; neighbours may be spoiled alike. Reported
are the area under the ROC curve of the score, by volume and by defect, and what `--exclude` would take out of
acquisitions without any defect. Settings were chosen on phantom 4 and on the mouse brain by MRI.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from confidence import area_under_curve
from planted import DEFECTS, Imaging, Source, cut, phantom_source, sources_of, volume_of, with_tissue

from schemas.quality import PairFigures, QualitySettings, SliceFigures, SliceQuality
from soct_core.quality.compare import compare_faces
from soct_core.quality.measure import measure_slice
from soct_core.quality.planes import LookedAt, lower_face, pairs_to_compare, surroundings, upper_face
from soct_core.quality.score import assess

SHARE_SPOILED = 0.2
_INTERVAL_UM = 200.0


@dataclass(frozen=True)
class Case:
    """One acquisition to assess."""

    reference: Path | None
    foreign: Path | None
    axis: int
    looks: float
    seed: int
    spoiled: bool


@dataclass(frozen=True)
class Measured:
    """One acquisition, measured but not judged."""

    name: str
    looks: float
    defects: dict[int, str]
    """By slice; empty for a clean acquisition."""
    counted: tuple[int, ...]
    """Slices with tissue."""
    figures: dict[int, SliceFigures]
    pairs: dict[tuple[int, int], PairFigures]


@dataclass(frozen=True)
class Judged:
    """One slice with tissue."""

    name: str
    looks: float
    clean: bool
    """Whether nothing in its acquisition was spoiled."""
    defect: str
    slice_id: int
    quality: SliceQuality

    @property
    def score(self) -> float:
        """0 where nothing could be said: it is not to be trusted then."""
        return self.quality.quality_score or 0.0


def measured(case: Case) -> list[Measured]:
    """Cut and measure the acquisitions of a case: one, or one for each group of pictures."""
    foreign = (
        phantom_source(9, np.zeros((1, 1, 1), np.float32)).volume
        if case.foreign is None
        else volume_of(case.foreign)
    )
    if case.reference is None:
        sources = [phantom_source(4 + case.seed, foreign)]
    else:
        sources = sources_of(case.reference, foreign, case.axis)
    return [_measured(source, case, index) for index, source in enumerate(sources)]


def _measured(source: Source, case: Case, index: int) -> Measured:
    ids, rng = with_tissue(source), np.random.default_rng((case.seed, index, 7))
    defects: dict[int, str] = {}
    if case.spoiled:
        count = max(1, round(SHARE_SPOILED * len(ids)))
        chosen, kinds = rng.choice(ids, count, replace=False), rng.permutation(DEFECTS)
        defects = {int(i): str(kinds[k % len(kinds)]) for k, i in enumerate(chosen)}
    imaging = Imaging(looks=case.looks, seed=1000 * case.seed + index)
    slices = cut(source, imaging, defects)
    settings = QualitySettings()
    looked = LookedAt.of(source.planes, _INTERVAL_UM / source.planes, settings)
    factor = upper_face(slices[0], looked).factor
    upper = [upper_face(one, looked, factor) for one in slices]
    lower = [lower_face(one, looked, factor) for one in slices]
    figures = {i: measure_slice(one, i, looked) for i, one in enumerate(slices)}
    pairs = {
        (a, b): compare_faces(lower[a], upper[b], (a, b)).figures for a, b in pairs_to_compare(tuple(figures))
    }
    return Measured(source.name, case.looks, defects, tuple(ids), figures, pairs)


def judged(found: Measured, settings: QualitySettings) -> list[Judged]:
    """Judge every slice with tissue."""
    results, ids = [], tuple(found.figures)
    for i in ids:
        near = set(surroundings(i, ids))
        quality = assess(
            i,
            {j: found.figures[j] for j in near},
            {pair: figures for pair, figures in found.pairs.items() if {*pair} <= near},
            settings,
        )
        # A good slice past the end of the specimen has no score; a spoiled one without a score has 0.
        judgeable = quality.quality_score is not None or i in found.defects
        if not found.defects or (i in found.counted and judgeable):
            results.append(
                Judged(found.name, found.looks, not found.defects, found.defects.get(i, ""), i, quality)
            )
    return results


def report(results: Sequence[Judged]) -> None:
    """Print what was found."""
    print(
        f"{'volume':<34}{'looks':>6}{'spoiled':>8}{'good':>6}{'AUC':>7}  {'worst defect':<22}clean, excluded"
    )
    for name, looks in sorted({(r.name, r.looks) for r in results}):
        own = [r for r in results if (r.name, r.looks) == (name, looks)]
        by_defect = {d: _auc(own, d) for d in DEFECTS if any(r.defect == d for r in own)}
        worst = min(by_defect, key=lambda d: by_defect[d]) if by_defect else ""
        clean = [r for r in own if r.clean]
        said = f"{worst} {by_defect[worst]:.3f}" if worst else ""
        print(
            f"{name:<34}{looks:>6g}{sum(bool(r.defect) for r in own):>8}"
            f"{sum(not r.defect and not r.clean for r in own):>6}{_auc(own):>7.3f}  {said:<22}"
            f"{sum(r.quality.below_limit for r in clean)} of {len(clean)}"
        )
    print("by defect, all volumes:")
    for defect in DEFECTS:
        scores = [r.score for r in results if r.defect == defect]
        if scores:
            print(
                f"  {defect:<12}{len(scores):>4} slices: AUC {_auc(results, defect):.3f}, "
                f"score median {np.median(scores):.2f}, greatest {max(scores):.2f}"
            )
    good = [r for r in results if not r.defect and not r.clean]
    print(
        f"good slices among spoiled ones: {sum(r.quality.below_limit for r in good)} of {len(good)} excluded"
    )


def _auc(results: Sequence[Judged], defect: str | None = None) -> float:
    """Good slices against spoiled ones, all of acquisitions that hold both."""
    chosen = [r for r in results if not r.clean and (not r.defect or defect is None or r.defect == defect)]
    scores = np.array([r.score for r in chosen])
    return area_under_curve(scores, np.array([not r.defect for r in chosen], dtype=bool))


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--looks", type=float, nargs="+", default=[0.0, 4.0], help="of the speckle; 0 is none"
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--axes", type=int, nargs="+", default=[0], help="along which volumes are cut")
    arguments = parser.parse_args()
    cases = [
        Case(reference, _foreign(reference, arguments.reference), axis, looks, seed, spoiled)
        for reference in (None, *arguments.reference)
        for axis in (arguments.axes if reference else [0])
        for looks in arguments.looks
        for seed in range(arguments.seeds)
        for spoiled in (True, False)
    ]
    started = time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = [one for many in pool.map(measured, cases) for one in many]
    report([one for acquisition in found for one in judged(acquisition, QualitySettings())])
    print(f"{len(found)} acquisitions in {time.perf_counter() - started:.0f} s")


def _foreign(reference: Path | None, references: Sequence[Path]) -> Path | None:
    """Another volume to take foreign slices from; None: a phantom."""
    with_depth = [path for path in references if path != reference and "retina" not in path.stem]
    return with_depth[-1] if with_depth and reference is not None else None


if __name__ == "__main__":
    main()
