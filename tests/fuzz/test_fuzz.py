"""Twenty thousand mutated files: each accepted with a meaning, or refused in one line."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from feeding import Broken, Tally, Target, run
from targets import TARGETS, cases_for

from soct_core.errors import BadInputError

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
