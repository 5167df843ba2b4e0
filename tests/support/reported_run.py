"""Runs made by their stages alone, without Prefect, and the record that each would leave."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from schemas.run_record import Fingerprint, RunRecord, TaskRecord
from schemas.settings import InterpolationSettings, PairwiseSettings, ReconstructSettings
from schemas.simulation import SimulationSettings
from soct_core import slice_config
from soct_core.file_names import RUN_RECORD_NAME
from soct_core.run.input_warnings import input_warnings
from soct_core.run.plan import Planner
from soct_core.run.record import RunFacts, run_record
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.stages import (
    detect_gaps,
    finalise_interpolation,
    interpolate_missing_slice,
    register_pair,
    stack,
)
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

SIZE = (40.0, 50.0, 50.0)
HOSTILE = "<script>alert(1)</script>"
QUICK = ReconstructSettings(
    interpolation=InterpolationSettings(max_iterations=100),
    pairwise=PairwiseSettings(check_pairs=False, anatomy_span_um=0.0, max_iterations=100),
)


def run_stages(acquisition: Path, settings: ReconstructSettings = QUICK) -> RunRecord:
    """Run everything but the report; `run.json` lies in `ACQ/reconstruction` then."""
    planner = Planner.of(acquisition, None, settings, None, False)
    found = detect_gaps.run(planner.detect_gaps_job())
    planner.use(found)
    filled = [interpolate_missing_slice.run(job) for _, job in planner.interpolation_jobs(found)]
    trail = finalise_interpolation.run(planner.finalise_job(found, filled))
    pairs = [register_pair.run(job) for _, job in planner.pair_jobs(filled)]
    stacked = stack.run(planner.stack_job(trail.path, filled, pairs))
    written = [outcome.written for outcome in filled] + [outcome.written for outcome in pairs]
    outputs = [
        Fingerprint(path=path.relative_to(planner.output).as_posix(), fingerprint=fingerprint(path))
        for paths in (*written, trail.written, stacked.written)
        for path in paths
    ]
    facts = RunFacts(
        acquisition=acquisition.name,
        output=planner.output,
        inputs=planner.inputs,
        settings=settings,
        started=datetime(2026, 11, 23, 8, tzinfo=UTC),
        command="reconstruct mouse",
        gaps=found.gaps,
        warnings=input_warnings(planner, found),
        outputs=outputs,
        tasks=[TaskRecord(name="stack", state="Completed", cached=False, seconds=1.0)],
        errors=(),
    )
    record = run_record(facts, "completed")
    publish_text(planner.output / RUN_RECORD_NAME, record.model_dump_json(indent=2))
    return record


def finished_run(acquisition: Path) -> tuple[Path, RunRecord]:
    """An interpolated slice (02), a double gap (05, 06), a hard skip (09), a doubted slice (11)."""
    phantom = PhantomVolume(Phantom.seeded(7), (14 * 5, 128, 144), SIZE)
    simulate(phantom, SIZE, SimulationSettings(missing=(2, 5, 6, 9), drift_px=2.0, seed=3), acquisition, "")
    below = open_volume(acquisition / "slice_z10.ome.zarr")
    agarose = np.random.default_rng(0).normal(600, 30, below.shape).astype(below.dtype)
    write_image(acquisition / "slice_z10.ome.zarr", agarose, SIZE)
    config = acquisition / "slice_config.csv"
    slice_config.stamp(config, acquisition / "new.csv", 11, auto_excluded=True, notes=HOSTILE)
    (acquisition / "new.csv").replace(config)
    record = run_stages(acquisition)
    return acquisition / "reconstruction", record
