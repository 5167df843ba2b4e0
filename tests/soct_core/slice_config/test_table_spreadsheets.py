"""What spreadsheets and editors make of a slice config: a stated meaning, or one helpful line."""

from __future__ import annotations

from pathlib import Path

import pytest
from saved_tables import saved

from soct_core import slice_config
from soct_core.errors import SliceConfigError

PLAIN = b"slice_id,use,quality_score,notes\n07,true,0.5,ok\n08,false,,\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        PLAIN.replace(b"07", b"7.0").replace(b"08", b"8.0"),
        PLAIN.replace(b"07", b"7").replace(b"true", b"TRUE").replace(b"false", b"FALSE"),
        PLAIN.replace(b"\n", b",,\n") + b",,,,,\n,,,,,\n",
        PLAIN.replace(b"notes\n", b"notes,,\n"),
        b"".join(b"," + line for line in PLAIN.splitlines(keepends=True)),
        PLAIN + b"\n\n , , , \n",
        PLAIN.replace(b"ok", b'"ok"').replace(b"use", b" use "),
    ],
)
def test_accepted_with_the_meaning_of_the_plain_file(tmp_path: Path, content: bytes) -> None:
    wanted = slice_config.read(saved(tmp_path, PLAIN))
    slice_config.write(tmp_path / "wanted.csv", wanted)
    path = saved(tmp_path, content)
    slice_config.write(tmp_path / "seen.csv", slice_config.read(path))
    assert (tmp_path / "seen.csv").read_bytes() == (tmp_path / "wanted.csv").read_bytes()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN.replace(b".", b"\0").replace(b",", b";").replace(b"\0", b","), "commas between the columns"),
        (PLAIN.replace(b",", b"\t"), "not tabs"),
        (b"sep=;\n" + PLAIN.replace(b",", b";"), "not semicolons"),
        (PLAIN.replace(b"0.5", b'"0,5"'), "got '0,5', wanted a number from 0 to 1"),
        (PLAIN.decode().encode("utf-16"), "UTF-8 text"),
        (PLAIN.replace(b"ok", "dévié".encode("latin-1")), "row 2"),
        (PLAIN.replace(b"07", "\uff10\uff17".encode()), "got '０７', wanted a whole number"),
        (PLAIN.replace(b"0.5", "\u0660.\u0665".encode()), "wanted a number from 0 to 1"),
        (PLAIN.replace(b"07", b"Jul 7"), "got 'Jul 7'"),
        (PLAIN.replace(b"07", b"7.5"), "got '7.5'"),
        (PLAIN.replace(b"08", b"7.0"), "no duplicate"),
        (PLAIN.replace(b"ok", b"x" * 200_000), "field larger than field limit"),
        (PLAIN.replace(b"ok", b"ok,more"), "got '5 cells', wanted 4 cells"),
        (PLAIN.replace(b"ok", b'"never closed'), "comma-separated values"),
        (b"", "a header row"),
        (b"slice_id\n" + b"7\n" * 200_001, "at most 200000 rows"),
        (b"slice_id,use\n" + b"".join(b"%d,maybe\n" % i for i in range(50)), "and 47 more faults"),
    ],
)
def test_refused_in_one_line_that_names_the_file(tmp_path: Path, content: bytes, said: str) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(SliceConfigError) as error:
        slice_config.read(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert path.read_bytes() == content


def test_carried_text_is_kept_and_our_own_is_inert(tmp_path: Path) -> None:
    path = saved(tmp_path, b"slice_id,notes,x\n7,=1+1,@SUM(1)\n8,,-2\n")
    notes = {7: {"notes": "=cmd()"}, 8: {"notes": "=cmd()"}}
    slice_config.stamp_many(path, tmp_path / "once.csv", notes)
    slice_config.stamp_many(tmp_path / "once.csv", tmp_path / "twice.csv", notes)
    table = slice_config.read(tmp_path / "twice.csv")
    assert list(table["notes"]) == ["=1+1; =cmd()", "'=cmd()"]
    assert list(table["x"]) == ["@SUM(1)", "-2"]
    assert (tmp_path / "once.csv").read_bytes() == (tmp_path / "twice.csv").read_bytes()
