"""An acquisition and the output of a run on it, made by hand: nothing is computed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from schemas.manifest_fragment import ManifestFragment
from schemas.run_record import Fingerprint, GapRecord, RunRecord, TaskRecord
from schemas.settings import ReconstructSettings
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core import slice_config
from soct_core.slice_config.fragments import write_fragment
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume.writing import ImageSpec, image_writer, write_image

SIZE = (50.0, 25.0, 25.0)
DEPTH = 4
STATES = ("measured", "interpolated", "measured", "gap", "gap", "measured")
_LABEL = {"measured": 1, "interpolated": 2, "gap": 0}
OUTPUTS = (
    "interpolate_missing_slice/slice_z01_interpolated.ome.zarr",
    "interpolate_missing_slice/slice_z01_interpolated_preview.png",
    "interpolate_missing_slice/slice_z01_manifest.csv",
    "slice_config_final.csv",
    "register_pairwise/slice_z00_z02/transform.json",
    "stack/3d_volume.ome.zarr",
    "stack/stacking_decisions.csv",
    "stack/uncertainty.ome.zarr",
    "report.html",
)


def recorded_output(directory: Path) -> Path:
    """Six slots, of which one was interpolated and two are a gap; returns the output directory."""
    rng = np.random.default_rng(0)
    used = [i for i, state in enumerate(STATES) if state == "measured"]
    planes = np.concatenate(
        [
            np.full((DEPTH, 8, 8), _LABEL[state], np.uint8) * (rng.random((DEPTH, 8, 8)) < 0.9)
            for state in STATES
        ]
    ).astype(np.uint8)
    values = (planes * 100).astype(np.uint16)
    for slice_id in used:
        write_image(directory / f"slice_z{slice_id:02d}.ome.zarr", values[:DEPTH] + slice_id, SIZE)
    table = slice_config.from_ids(range(len(STATES))).assign(use=[i in used for i in range(6)])
    slice_config.write(directory / "slice_config.csv", table)
    output = directory / "reconstruction"
    trail = {1: {"interpolated": True, "interpolation_failed": False, "interpolation_method_used": "zmorph"}}
    slice_config.stamp_many(directory / "slice_config.csv", output / "slice_config_final.csv", trail)
    write_image(output / OUTPUTS[0], values[:DEPTH], SIZE)
    write_fragment(output / OUTPUTS[2], ManifestFragment(slice_id=1, **trail[1]))
    spec = ImageSpec((len(planes), 8, 8), values.dtype, SIZE)
    with image_writer(output / "stack" / "3d_volume.ome.zarr", spec, ["provenance"]) as (image, labels):
        image.append(values)
        labels["provenance"].append(planes)
    half = np.where(planes == 2, 5, np.nan).astype(np.float32)
    write_image(output / OUTPUTS[7], half, SIZE)
    (output / "stack" / "stacking_decisions.csv").write_text(STACKING_DECISIONS.to_csv(_decisions()))
    for name in (OUTPUTS[1], OUTPUTS[4], OUTPUTS[8]):
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text(name)
    (output / "stack" / ".partial-1-stack").write_text("left by a run that was killed")
    (output / "notes.txt").write_text("mine")
    record(output)
    return output


def record(output: Path, outputs: tuple[str, ...] = OUTPUTS) -> None:
    """Write `run.json` to match what lies there, as a run would, or someone who covers tracks."""
    inputs = sorted(p for p in output.parent.iterdir() if p != output)
    run = RunRecord(
        outcome="completed",
        started=datetime.now(UTC),
        finished=datetime.now(UTC),
        command="flows.reconstruct",
        versions={},
        settings=ReconstructSettings(),
        inputs=tuple(Fingerprint(path=f"../{p.name}", fingerprint=fingerprint(p)) for p in inputs),
        outputs=tuple(Fingerprint(path=name, fingerprint=fingerprint(output / name)) for name in outputs),
        gaps=GapRecord(single=(1,), multi=((3, 4),)),
        tasks=(TaskRecord(name="stack", state="Completed", cached=False, seconds=1.0),),
    )
    (output / "run.json").write_text(run.model_dump_json(indent=2))


def _decisions() -> pd.DataFrame:
    rows = []
    for slice_id, state in enumerate(STATES):
        top = slice_id * DEPTH
        row = {"slice_id": slice_id, "slot_state": state, "slot_top_um": top * 50.0}
        row |= {"slot_bottom_um": (top + DEPTH) * 50.0}
        if state != "gap":
            source = "pairwise" if state == "measured" else "interpolated"
            row |= {"z_first": top, "z_last": top + DEPTH - 1, "pose_source": source}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(STACKING_DECISIONS.columns), dtype=object)
