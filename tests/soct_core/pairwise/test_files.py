"""Records of a pair on disk: written together, read back whole, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pair_records import MOTION, metrics_of, transform_of

from soct_core.errors import RecordError
from soct_core.file_names import METRICS, TRANSFORM, TRANSFORM_ITK, pair_name
from soct_core.pairwise.files import read_pair, write_pair
from soct_core.stacking.pair_motions import pair_motions


def test_without_a_transform_an_old_one_is_removed(tmp_path: Path) -> None:
    directory = tmp_path / pair_name(7, 112)
    assert directory.name == "slice_z07_z112"
    written = write_pair(directory, transform_of(MOTION, 7, 112), metrics_of(7, 112))
    names = {TRANSFORM, TRANSFORM_ITK, METRICS}
    assert {path.name for path in written} == {path.name for path in directory.iterdir()} == names
    assert {"transform.json", "pairwise_registration_metrics.json"} < names
    failed = metrics_of(7, 112, reliable=False, overall_status="error")
    assert write_pair(directory, None, failed) == (directory / METRICS,)
    assert [path.name for path in directory.iterdir()] == [METRICS]
    assert read_pair(directory).metrics == failed


def without(name: str) -> Any:
    """Break a record by removing a field."""

    def spoil(path: Path) -> None:
        content = json.loads(path.read_text())
        del content[name]
        path.write_text(json.dumps(content))

    return spoil


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        pytest.param(METRICS, Path.unlink, id="metrics missing"),
        pytest.param(METRICS, lambda path: path.write_text("{"), id="metrics no JSON"),
        pytest.param(METRICS, lambda path: path.write_bytes(b"\xff\xfe"), id="metrics no text"),
        pytest.param(METRICS, without("reliable"), id="metrics incomplete"),
        pytest.param(TRANSFORM, lambda path: path.write_text(""), id="transform empty"),
        pytest.param(TRANSFORM, without("center"), id="transform incomplete"),
        pytest.param(
            TRANSFORM,
            lambda path: path.write_text(path.read_text().replace("5.0", "NaN", 1)),
            id="transform not finite",
        ),
    ],
)
def test_a_broken_record_is_an_error_that_names_the_file(tmp_path: Path, file: str, spoil: Any) -> None:
    good, bad = tmp_path / "slice_z01_z02", tmp_path / "slice_z02_z03"
    write_pair(good, transform_of(MOTION, 1, 2), metrics_of(1, 2))
    write_pair(bad, transform_of(MOTION), metrics_of())
    assert len(pair_motions([read_pair(good), read_pair(bad)])) == 2
    spoil(bad / file)
    with pytest.raises(RecordError, match=f"slice_z02_z03/{file}"):
        pair_motions([read_pair(good), read_pair(bad)])


def test_a_transform_of_another_pair_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, transform_of(MOTION, 3, 2), metrics_of(2, 3))
    with pytest.raises(RecordError, match="different slices"):
        pair_motions([read_pair(tmp_path)])
