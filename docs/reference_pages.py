"""The pages `settings.md`, `fields.md` and `gates.md`: `python docs/reference_pages.py [DIR]`.

Writes them to DIR, `docs` by default. A test holds that the committed pages are those of the models.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.contract import Contract
from schemas.diagnostics import GateCheck, InterpolationDiagnostics
from schemas.manifest_fragment import ManifestFragment
from schemas.pairwise import PairwiseMetrics, RegisteredMotion, RigidTransform
from schemas.published_stack import (
    PublishedPair,
    PublishedRecord,
    PublishedSlice,
    PublishedVolume,
    StackContents,
    UnmatchedCut,
)
from schemas.quality import (
    AspectFinding,
    PairFigures,
    PairQuality,
    QualitySettings,
    SliceFigures,
    SliceQuality,
)
from schemas.run_record import ErrorRecord, Fingerprint, GapRecord, RunRecord, TaskRecord
from schemas.settings import InterpolationSettings, PairwiseSettings, ReconstructSettings, StackSettings
from schemas.simulation import SimulationSettings, SimulationTruth, TruePose
from schemas.stack_plan import (
    Block,
    ImagedBounds,
    ImagedPart,
    LevelGrid,
    PlannedPose,
    PlannedSlice,
    PlannedSpan,
    StackPlan,
)
from schemas.tables.csv_table import CsvTable
from schemas.tables.slice_config import SLICE_CONFIG
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from schemas.tables.stage_shifts import STAGE_SHIFTS
from soct_core.zmorph.gate_list import GATES, Gate

Schema = Mapping[str, Any]
_MADE = "<!-- made by `python docs/reference_pages.py`; do not edit -->"
_SETTINGS_HEAD = f"""{_MADE}
# Settings

As TOML with `--config FILE`, one by one with `--set NAME=VALUE`, or as a model from Python. What is
not given has its default; an unknown name, a wrong type and a value out of range are refused.
`none` empties a setting that may be none. `examples/settings.toml` is a file to start from.
"""
_FIELDS_HEAD = f"""{_MADE}
# Columns and fields

What each file is for: [files.md](files.md). A field that may be none is `null` where a stage did not
get that far.
"""
_GATES_HEAD = f"""{_MADE}
# How zmorph decides

A gap is filled when the evidence says that its two sides are neighbours, when one plausible affine makes them
more alike or they lie right already, and when the planes that will be morphed are like those that were
judged. Everything else is a hard skip: no volume, the reason in the audit trail. Gates are asked in this
order.
"""
_GATES_TAIL = """
NCC is the correlation of square-rooted, smoothed intensities over tissue that both planes show;
before and after registration it is taken on the same two slabs and the same pixels.

**A small motion must earn its blur.** Resampling blurs. Where the motion found is below
`aligned_displacement_px` and gains less than twice `min_ncc_improvement`, the planes are left in place:
identity, `gate: already_aligned`, and `detail` says what registration had found. The same where a motion
is refused by its own gates, whatever its length, and the pair passes without it.

**Evidence of neighbours.** What an NCC means depends on the tissue and its noise, so the pair is held against
pairs made of the same planes that cannot be neighbours: the mirror images of one side, each registered on
its own, and planes from the far ends of the two slices. With the distance between there and back and the
share of tissue in both, these give log odds (`soct_core/registration/evidence.py` holds the weights and
where they come from). Slices too thin to have planes further off are judged without these. The noise
decides how many planes are averaged (`reference_slab_size=auto`): as many as make two slabs of one slice,
one behind the other, most alike.

**Stripes.** Vessels throw shadows on all that lies beneath them, mosaics have seams. Rows and columns of a
slice that are darker or brighter than their surroundings are evened out before anything is compared
(`soct_core/planes/stripes.py`); what is written is made of the planes as imaged.

**What no gate can tell.** Planes 1.5 mm apart that look alike, as sagittal planes on both sides of the
midline do. Where anatomy is so symmetric that a mirror image fits as well as the side itself, `detail` says
that nothing tells them apart.

