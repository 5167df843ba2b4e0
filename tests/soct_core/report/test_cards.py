"""The run in brief: every slot has its row, and text from files injects neither markdown nor HTML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from schemas.handoffs import InterpolationOutcome, RunResult, StackOutcome
from schemas.run_record import GapRecord
from soct_core.report.cards import file_card, key, plain, slice_card, slice_rows

OUTPUT = Path("/data/mouse 12/reconstruction")
EVIL = "</td><script>alert(1)</script> [x](javascript:alert(1)) ![y](http://z) **b** | `c`\n# d"


def result(**changes: object) -> RunResult:
    """Slices 0, 1, 3, 5, 8; 2 interpolated, 4 refused, 6 and 7 a double gap."""
    refused = InterpolationOutcome(
        slice_id=4, result="hard_skip", reason="low_overlap_ncc", detail="0.1 < 0.3"
    )
    made = InterpolationOutcome(slice_id=2, result="interpolated", volume=OUTPUT / "z02.ome.zarr")
    stack = StackOutcome(
        volume=OUTPUT / "stack/3d.ome.zarr", decisions=OUTPUT / "stack/d.csv", shape=(9, 9, 9)
    )
    return RunResult(
        output=OUTPUT,
        slices=(0, 1, 3, 5, 8),
        gaps=GapRecord(single=(2, 4), multi=((6, 7),)),
        interpolations=(made, refused),
        pairs=(),
        stack=stack,
        report=OUTPUT / "report.html",
    ).model_copy(update=changes)


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [(("Mouse_12 (left)", "z07"), "mouse-12-left-z07"), (("é",), "run"), (("--a--",), "a")],
)
def test_keys_are_lowercase_letters_digits_and_dashes(parts: tuple[str, ...], wanted: str) -> None:
    assert key(*parts) == wanted


def test_every_slot_has_its_row() -> None:
    rows = {row["slice"]: (row["outcome"], row["reason"]) for row in slice_rows(result())}
    assert list(rows) == [f"{i:02d}" for i in range(9)]
    assert rows["00"] == ("measured", "")
    assert rows["02"] == ("interpolated", "")
    assert rows["04"] == ("hard skip", plain("low_overlap_ncc: 0.1 < 0.3"))
    assert rows["06"] == rows["07"] == ("gap", "gap of 2 slices")


def test_text_from_files_is_shown_and_never_obeyed() -> None:
    shown = plain(EVIL)
    assert not re.search(r"(?<!\\)[<>\[\]()`*|!#:/]|\n", shown)
    assert re.sub(r"\\(.)", r"\1", shown) == " ".join(EVIL.split())
    evil = InterpolationOutcome(slice_id=4, result="hard_skip", reason="low_overlap_ncc", detail=EVIL)
    for text in (
        slice_card(evil),
        file_card(result(warnings=(EVIL,))),
        str(slice_rows(result(interpolations=(evil,)))),
    ):
        assert not re.search(r"(?<!\\)<script|(?<!\\)\]\(javascript", text)


def test_a_path_is_shown_as_it_is_and_cannot_break_out() -> None:
    card = file_card(result(report=Path("/data/a_b) <b> ](x)`.html")))
    assert "\n- `` /data/a_b) <b> ](x)`.html ``\n" in card
    assert "file:" not in card


def test_the_thumbnail_is_small_however_large_the_preview(tmp_path: Path) -> None:
    preview = tmp_path / "preview.png"
    Image.effect_noise((1600, 460), 90).save(preview)
    made = InterpolationOutcome(slice_id=2, result="interpolated", preview=preview)
    card = slice_card(made)
    assert "data:image/jpeg;base64," in card
    assert len(card) < 150_000
