"""Scores enter the slice config; nothing that another stage wrote is lost or lifted."""

from __future__ import annotations

import pandas as pd
import pytest
from assessed_slices import acquisition, judged
from saved_tables import saved

from schemas.quality import SliceQuality
from soct_core import slice_config
from soct_core.quality.config import MARK, excluded_by, with_quality

BAD = 5
CONFIG = """slice_id,use,quality_score,auto_excluded,auto_exclude_reason,notes,mine
03,true,0.1,true,galvo fault,,"a, ""quoted"" text"
04,false,,true,assess: score 0.1: blurred,lost,
05,true,,,,,x
06,true,,false,,,
40,true,0.7,,,no file,
"""


@pytest.fixture(scope="module")
def qualities() -> dict[int, SliceQuality]:
    found = judged(*acquisition(tuple(range(9)), pairs={BAD: 0.1}))
    return {i: found[i] for i in (3, 4, 5, 6)}


def rows(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("slice_id")


def test_scores_are_set_and_all_else_stays(tmp_path, qualities) -> None:
    before = slice_config.read(saved(tmp_path, CONFIG))
    found = rows(with_quality(before, qualities, exclude=False))
    assert found.loc[[3, 4, 5, 6], "quality_score"].tolist() == [
        qualities[i].quality_score for i in (3, 4, 5, 6)
    ]
    assert found.loc[40, "quality_score"] == 0.7
    others = [name for name in before.columns if name not in ("slice_id", "quality_score")]
    pd.testing.assert_frame_equal(found[others], rows(before)[others])


def test_only_asked_for_slices_are_excluded_and_only_own_exclusions_are_lifted(tmp_path, qualities) -> None:
    before = slice_config.read(saved(tmp_path, CONFIG))
    table = with_quality(before, qualities, exclude=True)
    found = rows(table)
    assert excluded_by(table) == (3, BAD)
    assert found.loc[3, "auto_exclude_reason"] == "galvo fault"
    assert found.loc[4, "auto_exclude_reason"] == ""
    assert found.loc[BAD, "auto_exclude_reason"].startswith(f"{MARK}score 0.0")
    assert found.loc[6, "auto_excluded"] == False  # noqa: E712 (a cell of a nullable column)
    slice_config.write(tmp_path / "out.csv", table)
    assert excluded_by(slice_config.read(tmp_path / "out.csv")) == (3, BAD)


def test_a_slice_that_cannot_be_judged_has_an_empty_score() -> None:
    alone = judged(*acquisition((5,)))
    table = with_quality(slice_config.from_ids([5]), alone, exclude=True)
    assert table["quality_score"].isna().all()
    assert excluded_by(table) == ()
