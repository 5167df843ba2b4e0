"""Faults of the world: disks, permissions, inputs that change, lost workers, two runs at once.

Of each: the exit code, the one line that the user sees, and whether the next run repairs it.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults import moments
from faults.bench import RESULTS, Bench, bench
from faults.outputs import not_whole
from soct_core.run_lock import LOCK

SLICE = "slice_z03.ome.zarr"
NOBODY = 65534


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


# --- disks -------------------------------------------------------------------------------------


@contextmanager
def tmpfs(at: Path, size: str) -> Iterator[None]:
    """A file system of its own at a path; needs root."""
    at.mkdir(parents=True)
    _mount(at, f"size={size}")
    try:
        yield
    finally:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.umount2(os.fsencode(at), 2)
        at.rmdir()


def _mount(at: Path, options: str, flags: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(at), b"tmpfs", flags, options.encode()):
        raise OSError(ctypes.get_errno(), "cannot mount a tmpfs; the disk faults need root")


def disk_full(on: Bench) -> Outcome:
    with tmpfs(on.output, "400k"):
        code = on.run()
        _mount(on.output, "size=200m", flags=32)
        return outcome(on, "disk full", code, 1, "No space left on device")


def disk_full_at_once(on: Bench) -> Outcome:
    with tmpfs(on.output, "4k"):
        (on.output / "mine").write_bytes(b"x" * 4096)
        code = on.run()
        _mount(on.output, "size=200m", flags=32)
        (on.output / "mine").unlink()
        return outcome(on, "disk full from the start", code, 1, "No space left on device")


def read_only(on: Bench) -> Outcome:
    with tmpfs(on.output, "200m"):
        _mount(on.output, "size=200m", flags=32 | 1)
        code = on.run()
        _mount(on.output, "size=200m", flags=32)
        return outcome(on, "read-only output", code, 1, "Read-only file system")


def other_file_system(on: Bench) -> Outcome:
    with tmpfs(on.output, "200m"):
        return outcome(on, "output on another file system", on.run(), 0)


def permission_denied(on: Bench) -> Outcome:
    on.output.mkdir()
    os.chown(on.output, NOBODY, NOBODY)
    code = on.run(prepare=drop_privileges)
    return outcome(on, "permission denied", code, 1, "Permission denied")


def drop_privileges() -> None:
    """Root without its capabilities: files of others are closed to it."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "cannot drop capabilities")


# --- inputs ------------------------------------------------------------------------------------


def removed(on: Bench) -> None:
    shutil.rmtree(on.acquisition / SLICE)


