"""The flow `apply` and its command line: `python -m flows.apply`, other slices in the poses of a run.

Single stages belong to `soct_core.stages`, what binds them to Prefect to the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.apply.flow import apply

__all__ = ["apply"]


def __getattr__(name: str) -> Any:
    """Import the flow when it is asked for: `--help` must not wait for Prefect."""
    if name != "apply":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flows.apply.flow import apply

    return apply
