"""The stages of an assessment, one after the other: from slices to a config, a page and documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.quality import PairFigures, QualitySettings, SliceQuality
from schemas.simulation import SimulationSettings
from schemas.validate import faults_of
from soct_core import slice_config
from soct_core.errors import SliceConfigError
from soct_core.file_names import AssessmentFiles
from soct_core.run.quality_plan import QualityPlan
from soct_core.run.written_configs import publish_config, refuse_foreign_config
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
    plan = QualityPlan.of(folder, None, QualitySettings())
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
    config = folder / "slice_config.csv"
    publish_config(plan.output, made.config, target)
    refuse_foreign_config(plan.output, target, config)
    target.write_text("slice_id\n01\n")
    with pytest.raises(SliceConfigError, match="was not left by this command"):
        refuse_foreign_config(plan.output, target, config)
    refuse_foreign_config(plan.output, target, config, overwrite=True)
    for wrong in (config, folder / "slice_z00.ome.zarr", tmp_path / "config.json"):
        with pytest.raises(SliceConfigError):
            refuse_foreign_config(plan.output, wrong, config)


def test_keys_hang_on_what_a_stage_reads(plan: QualityPlan) -> None:
    folder = plan.acquisition.directory
    lax = QualityPlan.of(folder, None, QualitySettings(intensity_tolerance=2.0))
    for ours, theirs in (
        (plan.measure_jobs(), lax.measure_jobs()),
        (plan.compare_jobs(), lax.compare_jobs()),
    ):
        assert [job.key_fields() for _, job in ours] == [job.key_fields() for _, job in theirs]
    assert plan.assess_jobs()[0][1].key_fields() != lax.assess_jobs()[0][1].key_fields()
    deep = QualityPlan.of(folder, None, QualitySettings(top_depth_um=90.0))
    assert plan.measure_jobs()[0][1].key_fields() != deep.measure_jobs()[0][1].key_fields()


def test_slices_imaged_elsewhere_are_compared_where_both_show_tissue(tmp_path: Path) -> None:
    whole = PhantomVolume(Phantom.seeded(7), (8, 80, 96), SIZE)[:]
    fields = {0: (0, 64), 1: (32, 96)}
    for i, (left, right) in fields.items():
        write_image(
            tmp_path / "mouse" / f"slice_z{i:02d}.ome.zarr", whole[4 * i : 4 * i + 4, :, left:right], SIZE
        )
    shifts = tmp_path / "shifts_xy.csv"
    shifts.write_text("fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm\n0,1,-32,0,,\n")
    found = {}
    for name, given in (("as they are", None), ("by shifts", shifts)):
        plan = QualityPlan.of(tmp_path / "mouse", tmp_path / name, QualitySettings(), None, given)
        (_, job), *_ = plan.compare_jobs()
        made = compare_slices.run(job)
        found[name] = PairFigures.model_validate_json(made.figures.read_bytes())
    assert found["by shifts"].overlap > 0.9 > 0.7 > found["as they are"].overlap
    assert (found["by shifts"].translation_px or 0.0) < 1 < (found["as they are"].translation_px or 0.0)
