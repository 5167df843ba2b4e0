"""Leaving a reportlet beside the outputs of a stage: a picture must never cost a result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from schemas.contract import Contract
from soct_core.progress import note_loss
from soct_core.storage.atomic import publish_text, remove

_LOG = logging.getLogger(__name__)


def write_reportlet(path: Path, make: Callable[[], Contract]) -> tuple[Path, ...]:
    """Write what `make` returns and say where; nothing, and a line in the log, if `make` fails.

    Raises
    ------
    OutputError
        If it cannot be written: what else was written is in doubt then, and made again.
    """
    try:
        text = make().model_dump_json() + "\n"
    except Exception as error:
        _LOG.warning("%s: no picture for the report: %s: %s", path, type(error).__name__, error)
        _LOG.debug("%s", path, exc_info=True)
        remove(path)
        note_loss(str(path), error)
        return ()
    publish_text(path, text)
    return (path,)
