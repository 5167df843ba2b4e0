"""One trial of a fault of the world: what the user was told, and whether the next run repairs it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from faults.bench import Bench
from faults.outputs import not_whole


@dataclass
class Outcome:
    """What one fault did."""

    fault: str
    exit_code: int
    said: str
    wanted: bool
    """Whether code and line are those that are promised, and nothing half-made is in sight."""
    lost: str
    """What is wrong after the next run; empty: repaired."""

    @property
    def fine(self) -> bool:
        return self.wanted and not self.lost


def outcome(
    on: Bench, fault: str, code: int, promised: int, line: str = "", from_other: bool = False
) -> Outcome:
    """Judge what a faulty run left, and run again."""
    # Python's own resource tracker may complain behind a dead pool.
    said = on.said().partition("\n/")[0]
    clear = said == "" if not line else bool(re.fullmatch(rf"error: [^\n]*{line}[^\n]*", said))
    whole = from_other or not not_whole(on.output, list(on.references.values()))
    if not on.untouched():
        on.restore()
    said = said.replace(str(on.folder), "")
    return Outcome(fault, code, said, clear and whole and code == promised, on.lost(exit_=on.run()))
