"""The stages of an assessment, one after the other: from slices to a config, a page and documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.quality import QualitySettings, SliceQuality
from schemas.simulation import SimulationSettings
from schemas.validate import faults_of
from soct_core import slice_config
from soct_core.errors import SliceConfigError
from soct_core.file_names import AssessmentFiles
from soct_core.run.quality_plan import QualityPlan
from soct_core.run.written_configs import publish_config
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.stages import assess_slice, compare_slices, measure_slice, publish_quality
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

BAD, SLICES, SIZE = 3, 6, (50.0, 75.0, 75.0)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> QualityPlan:
    """An assessment of six slices of a phantom, one of them noise; all stages but the last have run."""
    folder = tmp_path_factory.mktemp("assessment") / "mouse"
    phantom = PhantomVolume(Phantom.seeded(7), (SLICES * 4, 80, 96), SIZE)
    simulate(phantom, SIZE, SimulationSettings(drift_px=2.0, seed=3), folder, "phantom")
    bad = folder / f"slice_z{BAD:02d}.ome.zarr"
    noise = np.random.default_rng(0).gamma(4.0, 400.0, (4, 80, 96))
    write_image(bad, noise.astype(open_volume(bad).dtype), SIZE)
    plan = QualityPlan.of(folder, folder.parent / "scored.csv", None, QualitySettings())
    for _, measure in plan.measure_jobs():
        measure_slice.run(measure)
    for _, compare in plan.compare_jobs():
        compare_slices.run(compare)
    for _, assess in plan.assess_jobs():
        assess_slice.run(assess)
    return plan


def quality(plan: QualityPlan, slice_id: int) -> SliceQuality:
    place = AssessmentFiles.standard(plan.output, slice_id).quality
    return SliceQuality.model_validate_json(place.read_bytes())


def test_only_the_bad_slice_scores_low(plan: QualityPlan) -> None:
    scores = {i: quality(plan, i).quality_score or 0.0 for i in plan.ids}
    assert scores.pop(BAD) < 0.1
    assert min(scores.values()) > 0.7


def test_every_document_is_valid(plan: QualityPlan) -> None:
    documents = [path for path in plan.output.rglob("*.json") if "reportlet" not in path.name]
    assert len(documents) == 2 * SLICES + len(plan.compare_jobs())
    assert [fault for path in documents for fault in faults_of(path)] == []


def test_each_slice_and_each_pair_leaves_pictures(plan: QualityPlan) -> None:
    pictures = list(plan.output.rglob("*_reportlet.json"))
    assert len(pictures) == SLICES + len(plan.compare_jobs())


@pytest.mark.parametrize("exclude", [False, True])
def test_config_and_page(plan: QualityPlan, exclude: bool) -> None:
    made = publish_quality.run(plan.page_job(exclude=exclude))
    assert made.excluded == ((BAD,) if exclude else ())
    table = slice_config.read(made.config).set_index("slice_id")
    assert table["quality_score"].notna().all()
    assert f'id="slice-{BAD:02d}"' in made.page.read_text()


def test_only_a_config_that_an_assessment_left_is_replaced(plan: QualityPlan, tmp_path: Path) -> None:
    made = publish_quality.run(plan.page_job(exclude=False))
    target, folder = tmp_path / "out.csv", plan.acquisition.directory
    publish_config(plan.output, made.config, target)
    QualityPlan.of(folder, target, None, QualitySettings())
    target.write_text("slice_id\n01\n")
    with pytest.raises(SliceConfigError, match="was not left by this command"):
        QualityPlan.of(folder, target, None, QualitySettings())
    QualityPlan.of(folder, target, None, QualitySettings(), overwrite=True)
    for wrong in (folder / "slice_config.csv", folder / "slice_z00.ome.zarr", tmp_path / "config.json"):
        with pytest.raises(SliceConfigError):
            QualityPlan.of(folder, wrong, None, QualitySettings())


def test_keys_hang_on_what_a_stage_reads(plan: QualityPlan) -> None:
    lax = QualityPlan.of(
        plan.acquisition.directory, plan.config_out, None, QualitySettings(intensity_tolerance=2.0)
    )
    for ours, theirs in (
        (plan.measure_jobs(), lax.measure_jobs()),
        (plan.compare_jobs(), lax.compare_jobs()),
    ):
        assert [job.key_fields() for _, job in ours] == [job.key_fields() for _, job in theirs]
    assert plan.assess_jobs()[0][1].key_fields() != lax.assess_jobs()[0][1].key_fields()
    deep = QualityPlan.of(
        plan.acquisition.directory, plan.config_out, None, QualitySettings(top_depth_um=90.0)
    )
    assert plan.measure_jobs()[0][1].key_fields() != deep.measure_jobs()[0][1].key_fields()
