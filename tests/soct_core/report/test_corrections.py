"""The report tells how to set a pair by hand, and what was set or left by a person."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from html_page import parsed
from pair_records import MOTION, metrics_of, transform_of
from registered_pairs import VOXEL

from schemas.pairwise import PairwiseMetrics
from schemas.run_record import Fingerprint, RunRecord
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.pairwise.by_hand import read_by_hand
from soct_core.pairwise.files import write_pair
from soct_core.report.corrections import correction_command
from soct_core.report.page import render


@pytest.mark.parametrize("folder", ["mouse", "a mouse; rm -rf 'x'"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("registered", [False, True])
def test_the_command_makes_a_file_that_a_run_takes_up(
    tmp_path: Path, folder: str, nested: bool, registered: bool
) -> None:
    acquisition, output = tmp_path / folder, tmp_path / "out"
    slices = acquisition / "slices" if nested else acquisition
    for directory in (slices, output):
        directory.mkdir(parents=True)
    values = {"translation_x": 5.0, "translation_y": -3.0, "rotation_deg": 1.0} if registered else {}
    metrics = metrics_of(2, 3, **values)
    write_pair(
        output / "register_pairwise" / "slice_z02_z03", transform_of(MOTION) if registered else None, metrics
    )
    path = Path(os.path.relpath(slices / "slice_z00.ome.zarr", output)).as_posix()
    inputs = [Fingerprint(path=path, fingerprint="")]
    subprocess.run(["sh", "-c", correction_command(metrics, inputs)], cwd=output, check=True)
    found = read_by_hand(acquisition / "manual" / "slice_z02_z03.tfm", VOXEL, (160, 200))
    at = (17.0, 44.0)
    np.testing.assert_allclose(found.apply(at), MOTION.apply(at) if registered else at, atol=1e-9)


def test_there_is_none_for_a_pair_that_is_set_by_hand_or_without_an_acquisition() -> None:
    inputs = [Fingerprint(path="../slice_z00.ome.zarr", fingerprint="")]
    values = {"translation_x": 5.0, "translation_y": -3.0, "rotation_deg": 1.0}
    judged = {"registration_confidence": 0.2, "reliable": False, "overall_status": "error"}
    assert correction_command(metrics_of(**values), inputs)
    assert correction_command(metrics_of(**values), []) == ""
    assert correction_command(metrics_of(**values, source="manual", registered=judged), inputs) == ""


def test_the_page_says_what_a_person_decided(finished: tuple[Path, RunRecord], tmp_path: Path) -> None:
    output = shutil.copytree(finished[0], tmp_path / "out", ignore=shutil.ignore_patterns("*.ome.zarr"))
    path = output / "register_pairwise" / "slice_z00_z01" / "pairwise_registration_metrics.json"
    metrics = PairwiseMetrics.model_validate_json(path.read_bytes())
    own = metrics.model_dump(include={"registration_confidence", "reliable", "overall_status"})
    changed = metrics.model_dump() | {
        "source": "manual",
        "registered": own | {"translation_x": 77.0, "translation_y": 0.0, "rotation_deg": 0.5},
        "reasons": ("set by hand (manual/slice_z00_z01.tfm)",),
    }
    path.write_text(PairwiseMetrics.model_validate(changed).model_dump_json())
    table = STACKING_DECISIONS.read(output / "stack" / "stacking_decisions.csv")
    table.loc[table["slice_id"] == 4, "pose_source"] = "stage"
    (output / "stack" / "stacking_decisions.csv").write_text(STACKING_DECISIONS.to_csv(table))
    page = parsed(render(output, finished[1]))
    said = page.says()
    assert "1 pair set by hand, with full weight: 00\u201301." in said
    assert "1 slice left where the stage put it (04)." in said
    assert "One pair was aligned by hand instead." in said
    cards = {
        e.attributes["aria-labelledby"]: e for e in page.all("article") if "aria-labelledby" in e.attributes
    }
    (card,) = [e for name, e in cards.items() if name.endswith("-00-01")]
    assert "77.0, 0.0 px" in card.says()
    assert "Correct it by hand" not in card.says()
    (other,) = [e for name, e in cards.items() if name.endswith("-03-04")]
    assert "mkdir -p ../manual && cp register_pairwise/slice_z03_z04/transform.tfm" in other.says()
    estimate = [e for name, e in cards.items() if name.endswith("-01-02")]
    assert all("Correct it by hand" not in e.says() for e in estimate)
