"""Twenty thousand mutated files: each accepted with a meaning, or refused in one line."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from feeding import Broken, Tally, Target, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS, cases_for

from schemas.settings import ReconstructSettings
from schemas.tables.csv_table import TableFaults
from schemas.tables.slice_config import SLICE_CONFIG
from soct_core.errors import BadInputError
from soct_core.run.settings_file import load_settings

CASES = 20_000
MOST_MEMORY_MB = 600


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_file_does_harm(target: Target, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tally = run(target, cases_for(target, CASES), 0, tmp_path / "fuzz")
    # Neither all nor none: the mutations reach behind the first check, and do break things.
    assert tally.accepted > 0
    assert tally.refused > 0
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MOST_MEMORY_MB


def test_there_are_twenty_thousand_cases() -> None:
    assert sum(cases_for(target, CASES) for target in TARGETS) >= CASES


def reads(how: object) -> Target:
    """A target whose reader does as told once the file is not the valid one."""

    def read(path: Path) -> None:
        if path.read_bytes() != b"valid" and how is not None:
            how(path)  # type: ignore[operator]

    return Target("slice.csv", "slice.csv", read, (lambda data, rng: b"x",), content=b"valid")


def two_lines(path: Path) -> None:
    raise BadInputErrorOfTwoLines(f"{path}: one\ntwo")


def nameless(path: Path) -> None:
    raise BadInputError("something is wrong")


def crash(path: Path) -> None:
    raise KeyError("axes")


class BadInputErrorOfTwoLines(BadInputError):
    def __str__(self) -> str:
        return str(self.args[0])


@pytest.mark.parametrize("how", [two_lines, nameless, crash, lambda path: path.write_bytes(b"y")])
def test_the_harness_sees_what_it_looks_for(tmp_path: Path, how: object) -> None:
    with pytest.raises(Broken):
        run(reads(how), 1, 0, tmp_path / "fuzz")
    assert run(reads(None), 3, 0, tmp_path / "fine") == Tally(accepted=3)


cells = st.text(max_size=12) | st.sampled_from(
    ["", "0", "07", "7.0", "true", "0.5", "zmorph", '"', "a,b", "\r"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(
        st.sampled_from(["slice_id", "use", "quality_score", "notes", "x", "", "use"]), max_size=5
    ),
    rows=st.lists(st.lists(cells, max_size=6), max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_table_has_one_normal_form_or_none(names: list[str], rows: list[list[str]], end: str) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    normal, said = "slice_id\n", ""
    try:
        normal = SLICE_CONFIG.to_csv(SLICE_CONFIG.parse("in", end.join([",".join(names), *quoted])))
    except TableFaults as error:
        said = error.summary
    assert len(said.splitlines()) <= 1
    assert SLICE_CONFIG.to_csv(SLICE_CONFIG.parse("again", normal)) == normal


@settings(max_examples=500, deadline=None)
@given(name=st.text() | st.sampled_from(["stack.pyramid_um", "slicing_interval_um"]), value=st.text())
def test_any_override_is_a_setting_or_refused(name: str, value: str) -> None:
    said = ""
    try:
        load_settings(ReconstructSettings, None, [f"{name}={value}"])
    except BadInputError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1
