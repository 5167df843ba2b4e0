"""Named moments of a run, and what is to happen when it comes to one of them.

The product knows nothing of this: its functions are wrapped from outside, in the flow's process
and in those of its pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

VOLUME = "3d_volume.ome.zarr"
FILLED = "slice_z02_interpolated.ome.zarr"


def arm(moment: str, act: Callable[[], None]) -> None:
    """Wrap the product so that `act` is called the first time a named moment is reached."""
    from flows.engine import tasks
    from soct_core.slice_config import finalise
    from soct_core.stacking import parts
    from soct_core.storage import atomic

    seen: set[str] = set()

    def hit(event: str) -> None:
        if event == moment and event not in seen:
            seen.add(event)
            act()

    _around(finalise, "merge_fragments", after=lambda *_: hit("merge fragments"))
    _around(atomic, "_replace", after=lambda _, final: hit(f"after rename {final.name}"))
    _around(parts, "write_block", after=lambda *_: hit(f"block {VOLUME}"))
    _around(tasks, "record_outputs", lambda entry, *_: hit(f"before checksums {entry.checksums.stem}"))


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
