"""What a run may take: CPU time, memory and disk, by a rule that was measured, not promised.

Figures of 2026 cores; see docs/sizes.md for the commands behind them. Times are right within a factor of
three or so; where tasks of the same kind have run on the same output before, theirs count instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from soct_core.volume import Volume

_GIB = 2**30
_SECONDS = {"interpolate": 1.2, "register": 0.7, "stack": 1.0}
"""Of a task on planes of a few hundred pixels."""
_SECONDS_A_VOXEL = {"interpolate": 6e-8, "stack": 3e-8}
"""Of what is made."""
_SECONDS_A_PIXEL = {"register": 3e-7}
_INTERPRETER = 0.35 * _GIB
_PLANES_HELD, _MOST_HELD = 64, 0.4 * _GIB
"""Planes, as float32, that a worker holds at most; of large planes it holds windows, and this much."""
_CHUNKS_HELD = 5
"""One of each side, however large, and what unpacking one takes; see docs/sizes.md."""
_PYRAMID = 8 / 7
_LABELS = 0.05


@dataclass(frozen=True)
class Estimate:
    """What a run may take."""

    cpu_seconds: float
    memory_bytes: float
    """Of all workers at once."""
    disk_bytes: float
    """Of what is written; while it is written, what it replaces is there too."""

    @property
    def text(self) -> str:
        """One line for people."""
        minutes = self.cpu_seconds / 60
        time = f"{self.cpu_seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min"
        memory, disk = size_text(self.memory_bytes), size_text(self.disk_bytes)
        return f"about {time} of CPU time, up to {memory} of memory, up to {disk} of disk"


def size_text(size: float) -> str:
    """Bytes as people write them.

    Examples
    --------
    >>> size_text(3_400_000), size_text(5e9)
    ('3 MiB', '4.7 GiB')
    """
    return f"{size / _GIB:.1f} GiB" if size >= _GIB else f"{size / 2**20:.0f} MiB"


def estimate(
    volumes: Mapping[int, Volume],
    planes: int,
    todo: Mapping[str, int],
    seen_seconds: Mapping[str, Iterable[float]],
    workers: int,
) -> Estimate:
    """Estimate a run.

    Parameters
    ----------
    volumes
        Measured slices.
    planes
        Of the volume that will be written.
    todo
        Number of tasks to run, by kind: interpolate, register, stack.
    seen_seconds
        What tasks of a kind took here before.
    """
    first = next(iter(volumes.values()))
    pixels = max(v.shape[1] for v in volumes.values()) * max(v.shape[2] for v in volumes.values())
    of_slice = pixels * planes / max(1, max(volumes) - min(volumes) + 1)
    voxels = {"interpolate": of_slice, "stack": float(pixels * planes)}
    cpu = 0.0
    for kind, count in todo.items():
        seen = [seconds for seconds in seen_seconds.get(kind, ()) if seconds > 0]
        by_rule = (
            _SECONDS[kind]
            + _SECONDS_A_VOXEL.get(kind, 0.0) * voxels.get(kind, 0.0)
            + _SECONDS_A_PIXEL.get(kind, 0.0) * pixels
        )
        cpu += count * (fmean(seen) if seen else by_rule)
    item = first.dtype.itemsize
    disk = todo.get("interpolate", 0) * of_slice * item
    if todo.get("stack"):
        disk += pixels * planes * (item * _PYRAMID + _LABELS)
    running = min(workers, max(1, sum(todo.values())))
    chunk = max(math.prod(v.chunks) * v.dtype.itemsize for v in volumes.values())
    held = min(_PLANES_HELD * pixels * 4, _MOST_HELD) + _CHUNKS_HELD * chunk
    return Estimate(cpu, running * (_INTERPRETER + held), disk)
