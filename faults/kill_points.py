"""Named moments of a run, and a process group that kills itself when it comes to one of them.

The product knows nothing of this: its functions are wrapped from outside, in the flow's process
and in those of its pool.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from soct_core.storage.atomic import PARTIAL_PREFIX

VOLUME = "3d_volume.ome.zarr"
FILLED = "slice_z02_interpolated.ome.zarr"

NAMED = (
    # Inside each writer: half a file, some chunks, all chunks without metadata, synced or not.
    f"flush {FILLED}/0",
    f"flush {FILLED}/1",
    f"metadata {FILLED}",
    "half slice_z02_interpolated_preview.png",
    "half slice_z02_interpolated_diagnostics.json",
    "half slice_z02_manifest.csv",
    "half slice_config_final.csv",
    "half transform.json",
    "half pairwise_registration_metrics.json",
    f"block {VOLUME}",
    f"rest {VOLUME}",
    f"metadata {VOLUME}",
    f"sync {VOLUME}",
    "half stacking_decisions.csv",
    "half report.html",
    "half run.json",
    # Around each rename.
    f"before rename {FILLED}",
    f"after rename {FILLED}",
    "after rename slice_z02_manifest.csv",
    "before rename slice_config_final.csv",
    "after rename slice_config_final.csv",
    "after rename transform.json",
    f"before rename {VOLUME}",
    f"after rename {VOLUME}",
    "after rename stacking_decisions.csv",
    "after rename report.html",
    "after rename run.json",
    # Between rename and checksums, which hold the outcome.
    "before checksums interpolate_z02",
    "half interpolate_z02.json",
    "after checksums interpolate_z02",
    "before checksums stack",
    "half stack.json",
    "after checksums stack",
    # Finalise, clean-up and lock.
    "merge fragments",
    "stamp notes",
    "clean up",
    "half lock",
)
AGAIN = (
    # Over the outputs of an earlier run with other settings.
    f"before rename {FILLED}",
    f"after rename {FILLED}",
    f"before rename {VOLUME}",
    f"after rename {VOLUME}",
    "after rename slice_config_final.csv",
    "after checksums stack",
    "half stack.json",
)
IN_POOL = (
    f"flush {FILLED}/0",
    "after rename transform.json",
    f"block {VOLUME}",
    f"after rename {VOLUME}",
    "half stack.json",
)


def kill_all() -> None:
    """SIGKILL to the own process group: the flow, its pool, its embedded server."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def arm(moment: str, kill: Callable[[], None] = kill_all, nth: int = 1) -> None:
    """Wrap the product so that `kill` is called at the nth time a named moment is reached."""
    seen: Counter[str] = Counter()

    def hit(event: str) -> None:
        seen[event] += 1
        if event == moment and seen[event] == nth:
            kill()

    _wrap_publication(hit, moment)
    _wrap_images(hit)
    _wrap_caching(hit)
    _wrap_finalise_and_lock(hit, moment)


def _final_name(partial: Path) -> str:
    return re.sub(rf"^({re.escape(PARTIAL_PREFIX)}\d+-[0-9a-f]{{8}}-)+", "", partial.name)


def _around(module: Any, name: str, before: Any = None, after: Any = None) -> None:
    real = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if before:
            before(*args)
        result = real(*args, **kwargs)
        if after:
            after(*args)
        return result

    setattr(module, name, wrapped)


def _wrap_publication(hit: Callable[[str], None], moment: str) -> None:
    from soct_core.storage import atomic

    _around(
        atomic,
        "_replace",
        lambda _, final: hit(f"before rename {final.name}"),
        lambda _, final: hit(f"after rename {final.name}"),
    )
    _around(atomic, "_sync", lambda partial: hit(f"sync {_final_name(partial)}"))
    write_bytes = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        event = f"half {_final_name(path)}"
        if event == moment:
            write_bytes(path, data[: len(data) // 2])
            hit(event)
        return write_bytes(path, data)

    Path.write_bytes = half  # type: ignore[method-assign, assignment]


def _wrap_images(hit: Callable[[str], None]) -> None:
    from soct_core.stacking import parts
    from soct_core.volume import level_arrays, writing

    def place(level: Any) -> str:
        root = Path(level._array.store_path.store.root)
        return f"{_final_name(root)}/{level._array.path}"

    _around(writing.Level, "_flush", after=lambda level: hit(f"flush {place(level)}"))
    _around(level_arrays, "image_attributes", lambda _, name, *__: hit(f"metadata {name}.ome.zarr"))
    _around(parts, "write_block", after=lambda *_: hit(f"block {VOLUME}"))
    _around(parts, "write_rest", after=lambda *_: hit(f"rest {VOLUME}"))


def _wrap_caching(hit: Callable[[str], None]) -> None:
    from flows.engine import tasks

    _around(
        tasks,
        "record_outputs",
        lambda entry, *_: hit(f"before checksums {entry.checksums.stem}"),
        lambda entry, *_: hit(f"after checksums {entry.checksums.stem}"),
    )


def _wrap_finalise_and_lock(hit: Callable[[str], None], moment: str) -> None:
    from flows.reconstruct import flow
    from soct_core.run import lock
    from soct_core.slice_config import finalise

    _around(finalise, "merge_fragments", after=lambda *_: hit("merge fragments"))
    _around(finalise, "stamp_many", after=lambda *_: hit("stamp notes"))
    _around(flow, "remove_leftovers", after=lambda *_: hit("clean up"))
    pwrite = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        if moment == "half lock":
            pwrite(descriptor, data[: len(data) // 2], offset)
            hit(moment)
        return pwrite(descriptor, data, offset)

    lock.os.pwrite = half  # type: ignore[attr-defined]
