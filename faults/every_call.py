"""Kill a run, or fail it, at every call that changes its output; run it again; compare: `make faults`.

A run that dies must leave nothing half-made under a final name. A run that meets an error must either
get over it, with the outputs of an undisturbed run (a preview may be missing), or end with exit code 1
and one line that says which error it was. In both cases the next run must end as an undisturbed run
does, without leftovers.
"""

from __future__ import annotations

import argparse
import csv
import errno
import os
import random
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.bench import OTHER, RESULTS, SMALLEST, USUAL, Bench, Engine, bench
from faults.file_calls import ANY, KILL, KINDS, Calls, Fault
from faults.outputs import contents, not_whole

ERRORS = tuple(name for name in KINDS if name not in (ANY, KILL))


@dataclass
class Outcome:
    """What one fault did."""

    engine: str
    fault: str
    call: str
    exit_code: int
    said: str
    lost: str
    """What is wrong, with the faulty run or with the one after it; empty: recovered."""


class EveryCall:
    """Runs whose calls are counted, on a bench."""

    def __init__(self, on: Bench, engine: Engine, *, again: bool = False) -> None:
        self.on, self.engine, self.calls = on, engine, Calls(on.folder)
        self.before: Path | None = None
        """What lies in the output before each run: nothing, or the outputs of other settings."""
        if again:
            on.reference("other", OTHER, engine)
            self.before = on.folder / "kept-other"
        self._run(Fault(ANY, 0))
        if self.code:
            raise SystemExit(f"the undisturbed run failed ({self.code}): {on.said()}")
        on.keep("usual")
        called = Counter(line.partition(" ")[0] for line in self.calls.all())
        self.counts = {what: sum(called[kind] for kind in kinds) for what, kinds in KINDS.items()}

    def _run(self, fault: Fault) -> None:
        self.on.clear()
        if self.before is not None:
            shutil.copytree(self.before, self.on.output)
        self.calls.clear()
        roots = (self.on.output, self.on.folder / "records", self.on.acquisition)
        self.code = self.on.run(USUAL, self.engine, partial(self.calls.arm, fault, *roots))

    def trial(self, fault: Fault) -> Outcome:
        """One fault and one recovery."""
        self._run(fault)
        call = self.calls.struck()
        # Lines of the log are not what a command prints.
        lines = [line for line in self.on.said().splitlines() if " | WARNING | " not in line]
        said = "\n".join(lines).partition("\n/")[0].replace(str(self.on.folder), "")
        wrong = self._wrong(fault, said) if call else []
        again = self.on.lost(exit_=self.on.run(USUAL, self.engine))
        wrong += [again] if again else []
        wrong += [] if self.on.untouched() else ["the inputs were changed"]
        return Outcome(self.engine, str(fault), call, self.code, said, "; ".join(wrong))

    def _wrong(self, fault: Fault, said: str) -> list[str]:
        wrong = [
            f"half-made: {name}" for name in not_whole(self.on.output, list(self.on.references.values()))
        ]
        if fault.what == KILL:
            return wrong + ([] if self.code == -signal.SIGKILL else [f"exit {self.code}, wanted its death"])
        if self.code == 0:
            missing = {*self.on.references["usual"]} - {*contents(self.on.output)}
            wrong += [f"exit 0 without {name}" for name in missing if not name.endswith("_preview.png")]
            return wrong + ([f"exit 0, but said {said!r}"] if said else [])
        line = rf"error: [^\n]*{re.escape(os.strerror(getattr(errno, fault.what)))}[^\n]*"
        # What may not be read is input that cannot be used.
        closed = fault.what == "EACCES" and "cannot be read" in said
        if self.code not in ((1, 2) if closed else (1,)) or not re.fullmatch(line, said):
            wrong.append(f"exit {self.code}, wanted 1 and one line that names the error")
        return wrong


def faults_of(counts: dict[str, int]) -> Iterator[Fault]:
    """All of them: at each call a death, and each error once; at every tenth, an error that stays."""
    for what, total in counts.items():
        for nth in range(1, total + 1):
            yield Fault(what, nth)
            if what != KILL and nth % 10 == 1:
                yield Fault(what, nth, stays=True)


def sampled(counts: dict[str, int], number: int, draw: random.Random) -> Iterator[Fault]:
    """Some of them: as many deaths as errors, where both are wanted."""
    errors = [what for what in counts if what != KILL]
    for index in range(number):
        what = draw.choice(errors) if errors and (index % 2 or KILL not in counts) else KILL
        yield Fault(what, draw.randint(1, counts[what]), what != KILL and draw.random() < 0.3)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("direct", "threads", "processes"), default="direct")
    parser.add_argument("--again", action="store_true", help="over the outputs of other settings")
    parser.add_argument("--sample", type=int, help="so many at random; default: all")
    parser.add_argument("--only", choices=(KILL, *ERRORS), nargs="*", default=(KILL, *ERRORS))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args(argv)
    print(f"--engine {arguments.engine} --seed {arguments.seed}", flush=True)
    path = arguments.csv or RESULTS / f"faults_every_call_{arguments.engine}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    found: list[Outcome] = []
    with bench(SMALLEST, served=arguments.engine != "direct") as on, path.open("w", newline="") as file:
        every = EveryCall(on, arguments.engine, again=arguments.again)
        print(", ".join(f"{what}: {count} calls" for what, count in every.counts.items()), flush=True)
        counts = {what: every.counts[what] for what in arguments.only}
        draw = random.Random(arguments.seed)
        faults = faults_of(counts) if arguments.sample is None else sampled(counts, arguments.sample, draw)
        writer = csv.writer(file)
        writer.writerow([f.name for f in fields(Outcome)])
        for fault in faults:
            found.append(one := every.trial(fault))
            writer.writerow(vars(one).values())
            file.flush()
            state = f"LOST {one.lost}: {one.said}" if one.lost else "recovered"
            print(f"{one.fault:<26}{one.call[:70]:<72}exit {one.exit_code:<4}{state}", flush=True)
    return _summed_up(found)


def _summed_up(found: Sequence[Outcome]) -> int:
    struck = [one for one in found if one.call]
    lost = [one for one in found if one.lost]
    ended = Counter(one.exit_code for one in struck)
    died, over = ended[-signal.SIGKILL], ended[0]
    print(
        f"{len(struck)} injected ({died} died, {over} got over it, {len(struck) - died - over} failed "
        f"in one line), {len(struck) - len(lost)} recovered, {len(lost)} lost"
    )
    return 1 if lost or not struck else 0


if __name__ == "__main__":
    sys.exit(main())
