"""Faults of what is around a run: how much memory it may have, its umask, a `prefect.toml` beside it."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from faults.bench import Bench
from faults.trial import Outcome, outcome

ROOT = Path(__file__).parents[1]
LEFT_BYTES = 2**26


def umask(on: Bench, mask: int) -> Outcome:
    """Everybody may write what the run makes, or nobody else may read it."""

    def masked() -> None:
        os.umask(mask)

    return outcome(on, f"umask {mask:03o}", on.run(prepare=masked), 0)


def little_memory(on: Bench) -> Outcome:
    """As under `ulimit -v`: some tens of MB above what the process has when it starts."""
    code = on.run(prepare=_limit)
    # The log may have said before that there is no report.
    said = (on.said().splitlines() or [""])[-1].replace(str(on.folder), "")
    clear = code == 1 and re.fullmatch("error: .*(out of memory|start new thread|bad_alloc).*", said)
    # The libraries of glibc and of Rust end a process that is refused memory, without a word to Python.
    ended = code in (127, -signal.SIGABRT) and "alloc" in said
    lost = on.lost(exit_=on.run())
    return Outcome("no memory left (ulimit -v)", code, said, bool(clear) or ended, lost)


def _limit() -> None:
    used = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmSize" in line)
    most = int(used.split()[1]) * 1024 + LEFT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def odd_prefect_toml(on: Bench) -> Outcome:
    """A `prefect.toml` that is none, in the directory from which the command is called."""
    (on.folder / "prefect.toml").write_text("this is [ not toml\n")
    command = [sys.executable, "-m", "flows.reconstruct", str(on.acquisition), "--output", str(on.output)]
    done = subprocess.run(
        [*command, "--quiet"],
        cwd=on.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(on.folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    (on.folder / "prefect.toml").unlink()
    said = done.stderr.strip().replace(str(on.folder), "")
    clear = said.startswith("error: Prefect cannot read its settings") and "\n" not in said
    lost = on.lost(exit_=on.run())
    return Outcome("odd prefect.toml", done.returncode, said, clear and done.returncode == 2, lost)


FAULTS: tuple[Callable[[Bench], Outcome], ...] = (
    partial(umask, mask=0o000),
    partial(umask, mask=0o077),
    little_memory,
    odd_prefect_toml,
)
