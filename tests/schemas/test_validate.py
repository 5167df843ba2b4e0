"""`python -m schemas.validate`: a line for every fault or doubt of every file."""

from __future__ import annotations

from pathlib import Path

import pytest
from saved_tables import saved

from schemas.validate import main


def test_validate_finds_no_fault_in_valid_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = saved(tmp_path, "slice_id,use\n07,true\n")
    shifts = saved(tmp_path, "fixed_id,moving_id,x_shift,y_shift\n06,07,1.5,-2\n", "shifts_xy.csv")
    decisions = saved(
        tmp_path, "slice_id,slot_state,slot_top_um,slot_bottom_um\n07,gap,0,200\n", "stacking_decisions.csv"
    )
    assert main([str(config), str(shifts), str(decisions)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "3 of 3 valid\n"


@pytest.mark.parametrize(
    ("header", "doubts"),
    [
        ("slice_id,used", ["column 'used' has no meaning and is only kept; is 'use' meant?"]),
        ("slice_id,qualtiy_score", ["is 'quality_score' meant?"]),
        ("slice_id,use,used", []),
        ("slice_id,microscope", []),
    ],
)
def test_a_column_that_is_nearly_ours_is_doubted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str, doubts: list[str]
) -> None:
    cells = ",".join(["07", *["false"] * header.count(",")])
    assert main([str(saved(tmp_path, f"{header}\n{cells}\n"))]) == 0
    *warnings, _ = capsys.readouterr().err.splitlines()
    assert len(warnings) == len(doubts)
    assert all(d in w and w.startswith("warning: ") for w, d in zip(warnings, doubts, strict=True))


def test_validate_prints_one_line_per_fault_of_every_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = saved(tmp_path, "slice_id,use\n07,true\n")
    bad = saved(tmp_path, 'slice_id,use\n07,maybe\n08,"two\nlines"\n', "slice_config_final.csv")
    shifts = saved(tmp_path, "fixed_id,moving_id,x_shift\n06,07,far\n", "shifts_xy.csv")
    assert main([str(good), str(bad), str(tmp_path / "absent.csv"), str(shifts)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"{bad}, row 2, column 'use': got 'maybe'")
    assert lines[1].startswith(f"{bad}, row 3, column 'use': got 'two\\nlines'")
    assert lines[2].startswith(f"{tmp_path / 'absent.csv'}: ")
    assert lines[3].startswith(f"{shifts}, row 2, column 'x_shift': got 'far'")


def test_validate_quotes_the_value_as_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A path and a message joined as one path would swallow slashes of the message.
    assert main([str(saved(tmp_path, "slice_id,use\n07,https://a/./b\n"))]) == 1
    assert "got 'https://a/./b'" in capsys.readouterr().out


def test_validate_refuses_to_check_nothing() -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


def test_documents_are_checked_by_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, other = (
        tmp_path / name for name in ("slice_z03_figures.json", "slice_z04_figures.json", "x.json")
    )
    good.write_text('{"slice_id": 3, "planes": [0, 2], "tissue_fraction": 0.5}')
    bad.write_text('{"slice_id": 4, "planes": [0, 2], "tissue_fraction": 1.5, "mood": "good"}')
    other.write_text("{}")
    assert main([str(good)]) == 0
    assert main([str(good), str(bad), str(other), str(tmp_path / "run.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"{bad}, tissue_fraction",
        f"{bad}, mood",
        str(other),
        str(tmp_path / "run.json"),
    ]
    assert "less than or equal to 1, got 1.5" in lines[0]
