"""The flow `reconstruct` and its command line: `python -m flows.reconstruct`.

Single stages belong to `soct_core.stages`, what binds them to Prefect to the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.reconstruct.flow import reconstruct

__all__ = ["reconstruct"]


def __getattr__(name: str) -> Any:
    """Import the flow when it is asked for: `--help` must not wait for Prefect."""
    if name != "reconstruct":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flows.reconstruct.flow import reconstruct

    return reconstruct
