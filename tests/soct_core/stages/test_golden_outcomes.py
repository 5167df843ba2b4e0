"""Each stage's outcome on a small fixed acquisition: a stage that computes something else says so.

A changed outcome under an unchanged VERSION would let old results pass for new ones. Figures are
compared with a tolerance that spans machines, so that finer changes are not noticed. What is only
looked at, previews and the report, is left out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from drifting_tissue import Drift, noisy, tissue_plane

from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings, PairwiseSettings, ReconstructSettings, StackSettings
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.pairwise.files import read_pair
from soct_core.run.plan import Planner
from soct_core.stages import (
    detect_gaps,
    finalise_interpolation,
    interpolate_missing_slice,
    register_pair,
    stack,
)
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

GOLDEN = Path(__file__).with_name("outcomes.json")
STAGES = {
    stage.__name__.rpartition(".")[2]: stage
    for stage in (detect_gaps, interpolate_missing_slice, finalise_interpolation, register_pair, stack)
}
DEPTH, USED, CUT = 5, (0, 1, 3, 4), 96
ABSOLUTE, RELATIVE = 0.05, 0.003
WRITE = "SOCT_WRITE_GOLDEN"


def make_acquisition(folder: Path) -> None:
    """Four slices of analytic tissue around a gap, each turned and shifted on its own."""
    margin = (256 - 2 * CUT) // 2
    for slice_id in USED:
        drift = Drift(0.8 * (-1) ** slice_id, (1.5 * slice_id, -1.0)).at(1.0)
        planes = [noisy(tissue_plane(drift), 10 * slice_id + z) for z in range(DEPTH)]
        data = np.rint(np.stack(planes)[:, margin:-margin, margin:-margin]).astype(np.uint16)
        write_image(folder / f"slice_z{slice_id:02d}.ome.zarr", data, (40.0, 20.0, 20.0))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each stage makes of it, in figures."""
    folder = tmp_path_factory.mktemp("golden")
    make_acquisition(folder)
    settings = ReconstructSettings(
        interpolation=InterpolationSettings(),
        pairwise=PairwiseSettings(),
        stack=StackSettings(blend_depth_um=80.0),
        usable_depth_um=160.0,
    )
    planner = Planner.of(folder, None, settings, None, False)
    found = detect_gaps.run(planner.detect_gaps_job())
    planner.use(found)
    filled = [interpolate_missing_slice.run(job) for _, job in planner.interpolation_jobs(found)]
    trail = finalise_interpolation.run(planner.finalise_job(found, filled))
    pairs = [register_pair.run(job) for _, job in planner.pair_jobs(filled)]
    stacked = stack.run(planner.stack_job(trail.path, filled, pairs))
    assert filled[0].diagnostics is not None
    return {
        "detect_gaps": {"used": list(found.used), "gaps": found.gaps.model_dump(mode="json")},
        "interpolate_missing_slice": _interpolation(filled[0].volume, filled[0].diagnostics),
        "finalise_interpolation": {"trail": trail.path.read_text().splitlines()},
        "register_pair": {pair.directory.name: _pair(pair.directory) for pair in pairs},
        "stack": _stack(stacked.volume, stacked.decisions),
    }


def _interpolation(volume: Path | None, diagnostics: Path) -> dict[str, Any]:
    found = InterpolationDiagnostics.model_validate_json(diagnostics.read_bytes())
    figures = found.model_dump(
        mode="json",
        include={"fallback_reason", "gate", "overlap_ncc", "post_reg_ncc"}
        | {"tissue_overlap", "affine_matrix", "affine_translation", "displacement_rms_px", "nz_out"}
        | {"source_planes", "displaced_share", "min_jacobian"},
    )
    half = None if found.uncertainty_path is None else diagnostics.parent / found.uncertainty_path
    return figures | {
        "planes": [] if volume is None else _looks(open_volume(volume)[:]),
        "half_widths": [] if half is None else _looks(open_volume(half)[:]),
    }


