"""Workers that know this package, not the user's script.

A spawned process imports the script that spawned it; one that calls the flow without
`if __name__ == "__main__":` would start the flow again in each worker. Tasks lie in modules of
ours, so workers need no script.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import spawn
from typing import Any


@contextmanager
def bare_workers() -> Iterator[None]:
    """Processes spawned meanwhile do not import `__main__`."""
    usual = spawn.get_preparation_data

    def without_main(name: str) -> dict[str, Any]:
        return {key: value for key, value in usual(name).items() if not key.startswith("init_main_from_")}

    spawn.get_preparation_data = without_main
    try:
        yield
    finally:
        spawn.get_preparation_data = usual
