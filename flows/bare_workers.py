"""Workers that know this package, not the user's script.

A spawned process imports the script that spawned it; one that calls the flow without
`if __name__ == "__main__":` would start the flow again in each worker. Tasks lie in modules of
ours, so workers need no script.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import spawn
from threading import Lock
from typing import Any

_lock = Lock()
_usual = spawn.get_preparation_data
_entered = 0


@contextmanager
def bare_workers() -> Iterator[None]:
    """Processes spawned meanwhile, by any thread, do not import `__main__`."""
    global _entered
    with _lock:
        _entered += 1
        spawn.get_preparation_data = _without_main
    try:
        yield
    finally:
        with _lock:
            _entered -= 1
            if not _entered:
                spawn.get_preparation_data = _usual


def _without_main(name: str) -> dict[str, Any]:
    return {key: value for key, value in _usual(name).items() if not key.startswith("init_main_from_")}
