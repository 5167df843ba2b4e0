"""The methods paragraph: what was really done to this acquisition, with its numbers and sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from schemas.diagnostics import InterpolationDiagnostics
from schemas.orientation import from_to
from schemas.run_record import RunRecord
from schemas.settings import InterpolationSettings, RegistrationMetric
from soct_core.registration.register import (
    REFINING_SCHEDULE,
    REFINING_SHARE,
    SCHEDULE,
    RegistrationChoice,
)
from soct_core.report.corrections import aligned_by_hand, kept_by_stage
from soct_core.report.counts import counted, number_word
from soct_core.report.run_data import RegisteredPair, RunData
from soct_core.versions import NOT_INSTALLED
from soct_core.zmorph.gate_list import GATES

SOURCES = {
    "elastix": "Klein S, Staring M, Murphy K, Viergever MA, Pluim JPW (2010). elastix: a toolbox for "
    "intensity-based medical image registration. IEEE Transactions on Medical Imaging 29(1), 196–205. "
    "doi:10.1109/TMI.2009.2035616",
    "ecc": "Evangelidis GD, Psarakis EZ (2008). Parametric image alignment using enhanced correlation "
    "coefficient maximization. IEEE Transactions on Pattern Analysis and Machine Intelligence 30(10), "
    "1858-1865. doi:10.1109/TPAMI.2008.113",
    "descent": "Klein S, Pluim JPW, Staring M, Viergever MA (2009). Adaptive stochastic gradient descent "
    "optimisation for image registration. International Journal of Computer Vision 81(3), 227–239. "
    "doi:10.1007/s11263-008-0197-y",
    "itk": "McCormick M, Liu X, Jomier J, Marion C, Ibanez L (2014). ITK: enabling reproducible research "
    "and open science. Frontiers in Neuroinformatics 8, 13. doi:10.3389/fninf.2014.00013",
    "opencv": "Bradski G (2000). The OpenCV library. Dr. Dobb's Journal of Software Tools 25(11), 120–125.",
    "otsu": "Otsu N (1979). A threshold selection method from gray-level histograms. IEEE Transactions on "
    "Systems, Man, and Cybernetics 9(1), 62–66. doi:10.1109/TSMC.1979.4310076",
    "powers": "Arsigny V, Commowick O, Ayache N, Pennec X (2009). A fast and log-Euclidean polyaffine "
    "framework for locally linear registration. Journal of Mathematical Imaging and Vision 33(2), 222–238. "
    "doi:10.1007/s10851-008-0135-9",
    "robust": "Geman S, McClure DE (1987). Statistical methods for tomographic image reconstruction. "
    "Bulletin of the International Statistical Institute 52(4), 5–21.",
    "ngff": "Moore J, Allan C, Besson S, et al. (2021). OME-NGFF: a next-generation file format for "
    "expanding bioimaging data-access strategies. Nature Methods 18, 1496–1498. "
    "doi:10.1038/s41592-021-01326-w",
    "prefect": "Prefect Technologies, Inc. Prefect: workflow orchestration for Python. Software.",
}
_METRICS: dict[RegistrationMetric, str] = {
    "CC": "normalised correlation",
    "MSE": "mean squared difference",
    "MI": "mutual information",
}


@dataclass(frozen=True)
class Methods:
    """Paragraphs with numbered references, in the order of their first mention."""

    paragraphs: tuple[str, ...]
    references: tuple[str, ...]


class _Citations:
    def __init__(self) -> None:
        self.used: list[str] = []

    def __call__(self, *keys: str) -> str:
        for key in keys:
            if key not in self.used:
                self.used.append(key)
        return "[" + ", ".join(str(self.used.index(key) + 1) for key in keys) + "]"


def methods_of(data: RunData) -> Methods:
    """Only what was done: a stage that the run did not reach is not described."""
    cite = _Citations()
    parts = (
        _slices(data, cite),
        _interpolation(data, cite),
        _registration(data, cite),
        _poses(data, cite),
        _volume(data, cite),
    )
    paragraphs = tuple(part for part in parts if part)
    return Methods(paragraphs, tuple(SOURCES[key] for key in cite.used))


def _slices(data: RunData, cite: _Citations) -> str:
    record = data.record
    prefect = record.versions.get("prefect", "")
    orchestrated = f", run by Prefect {prefect} {cite('prefect')}" if prefect else ""
    text = (
        f"{len(data.used)} slices of nominally {record.settings.slicing_interval_um:g} µm were "
        f"reconstructed with {program_of(record)} (Python {record.versions.get('python', '')}{orchestrated})."
    )
    if record.settings.usable_depth_um is not None:
        text += f" Each slice was trusted to a depth of {record.settings.usable_depth_um:g} µm."
    if any(p.path.endswith(".csv") and not p.path.endswith("slice_config.csv") for p in record.inputs):
        text += " Slices were brought into common space by the shifts of the stage."
    return text


def _interpolation(data: RunData, cite: _Citations) -> str:
    tried = [gap.diagnostics for gap in data.gaps]
    if not tried:
        return ""
    s = tried[0].settings
    if s.method != "zmorph":
        return (
            f"{number_word(len(tried))} single missing slices were replaced by the {s.method} of their "
            "neighbours, without registration."
        ).capitalize()
    feather = (
        ", feathered in-plane where only one of the two showed tissue" if s.blend_method == "gaussian" else ""
    )
    done = [d for d in tried if not d.interpolation_failed]
    failed = Counter(str(d.fallback_reason) for d in tried if d.interpolation_failed)
    refused = ", ".join(f"{reason}: {count}" for reason, count in failed.items())
    text = (
        "Single missing slices were interpolated by z-aware morphing. The means of "
        f"{_slabs(tried)} on each side of the gap were registered by a 2D affine "
        f"({_engines(s, cite)}). Fractional powers of that affine, "
        f"the one-parameter subgroup through it {cite('powers')}, led plane by plane from the slice above "
        f"to the slice below; the two were cross-faded{feather}. A slice was written only where "
        f"{_criteria(s)}. Tissue was told from the embedding by Otsu's threshold "
        f"{cite('otsu')}. Of {counted(len(tried), 'single gap')} {number_word(len(done))} "
        f"{'was' if len(done) == 1 else 'were'} filled"
    )
    rises = [(d.pre_reg_ncc, d.post_reg_ncc) for d in done if d.pre_reg_ncc is not None and d.post_reg_ncc]
    if rises:
        before, after = (median(side) for side in zip(*rises, strict=True))
        text += f" (median NCC {before:.2f} before and {after:.2f} after registration)"
    if failed:
        text += f" and {number_word(sum(failed.values()))} left empty ({refused})"
    return f"{text}. Interpolated voxels are labelled as such and took no part in the registration of others."


def _slabs(tried: Sequence[InterpolationDiagnostics]) -> str:
    """How many planes were averaged."""
    size = tried[0].settings.reference_slab_size
    if size != "auto":
        return f"{size} planes"
    ranges = [r for d in tried for r in (d.slab_before_range, d.slab_after_range) if r is not None]
    used = sorted({last - first + 1 for first, last in ranges}) or [1]
    most = f" to {used[-1]}" if len(used) > 1 else ""
    return f"{used[0]}{most} plane{'s' if used[-1] > 1 else ''}, as many as the noise asked,"


def _criteria(s: InterpolationSettings) -> str:
    """The gates that a reader of the paper should know, in the order in which they are asked."""
    told = [
        gate.methods.format(limit=getattr(s, gate.settings[0]), aligned=s.aligned_displacement_px)
        for gate in GATES.values()
        if gate.methods
    ]
    return ", ".join(told[:-1]) + f", and {told[-1]}"


def _registration(data: RunData, cite: _Citations) -> str:
    pairs = data.steering_pairs
    if not pairs:
        return ""
    s = pairs[0].metrics.settings
    matched = [p for p in pairs if p.metrics.z_source == "matched"]
    checks = [p for p in data.pairs if p.metrics.role == "check"]
    depth = (
        f"; the matching depth was sought within ±{s.search_range_um:g} µm of the nominal one"
        if matched
        else ""
    )
    text = (
        f"{counted(len(pairs), 'pair').capitalize()} of neighbouring slices were registered rigidly "
        "in-plane on the square root of their intensities "
        f"({_engines(s, cite)}){depth}. "
    )
    values = [
        (m.pre_ncc, m.post_ncc)
        for m in (p.metrics for p in pairs)
        if m.pre_ncc is not None and m.post_ncc is not None
    ]
    if values:
        before, after = (median(side) for side in zip(*values, strict=True))
        rose = f"rose from {before:.2f} to {after:.2f}" if before < after else f"was {after:.2f}"
        text += f"Median NCC over tissue {rose}. "
    unreliable = sum(p.metrics.overall_status == "error" for p in pairs)
    if unreliable:
        text += f"{counted(unreliable, 'pair').capitalize()} of these were unreliable and got no weight. "
    if checks:
        text += f"{counted(len(checks), 'pair').capitalize()} of second neighbours served as checks. "
    return f"{text}{aligned_by_hand(data.pairs)}".strip()


def _poses(data: RunData, cite: _Citations) -> str:
    rows = [row for row in data.decisions if row.get("pose_rotation_deg") is not None]
    if not rows:
        return ""
    moves = (
        abs(row[f"pose_translation_{axis}_px"]) + abs(row["pose_rotation_deg"])
        for row in rows
        for axis in "xy"
    )
    s = data.record.settings.stack
    if s.pose_from == "stage":
        return "All slices were left where the stage had put them; registration placed none."
    if max(moves) < 1e-9:
        return (
            f"No slice would have moved by more than {s.aligned_below_px:g} px (root mean square over "
            "tissue), so all were left where they were imaged."
        )
    text = (
        "One rigid in-plane pose per slice was solved for all slices at once, as weighted least squares "
        "on the graph of pairs; pairs that contradict the others were let go by robust reweighting "
        f"{cite('robust')}."
    )
    if s.subtract_anatomy and any(_takes_anatomy_off(pair) for pair in data.steering_pairs):
        span = data.record.settings.pairwise.anatomy_span_um
        text += (
            f" The in-plane motion of anatomy with depth, measured within slices over {span:g} µm, was "
            "subtracted."
        )
    if s.z_refine:
        text += " Depths were corrected by the depth matches."
    return text + kept_by_stage(rows)


def _takes_anatomy_off(pair: RegisteredPair) -> bool:
    m = pair.metrics
    return m.anatomy_rate_x is not None and m.z_source == "nominal" and m.z_index != m.expected_z_index


def _volume(data: RunData, cite: _Citations) -> str:
    stack = data.stack
    if stack is None:
        return ""
    s = data.record.settings
    opencv = "opencv-python-headless" in data.record.versions
    warped = f" (OpenCV {cite('opencv')})" if opencv else ""
    shape = " × ".join(map(str, stack.shape))
    size = " × ".join(f"{v:g}" for v in stack.voxel_size_um)
    text = f"Slices were resampled once, linearly{warped}, and placed at their nominal depths. "
    if stack.has_blend:
        text += (
            "Where two slices were imaged at one depth they cross over along a Hann ramp of up to "
            f"{s.stack.blend_depth_um:g} µm. "
        )
    if s.stack.match_intensity:
        text += (
            "Each slice was scaled by one factor, solved for all slices at once from the intensity of tissue "
            "on both sides of every cut. "
        )
    return text + (
        f"The volume of {shape} voxels of {size} µm (z, y, x) was written as OME-NGFF {s.ngff_version} "
        f"{cite('ngff')}, with a label that tells measured from interpolated voxels and gaps. "
        f"{_oriented(s.orientation)}"
    )


def _engines(choice: RegistrationChoice, cite: _Citations) -> str:
    """How planes were registered; in full once, then by name."""
    engine = choice.registration_engine
    ecc = f"maximisation of the enhanced correlation coefficient {cite('ecc')}" if engine != "elastix" else ""
    if engine == "ecc":
        return ecc
    alone = engine == "elastix"
    steps = choice.max_iterations if alone else choice.max_iterations // REFINING_SHARE
    levels = len(SCHEDULE) if alone else len(REFINING_SCHEDULE)
    joint = "" if alone else f"{ecc}, refined where that was better by "
    known = "elastix" in cite.used
    metric = _METRICS[choice.registration_metric]
    if known:
        return f"{joint}elastix {cite('elastix')}, {metric}"
    return (
        f"{joint}elastix {cite('elastix')}, built on ITK {cite('itk')}, {metric}, adaptive stochastic "
        f"gradient descent {cite('descent')}, {number_word(levels)} resolution{'' if levels == 1 else 's'}, "
        f"at most {steps} iterations in all"
    )


def program_of(record: RunRecord) -> str:
    """This program and its version, as far as it is known."""
    version = record.versions.get("soct-flows", NOT_INSTALLED)
    return "soct-flows" if version == NOT_INSTALLED else f"soct-flows {version}"


def _oriented(orientation: str | None) -> str:
    if orientation is None:
        return "Its anatomical orientation was not stated."
    named = zip("zyx", map(from_to, orientation), strict=True)
    sides = ", ".join(f"{axis} from {words.replace('-', ' ')}" for axis, words in named)
    return f"Its axes run {sides} ({orientation})."
