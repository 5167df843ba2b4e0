"""The audit trail read and written: nothing is lost, and its normal form is known."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saved_tables import saved
from slice_config_files import Row, rows_of

from schemas.tables.slice_config import CANONICAL_COLUMNS
from soct_core import slice_config
from soct_core.errors import SliceConfigError

NASTY = (
    'say "cut"',
    "two\nlines",
    "a\r\nb",
    "lone\rreturn",
    "a,b",
    "a;b",
    "007",
    " x ",
    "NA",
    "µm é 切片 🧠",
    "'",
)
cell_text = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec="utf-8"), max_size=12))
# Blanks around a name are tested on their own.
column_name = cell_text.filter(lambda name: name == name.strip() and name not in ("", *CANONICAL_COLUMNS))
BOOLS = ("true", "TRUE", "1", "yes", "y", "t", "false", "0", "no", "n", "F", "")
NORMAL_BOOLS = {"true", "false", ""}
shares = st.one_of(st.just(""), st.floats(0, 1, allow_nan=False).map(repr))


@st.composite
def configs(draw: st.DrawFn) -> tuple[list[str], list[Row]]:
    """Header and rows of a valid config, as text, with columns that the contract does not know."""
    unknown = draw(st.lists(column_name, max_size=3, unique=True))
    optional = [name for name in CANONICAL_COLUMNS[1:] if draw(st.booleans())]
    header = draw(st.permutations(["slice_id", *optional, *unknown]))
    ids = draw(st.lists(st.integers(0, 1200), max_size=6, unique=True))
    rows = []
    for slice_id in ids:
        row = {name: draw(cell_text) for name in header}
        row["slice_id"] = draw(st.sampled_from([f"{slice_id}", f"{slice_id:02d}", f"{slice_id}.0"]))
        for name in ("use", "galvo_fix", "rehomed", "rehoming_reliable", "auto_excluded", "interpolated"):
            row[name] = draw(st.sampled_from(BOOLS))
        for name in ("quality_score", "galvo_confidence"):
            row[name] = draw(shares)
        # Not both outcomes at once, which the contract refuses.
        row["interpolation_failed"] = draw(st.sampled_from(["false", ""]))
        row["interpolation_method_used"] = draw(st.sampled_from(["zmorph", "average", ""]))
        row["interpolation_fallback_reason"] = draw(st.sampled_from(["low_overlap_ncc", ""]))
        rows.append({name: row[name] for name in header})
    return list(header), rows


def as_csv(header: list[str], rows: list[Row]) -> str:
    """A CSV text with every cell quoted, as some programs write it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@given(configs())
@settings(max_examples=40, deadline=None)
def test_round_trips_lose_nothing(config: tuple[list[str], list[Row]]) -> None:
    header, rows = config
    with TemporaryDirectory() as folder:
        given_, once, twice = (Path(folder) / name for name in ("given.csv", "once.csv", "twice.csv"))
        given_.write_bytes(as_csv(header, rows).encode())
        slice_config.write(once, slice_config.read(given_))
        slice_config.write(twice, slice_config.read(once))
        assert once.read_bytes() == twice.read_bytes()
        written = rows_of(once)
        text = once.read_bytes().decode()
    unknown = [name for name in header if name not in CANONICAL_COLUMNS]
    assert next(csv.reader(io.StringIO(text, newline=""))) == [*CANONICAL_COLUMNS, *unknown]
    in_order = sorted(rows, key=lambda row: float(row["slice_id"]))
    assert [row["slice_id"] for row in written] == [f"{int(float(r['slice_id'])):02d}" for r in in_order]
    for before, after in zip(in_order, written, strict=True):
        kept = [n for n in ("notes", "auto_exclude_reason", *unknown) if n in header]
        assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
        assert {after[n] for n in ("use", "galvo_fix", "rehomed", "auto_excluded")} <= NORMAL_BOOLS
        for name in ("quality_score", "galvo_confidence"):
            assert after[name] == (before.get(name) or "")
        assert after["use"] == meant(before.get("use", ""))


def meant(spelling: str) -> str:
    """Normal form of a boolean."""
    return {"t": "true", "1": "true", "y": "true", "": ""}.get(spelling[:1].lower(), "false")


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_survives_in_cells_and_names(tmp_path: Path, text: str) -> None:
    path = saved(
        tmp_path, as_csv(["slice_id", "notes", "a" + text + "b"], [{"slice_id": "7", "notes": text}])
    )
    slice_config.write(tmp_path / "out.csv", slice_config.read(path))
    (row,) = rows_of(tmp_path / "out.csv")
    assert (row["notes"], row["a" + text + "b"]) == (text, "")


def test_normal_form_is_known(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        'operator,notes,use,slice_id,quality_score\nAda,"a,b",Y,112,.50\n007,,0,7,\n"x\ny",,,99.0,1\n',
    )
    slice_config.write(tmp_path / "out.csv", slice_config.read(path))
    assert (tmp_path / "out.csv").read_bytes().decode() == (
        ",".join(CANONICAL_COLUMNS) + ",operator\n"
        "07,false,,,,,,,,,,,,,007\n"
        '99,,1.0,,,,,,,,,,,,"x\ny"\n'
        '112,true,0.5,,,,,,,,,,,"a,b",Ada\n'
    )


def test_an_unknown_column_name_keeps_its_blanks(tmp_path: Path) -> None:
    path = saved(tmp_path, "slice_id, batch \n07,x\n")
    slice_config.write(tmp_path / "out.csv", slice_config.read(path))
    assert rows_of(tmp_path / "out.csv")[0][" batch "] == "x"


def test_rows_are_in_the_order_of_numbers_beyond_99(tmp_path: Path) -> None:
    path = saved(tmp_path, "slice_id\n100\n99\n1000\n9\n10\n0\n")
    assert slice_config.read(path)["slice_id"].tolist() == [0, 9, 10, 99, 100, 1000]
    slice_config.write(tmp_path / "out.csv", slice_config.read(path).iloc[::-1])
    assert [row["slice_id"] for row in rows_of(tmp_path / "out.csv")] == [
        "00",
        "09",
        "10",
        "99",
        "100",
        "1000",
    ]


def test_faults_become_an_error_with_the_whole_path(tmp_path: Path) -> None:
    path = saved(tmp_path, "slice_id,use\n07,a//b\n")
    with pytest.raises(SliceConfigError) as caught:
        slice_config.read(path)
    assert str(caught.value).startswith(f"{path}, row 2, column 'use': got 'a//b', wanted true/1/")


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SliceConfigError, match=r"absent\.csv: cannot be read"):
        slice_config.read(tmp_path / "absent.csv")


def test_an_invalid_table_is_not_written(tmp_path: Path) -> None:
    old = saved(tmp_path, "old")
    table = pd.DataFrame({"slice_id": pd.array([1, 1], dtype="Int64")})
    with pytest.raises(SliceConfigError, match="no duplicate"):
        slice_config.write(old, table)
    assert old.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [old.name]


def test_a_config_from_ids_uses_every_slice(tmp_path: Path) -> None:
    slice_config.write(tmp_path / "out.csv", slice_config.from_ids([12, 3, 100]))
    rows = rows_of(tmp_path / "out.csv")
    assert [(row["slice_id"], row["use"]) for row in rows] == [
        ("03", "true"),
        ("12", "true"),
        ("100", "true"),
    ]
    assert {cell for row in rows for name, cell in row.items() if name not in ("slice_id", "use")} == {""}
