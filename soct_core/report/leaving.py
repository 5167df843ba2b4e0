"""Leaving a reportlet beside the outputs of a stage: a picture must never cost a result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from schemas.contract import Contract
from soct_core.atomic import publish_text, remove

_LOG = logging.getLogger(__name__)
PAIR_REPORTLET = "reportlet.json"
STACK_REPORTLET = "reportlet.json"


def gap_reportlet_name(stem: str) -> str:
    """File name of a gap's reportlet; `stem` is `slice_z{NN}_interpolated`."""
    return f"{stem}_reportlet.json"


def leave(path: Path, make: Callable[[], Contract]) -> tuple[Path, ...]:
    """Write what `make` returns and say where; nothing, and a line in the log, if that fails."""
    try:
        publish_text(path, make().model_dump_json() + "\n")
    except Exception:
        _LOG.warning("%s: no picture was left for the report", path, exc_info=True)
        remove(path)
        return ()
    return (path,)