Weights were fitted on five volumes in eight kinds of noise, each volume judged by the weights of the other
four; the limit was chosen for few accepted decoys rather than many filled gaps. The weakest are volumes
whose voxels are coarse against what is cut, and small planes in strong speckle. Other
specimens may differ: run `benchmarks/truth.py --reference` on yours.

## How often they are right

Gaps of 200 µm with known truth, cut along three axes out of five volumes, in planes of 800 px with 15 planes
a side (the OCT B-scans: 1), on a draw that nothing was chosen on. A gap is *worth filling* if, without noise,
the true motion makes it no more than 0.3 dB worse than a cross-fade; it is *filled right* if it is accepted
and the motion that was found does not either. Decoys (far planes, mirrored, turned, blank, another specimen,
half out of view) must be refused.

| volume | filled right | | noise | filled right |
| --- | --- | --- | --- | --- |
| mouse brain, two-photon | 95 % of 21 | | clean | 100 % of 13 |
| mouse brain, MRI | 92 % of 24 | | speckle of 1, 4, 11 looks | 88, 100, 83 % of 8, 9, 12 |
| bananas, MRI | 87 % of 23 | | coarse speckle of 1 look | 100 % of 9 |
| retina, OCT | 83 % of 24 | | real OCT | 83 % of 24 |
| iguana, CT | 79 % of 24 | | logarithm of speckle | 93 % of 15 |
| over all | 87 % of 116 | | attenuation and focus | 83 % of 6 |
| | | | shadows of vessels | 70 % of 20 |

Accepted decoys: 0 of 30. Of the 15 that are not filled right, 9 are refused: four of OCT for more shear than
cutting makes, though there the anatomy itself leans; four beneath shadows, which hide most of what could be
compared; one more. Six are filled with a motion 0.3 to 1.5 dB below the best, most of them where nothing had
moved and the anatomy leans instead. Made by

    python benchmarks/truth.py --gaps 120 --wide --noises all --seed 12 --no-phantom \\
        --reference VOLUME.npz ...
