"""The score of a slice: what each aspect leaves of it, judged by slices that are believed themselves."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from schemas.quality import (
    Aspect,
    AspectFinding,
    PairFigures,
    QualitySettings,
    SliceFigures,
    SliceQuality,
)
from schemas.slice_id import format_slice_id
from soct_core.quality.expected import Departure, less_than_usual, off_trend
from soct_core.quality.planes import witnesses
from soct_core.versions import software_versions

_STEEPNESS = 3
"""Power of deviation over tolerance. Chosen by hand: half the tolerance costs a ninth, twice leaves one."""
_DOUBTED_BELOW = 0.25
"""Score below which a slice does not judge others. By hand; 0.5 sets aside good ones where anatomy turns."""
_LEAST_WITNESSES = 2
"""With one other slice nothing tells which of the two is bad."""
_LEAST_AREA = 0.08
"""Share of the plane. Where less is expected, a difference counts as a share of this. Chosen by hand."""
NO_TISSUE = "no tissue, here or beyond: past the end of the specimen, if nothing was lost"
TOO_FEW = "too few slices around to judge it by"
_USUAL_BRIGHTNESS = 75
"""Percentile of the intensity around, as some slices there may be dark. Chosen by hand."""
_DARK = math.log(8)
"""What is so much darker than usual is no tissue but a pattern of the background. Chosen by hand."""
_HALF = 0.5
"""A factor of at most this much is a reason."""

_TRENDS: tuple[tuple[Aspect, str, int, float], ...] = (
    ("area", "tissue_fraction", 0, 0.0),
    ("intensity", "log_intensity", 0, -math.inf),
    ("sharpness", "sharpness", -1, -math.inf),
    ("noise", "sharpness", 1, -math.inf),
    ("stripes", "stripes", 1, -math.inf),
    ("saturation", "saturated", 1, 0.0),
)
"""Aspects held against the local trend: the figure, the side that counts, and the least value it can have."""

Figures = Mapping[int, SliceFigures]
Pairs = Mapping[tuple[int, int], PairFigures]


def assess(slice_id: int, figures: Figures, pairs: Pairs, settings: QualitySettings) -> SliceQuality:
    """Judge a slice by those around it.

    The worst of all slices around is set aside until those that are left fit each other; a slice that was
    set aside judges none, so that a bad slice costs its neighbours nothing.

    Parameters
    ----------
    slice_id
        Of the slice to judge.
    figures, pairs
        Of all `surroundings` of the slice, and of all pairs among them.
    """
    ids = tuple(sorted(figures))
    doubted = _doubted(slice_id, figures, pairs, settings)
    believed = set(ids) - doubted
    if not believed & {*witnesses(slice_id, ids)}:
        believed = set(ids)
    findings = _findings(slice_id, figures, pairs, believed, settings)
    area = next((f for f in findings if f.aspect == "area"), None)
    score: float | None = product(findings)
    reasons = tuple(
        said(f) for f in sorted(findings, key=lambda finding: finding.factor) if f.factor <= _HALF
    )
    if len(witnesses(slice_id, ids)) < _LEAST_WITNESSES or area is None:
        score, reasons = None, (TOO_FEW,)
    elif _beyond_the_end(slice_id, figures, settings.min_tissue_fraction):
        score, reasons = None, (NO_TISSUE,)
    return SliceQuality(
        slice_id=slice_id,
        quality_score=None if score is None else round(score, 3),
        below_limit=score is not None and score < settings.exclude_below,
        reasons=reasons,
        findings=findings,
        figures=figures[slice_id],
        pairs=tuple(found for ids_of, found in sorted(pairs.items()) if slice_id in ids_of),
        doubted=tuple(sorted(doubted & {*witnesses(slice_id, ids)})),
        settings=settings,
        versions=software_versions(),
    )


def _doubted(slice_id: int, figures: Figures, pairs: Pairs, settings: QualitySettings) -> set[int]:
    """Slices around one that do not fit the others: the worst goes first, so that it takes none with it."""
    ids = tuple(sorted(figures))
    believed = set(ids)
    for _ in ids[: len(ids) // 2]:
        scores = {i: product(_findings(i, figures, pairs, believed, settings)) for i in believed}
        worst = min(scores, key=lambda i: (scores[i], i))
        if scores[worst] >= _DOUBTED_BELOW:
            break
        believed.remove(worst)
    return set(ids) - believed - {slice_id}


def _beyond_the_end(slice_id: int, figures: Figures, least: float) -> bool:
    """Whether neither the slice nor any around on one side of it shows tissue."""
    bright = [found.log_intensity for found in figures.values() if found.log_intensity is not None]
    dark = float(np.percentile(bright, _USUAL_BRIGHTNESS)) - _DARK if bright else math.inf
    shown = [
        i
        for i, found in figures.items()
        if found.tissue_fraction >= least and found.log_intensity is not None and found.log_intensity > dark
    ]
    return not shown or slice_id < min(shown) or slice_id > max(shown)


def product(findings: Collection[AspectFinding]) -> float:
    """The score that some findings make."""
    return math.prod(finding.factor for finding in findings)


def factor(deviation: float, tolerance: float) -> float:
    """What a deviation leaves of the score: 1 at none, one half at the tolerance.

    Examples
    --------
    >>> from soct_core.quality.score import factor
    >>> factor(0.0, 0.4), factor(0.4, 0.4), round(factor(0.8, 0.4), 3)
    (1.0, 0.5, 0.111)
    """
    return 1.0 / (1.0 + (deviation / tolerance) ** _STEEPNESS)


def _findings(
    slice_id: int, figures: Figures, pairs: Pairs, believed: Collection[int], settings: QualitySettings
) -> tuple[AspectFinding, ...]:
    around = witnesses(slice_id, tuple(sorted(figures)))
    judges = [w for w in around if w in believed]
    found: dict[Aspect, Departure | None] = {
        "likeness": less_than_usual(
            slice_id, {ids: pair.likeness for ids, pair in pairs.items()}, around, believed
        ),
        "missing": less_than_usual(
            slice_id, {ids: pair.overlap for ids, pair in pairs.items()}, around, believed
        ),
    }
    for aspect, name, side, least in _TRENDS:
        values = {i: value for i, f in figures.items() if (value := getattr(f, name)) is not None}
        found[aspect] = off_trend(slice_id, values, judges, side, least)
    return tuple(
        _finding(aspect, departure, getattr(settings, f"{aspect}_tolerance"))
        for aspect, departure in found.items()
        if departure is not None
    )


def _finding(aspect: Aspect, departure: Departure, tolerance: float) -> AspectFinding:
    deviation = departure.distance
    if aspect == "area":
        deviation /= max(departure.value, departure.expected, _LEAST_AREA)
    return AspectFinding(
        aspect=aspect,
        value=departure.value,
        expected=departure.expected,
        deviation=deviation,
        tolerance=tolerance,
        factor=factor(deviation, tolerance),
        against=departure.against,
    )


def said(finding: AspectFinding) -> str:
    """A finding in words."""
    value, expected = finding.value, finding.expected
    other = ", ".join(map(format_slice_id, finding.against))
    times = math.exp(min(value - expected, 50.0))
    match finding.aspect:
        case "likeness":
            return f"unlike slice {other}: local NCC {value:.2f}, {expected:.2f} expected"
        case "missing":
            return f"shares {value:.0%} of the tissue with slice {other}, {expected:.0%} expected"
        case "area":
            return f"tissue fills {value:.1%} of the plane, {expected:.1%} expected"
        case "intensity":
            return f"tissue is {times:.2g} times as bright as expected"
        case "sharpness":
            return f"blurred: {times:.0%} of the fine detail expected"
        case "noise":
            return f"noisy: {times:.2g} times the fine detail expected"
        case "stripes":
            return f"striped: rows or columns jump {times:.2g} times as much as expected"
        case "saturation":
            return f"saturated: {value:.1%} of the tissue, {expected:.1%} expected"
