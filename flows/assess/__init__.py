"""The flow `assess` and its command line: `python -m flows.assess`, quality of every slice.

Single stages belong to `soct_core.stages`, what binds them to Prefect to the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.assess.flow import assess

__all__ = ["assess"]


def __getattr__(name: str) -> Any:
    """Import the flow when it is asked for: `--help` must not wait for Prefect."""
    if name != "assess":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flows.assess.flow import assess

    return assess