"""
_SETTINGS: tuple[tuple[str, type[Contract]], ...] = (
    ("", ReconstructSettings),
    ("interpolation", InterpolationSettings),
    ("pairwise", PairwiseSettings),
    ("stack", StackSettings),
    ("", QualitySettings),
)
_UNGROUPED: dict[type[Contract], str] = {
    ReconstructSettings: "Of the whole run",
    QualitySettings: "Of `python -m flows.assess`",
}
_TABLES: tuple[tuple[str, CsvTable], ...] = (
    ("slice_config.csv, slice_config_final.csv", SLICE_CONFIG),
    ("stacking_decisions.csv", STACKING_DECISIONS),
    ("shifts_xy.csv", STAGE_SHIFTS),
)
_RECORDS: tuple[tuple[str, tuple[type[Contract], ...]], ...] = (
    ("slice_zNN_manifest.csv", (ManifestFragment,)),
    ("slice_zNN_interpolated_diagnostics.json", (InterpolationDiagnostics, GateCheck)),
    ("transform.json", (RigidTransform,)),
    ("pairwise_registration_metrics.json", (PairwiseMetrics, RegisteredMotion)),
    ("pair_quality.json", (PairQuality,)),
    ("run.json", (RunRecord, GapRecord, TaskRecord, ErrorRecord, Fingerprint)),
    (
        "published.json",
        (PublishedRecord, PublishedVolume, StackContents, PublishedSlice, PublishedPair, UnmatchedCut),
    ),
    (
        "plan.json",
        (StackPlan, PlannedSlice, PlannedPose, ImagedPart, ImagedBounds, PlannedSpan, LevelGrid, Block),
    ),
    ("slice_zNN_quality.json", (SliceQuality, AspectFinding)),
    ("slice_zNN_figures.json", (SliceFigures,)),
    ("slice_zFF_zMM_figures.json", (PairFigures,)),
    ("truth.json", (SimulationTruth, SimulationSettings, TruePose)),
)


def settings_page() -> str:
    """Every setting with default, range and meaning, in Markdown."""
    parts = [_SETTINGS_HEAD]
    for group, model in _SETTINGS:
        title = f"`[{group}]`" if group else _UNGROUPED[model]
        parts += [f"## {title}\n", f"{_meaning(model.__doc__)}\n", "| name | default | values | meaning |"]
        parts.append("| --- | --- | --- | --- |")
        for name, field in model.model_fields.items():
            if isinstance(field.default, Contract):
                continue
            shown = f"`{group}.{name}`" if group else f"`{name}`"
            values = _values(_properties(model)[name])
            parts.append(
                f"| {shown} | {_default(field.default)} | {values} | {_meaning(field.description)} |"
            )
        parts.append("")
    return "\n".join(parts)


def fields_page() -> str:
    """Every column and JSON field that is read or written, in Markdown."""
    parts = [_FIELDS_HEAD]
    for name, table in _TABLES:
        parts += [f"## {name}\n", "| column | values | must be there |", "| --- | --- | --- |"]
        parts += [
            f"| `{column}` | {kind.wanted} | {'yes' if column in table.required else ''} |"
            for column, kind in table.columns.items()
        ]
        parts.append("")
    for name, models in _RECORDS:
        parts.append(f"## {name}\n")
        for model in models:
            parts += [f"`{model.__name__}`: {_meaning(model.__doc__)}\n", "| field | values | meaning |"]
            parts.append("| --- | --- | --- |")
            properties = _properties(model)
            parts += [
                f"| `{field}` | {_values(properties[field])} | {_meaning(info.description)} |"
                for field, info in model.model_fields.items()
            ]
            parts.append("")
    return "\n".join(parts)


def gates_page() -> str:
    """Every gate of zmorph with its settings, reason and purpose, in Markdown."""
    rows = [f"| {gate.title} | {_limits(gate)} | `{gate.reason}` | {gate.why} |" for gate in GATES.values()]
    table = ["| gate | setting (default) | reason when it fails | why |", "| --- | --- | --- | --- |", *rows]
    return f"{_GATES_HEAD}\n{chr(10).join(table)}\n{_GATES_TAIL}"


PAGES = {"settings.md": settings_page, "fields.md": fields_page, "gates.md": gates_page}


def _limits(gate: Gate) -> str:
    defaults = InterpolationSettings()
    return ", ".join(f"`{name}` ({getattr(defaults, name):g})" for name in gate.settings)


def _properties(model: type[Contract]) -> dict[str, Any]:
    found: dict[str, Any] = model.model_json_schema()["properties"]
    return found


def _meaning(text: str | None) -> str:
    """The first paragraph, on one line: a docstring's sections are for readers of the code."""
    summary = (text or "").partition("\n\n")[0]
    return " ".join(summary.split()).replace("|", r"\|")


def _default(value: object) -> str:
    if value is None:
        return "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _values(schema: Schema) -> str:
    """What a field takes, in words."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "anyOf" in schema:
        return " or ".join(
            "none" if kind.get("type") == "null" else _values(kind) for kind in schema["anyOf"]
        )
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "prefixItems" in schema:
        items = [_values(item) for item in schema["prefixItems"]]
        return f"{len(items)} times {items[0]}" if len(set(items)) == 1 else ", ".join(items)
    if "items" in schema:
        return f"list of {_values(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map to {_values(schema['additionalProperties'])}"
    kinds = {"boolean": "true or false", "integer": "whole number", "string": "text"}
    kind = kinds.get(schema.get("type", ""), str(schema.get("type", "any")))
    if schema.get("format") == "date-time":
        kind = "time, ISO 8601"
    bounds = (
        ("more than", schema.get("exclusiveMinimum")),
        ("at least", schema.get("minimum")),
        ("at most", schema.get("maximum")),
    )
    return ", ".join([kind, *(f"{words} {bound:.10g}" for words, bound in bounds if bound is not None)])


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    folder = Path(given[0] if given else "docs")
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