def _pair(directory: Path) -> dict[str, Any]:
    return read_pair(directory).metrics.model_dump(
        mode="json",
        include={"translation_x", "translation_y", "rotation_deg", "z_correlation", "post_ncc"}
        | {"registration_confidence", "reliable", "overall_status", "role"},
    )


def _stack(volume: Path, decisions: Path) -> dict[str, Any]:
    group = zarr.open_group(volume, mode="r")
    levels = sorted(name for name in group if name.isdigit())
    labels = np.asarray(group["labels/provenance/0"][...])
    table = STACKING_DECISIONS.read(decisions)
    wanted = ["slot_state", "z_first", "z_last", "pose_rotation_deg", "pose_translation_x_px", "pose_source"]
    return {
        "chunks": {name: list(group[name].chunks) for name in levels},
        "shape": list(group["0"].shape),
        "planes": _looks(group["0"][...]),
        "coarse": _looks(group[levels[-1]][...]),
        "labels": [np.bincount(plane.ravel(), minlength=4).tolist() for plane in labels],
        "decisions": json.loads(table[wanted].to_json(orient="values")),
    }


def _looks(volume: Any) -> list[list[float]]:
    """Mean, spread and centre of mass of every plane."""
    looks = []
    for plane in np.asarray(volume, dtype=float):
        y, x = np.indices(plane.shape)
        total = max(plane.sum(), 1.0)
        centre = (plane * y).sum() / total, (plane * x).sum() / total
        looks.append([float(v) for v in (plane.mean(), plane.std(), *centre)])
    return looks


def _as_json(outcome: Any) -> Any:
    """The outcome as it comes back from a file, rounded to what is worth keeping."""
    return json.loads(json.dumps(outcome), parse_float=lambda text: round(float(text), 4))


def differences(now: Any, then: Any, place: str = "") -> list[str]:
    """Where two outcomes differ by more than machines do."""
    if isinstance(now, dict) and isinstance(then, dict) and now.keys() == then.keys():
        return [found for name in now for found in differences(now[name], then[name], f"{place}.{name}")]
    if isinstance(now, list) and isinstance(then, list) and len(now) == len(then):
        pairs = enumerate(zip(now, then, strict=True))
        return [found for i, (a, b) in pairs for found in differences(a, b, f"{place}[{i}]")]
    numbers = isinstance(now, int | float) and isinstance(then, int | float)
    inexact = numbers and (isinstance(now, float) or isinstance(then, float) or ".labels" in place)
    if inexact and abs(now - then) <= ABSOLUTE + RELATIVE * abs(then) + (20 if ".labels" in place else 0):
        return []
    return [] if now == then else [f"{place}: {now!r}, was {then!r}"]


@pytest.mark.parametrize("name", STAGES)
def test_another_outcome_has_another_version(outcomes: dict[str, Any], name: str) -> None:
    version = STAGES[name].VERSION
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get(WRITE):
        golden[name] = {"version": version, "outcome": _as_json(outcomes[name])}
        GOLDEN.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")
    kept = golden[name]
    found = differences(_as_json(outcomes[name]), kept["outcome"])
    again = f"then write {GOLDEN.name} anew with {WRITE}=1"
    if version == kept["version"]:
        assert not found, f"{name}: raise VERSION or explain, {again}: {'; '.join(found[:5])}"
    assert version == kept["version"], f"{name}: VERSION {version} is not that of {GOLDEN.name}, {again}"


def test_the_comparison_sees_what_matters() -> None:
    then = {"x": [1.0, 2], "name": "ok"}
    assert differences({"x": [1.02, 2], "name": "ok"}, then) == []
    for other in (
        {"x": [1.1, 2], "name": "ok"},
        {"x": [1.0, 3], "name": "ok"},
        {"x": [1.0, 2], "name": "warning"},
        {"x": [1.0], "name": "ok"},
        {"x": [1.0, 2]},
        {"x": [None, 2], "name": "ok"},
    ):
        assert len(differences(other, then)) == 1
