"""Faults of files: inputs that change, go away or are damaged, clocks that jump, own outputs damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial

import numpy as np
import zarr

from faults import moments
from faults.bench import Bench
from faults.trial import Outcome, outcome
from soct_core.file_names import CHECKSUMS_FOLDER

SLICE = "slice_z03.ome.zarr"
_EARLY, _STACKING, _STACKED = "merge fragments", f"block {moments.VOLUME}", "before checksums stack"


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
    recorded = moment == _STACKED and (on.output / CHECKSUMS_FOLDER / "stack.json").exists()
    line = f"{SLICE}[^\n]*: (changed or went away|No such file)"
    found = outcome(on, f"{fault} ({moment})", code, 1, line, from_other=change is not removed)
    return (
        found
        if not recorded
        else Outcome(found.fault, code, "the checksums of the stack were written", False, found.lost)
    )


def from_the_start(on: Bench, fault: str, change: Callable[[Bench], None]) -> Outcome:
    change(on)
    return outcome(on, fault, on.run(), 2, f"{SLICE}: cannot be read")


def lost_chunk(on: Bench) -> Outcome:
    """No error, but said: a warning in the run's result and the report, provenance 0 in the volume."""
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


FAULTS: tuple[Callable[[Bench], Outcome], ...] = (
    partial(while_it_works, fault="slice removed while the run works", change=removed, moment=_EARLY),
    partial(while_it_works, fault="slice removed while it is stacked", change=removed, moment=_STACKING),
    partial(while_it_works, fault="slice rewritten while the run works", change=rewritten, moment=_EARLY),
    partial(while_it_works, fault="slice rewritten after it was stacked", change=rewritten, moment=_STACKED),
    partial(while_it_works, fault="chunk lost while the run works", change=chunk_lost, moment=_EARLY),
    partial(from_the_start, fault="chunk truncated", change=truncated),
    partial(from_the_start, fault="bit of a chunk's header flipped", change=flipped),
    lost_chunk,
    clock_jumps,
    output_damaged,
)