def rewritten(on: Bench) -> None:
    """Other voxels, of the same size, under the same times."""
    for chunk in (on.acquisition / SLICE / "0").rglob("c/*/*/*"):
        before = chunk.stat()
        other = next(p for p in (on.acquisition / "slice_z04.ome.zarr" / "0").rglob("c/*/*/*"))
        data = other.read_bytes()
        chunk.write_bytes(data)
        os.utime(chunk, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncated(on: Bench) -> None:
    chunk = next((on.acquisition / SLICE / "0").rglob("c/*/*/*"))
    chunk.write_bytes(chunk.read_bytes()[:100])


def flipped(on: Bench) -> None:
    chunk = next((on.acquisition / SLICE / "0").rglob("c/*/*/*"))
    data = bytearray(chunk.read_bytes())
    data[0] ^= 0xFF
    chunk.write_bytes(bytes(data))


def chunk_lost(on: Bench) -> None:
    next((on.acquisition / SLICE / "0").rglob("c/*/*/*")).unlink()


def while_it_works(on: Bench, fault: str, change: Callable[[Bench], None], moment: str) -> Outcome:
    """The input changes between the first task and the last."""
    code = on.run(prepare=partial(moments.arm, moment, partial(change, on)))
    sealed = moment == "before seal stack" and (on.output / ".soct" / "seals" / "stack.json").exists()
    line = f"{SLICE}[^\n]*: (changed or went away|No such file)"
    found = outcome(on, f"{fault} ({moment})", code, 1, line, from_other=change is not removed)
    return found if not sealed else Outcome(found.fault, code, "stack was sealed", False, found.lost)


def from_the_start(on: Bench, fault: str, change: Callable[[Bench], None]) -> Outcome:
    change(on)
    return outcome(on, fault, on.run(), 2, f"{SLICE}: cannot be read")


def lost_chunk(on: Bench) -> Outcome:
    """No error, but said: a warning in the run's result and the report, provenance 0 in the volume."""
    import numpy as np
    import zarr

    chunk_lost(on)
    code = on.run()
    label = zarr.open_array(on.output / "stack" / moments.VOLUME, path="labels/provenance/0", mode="r")[12:16]
    honest = "03 (1 of 1)" in (on.output / "report.html").read_text() and not np.any(label)
    on.restore()
    return Outcome(
        "chunk lost",
        code,
        "warning: chunks are not in the files of slices 03 (1 of 1)",
        code == 0 and honest,
        on.lost(exit_=on.run()),
    )


def clock_jumps(on: Bench) -> Outcome:
    """Times of the inputs in 1980 and 2080, all equal: nothing is made again, nothing believed."""
    on.run()
    for year_ns in (315_532_800 * 10**9, 3_471_292_800 * 10**9):
        for path in on.acquisition.rglob("*"):
            os.utime(path, ns=(year_ns, year_ns))
        code = on.run()
        tasks = json.loads((on.output / "run.json").read_text())["tasks"]
        if code or not all(task["cached"] for task in tasks):
            return Outcome("clock jumps", code, "", False, "made again")
    return outcome(on, "clock jumps", code, 0)


def output_damaged(on: Bench) -> Outcome:
    """A chunk of the volume is missing, one of an interpolated slice flipped."""
    on.run()
    next((on.output / "stack" / moments.VOLUME / "0").rglob("c/*/*/*")).unlink()
    chunk = next((on.output / "interpolate_missing_slice" / moments.FILLED / "0").rglob("c/*/*/*"))
    data = bytearray(chunk.read_bytes())
    data[-1] ^= 1
    chunk.write_bytes(bytes(data))
    return Outcome("own output damaged", 0, "", True, on.lost(exit_=on.run()))


# --- processes ---------------------------------------------------------------------------------


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def worker_killed(on: Bench) -> Outcome:
    code = on.run(runner="processes", prepare=partial(moments.arm, "after rename transform.json", kill_self))
    return outcome(on, "a worker of the pool killed", code, 1, "a worker process died")


def only_the_parent_killed(on: Bench) -> Outcome:
    """Its workers must not go on writing."""
    child = on.start(runner="processes", prepare=partial(moments.arm, "before seal interpolate_z02", hold))
    held = on.folder / "held"
    wait_until(held.exists)
    os.kill(child, signal.SIGKILL)
    on.wait(child)
    wait_until(lambda: not _alive_in_group(child), 30)
    left = _alive_in_group(child)
    held.unlink()
    found = outcome(on, "only the parent killed", -9, -9)
    return Outcome(found.fault, -9, f"{len(left)} workers outlived it", not left, found.lost)


def two_at_once(on: Bench) -> Outcome:
    child = on.start(prepare=partial(moments.arm, "merge fragments", hold))
    held = on.folder / "held"
    wait_until(held.exists)
    code = on.run()
    said = on.said().replace(str(on.folder), "")
    held.unlink()
    first = on.wait(child)
    named = f"pid {child} on" in said and "\n" not in said
    return Outcome("two runs at once", code, said, code == 1 and first == 0 and named, on.lost())


def dead_lock(on: Bench) -> Outcome:
    """The lock of a dead run, of this host and of another one."""
    lock = on.output / LOCK
    for host in (os.uname().nodename, "elsewhere"):
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(
            f'{{"pid":1,"host":"{host}","started":"2026-01-01T00:00:00Z","command":"x","alive":"2026-01-01T00:00:00Z"}}'
        )
        code = on.run()
        if code:
            return Outcome("lock of a dead run", code, on.said(), False, "blocked")
    return outcome(on, "lock of a dead run", code, 0)


def hold() -> None:
    """Stay where it is until the file `held` in the output is removed."""
    held = Path(os.environ["FAULTS_HELD"])
    held.touch()
    wait_until(lambda: not held.exists())


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    last = time.monotonic() + seconds
    while not condition() and time.monotonic() < last:
        time.sleep(0.05)


def _alive_in_group(group: int) -> list[str]:
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            alive.append(stat.parent.name)
    return alive


def faults(on: Bench) -> list[Callable[[], Outcome]]:
    changes = [
        partial(while_it_works, on, "slice removed while the run works", removed, "merge fragments"),
        partial(
            while_it_works, on, "slice removed while it is stacked", removed, f"flush {moments.VOLUME}/0"
        ),
        partial(while_it_works, on, "slice rewritten while the run works", rewritten, "merge fragments"),
        partial(while_it_works, on, "slice rewritten after it was stacked", rewritten, "before seal stack"),
        partial(while_it_works, on, "chunk lost while the run works", chunk_lost, "merge fragments"),
        partial(from_the_start, on, "chunk truncated", truncated),
        partial(from_the_start, on, "bit of a chunk's header flipped", flipped),
    ]
    disks = [disk_full, disk_full_at_once, read_only, other_file_system, permission_denied]
    others = [
        lost_chunk,
        clock_jumps,
        output_damaged,
        worker_killed,
        only_the_parent_killed,
        two_at_once,
        dead_lock,
    ]
    return [*(partial(fault, on) for fault in disks), *changes, *(partial(fault, on) for fault in others)]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when every fault did what is promised, and was repaired."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path, default=RESULTS / "faults_world.csv")
    arguments = parser.parse_args(argv)
    found = []
    with bench() as on:
        os.environ["FAULTS_HELD"] = str(on.folder / "held")
        for fault in faults(on):
            on.clear()
            found.append(result := fault())
            state = "as promised" if result.wanted else "NOT AS PROMISED"
            after = f"LOST {result.lost}" if result.lost else "repaired"
            print(f"{result.fault:<62}exit {result.exit_code:<3}{state}, {after}: {result.said}", flush=True)
    arguments.csv.parent.mkdir(parents=True, exist_ok=True)
    with arguments.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(vars(found[0])))
        writer.writeheader()
        writer.writerows(map(vars, found))
    fine = sum(o.fine for o in found)
    print(f"{len(found)} faults, {fine} as promised and repaired")
    return 0 if fine == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
