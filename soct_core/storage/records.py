"""JSON records of earlier stages, read back: small regular files that their model accepts."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from schemas.small_file import read_small
from soct_core.errors import RecordError, unreadable

Record = TypeVar("Record", bound=BaseModel)

MAX_RECORD_BYTES = 2**26
"""A limit chosen by hand, far above any record that this program writes."""


def read_record(path: Path, model: type[Record]) -> Record:
    """Read a JSON record of a model."""
    try:
        return model.model_validate_json(read_small(path, MAX_RECORD_BYTES))
    except OSError as error:
        raise unreadable(path, error, RecordError) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RecordError(f"{path}: {place}: {first['msg']}") from error
