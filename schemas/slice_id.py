"""Slice ids: non-negative integers, written with at least two digits."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

MAX_SLICE_ID = 99_999
WANTED_ID = f"a whole number from 0 to {MAX_SLICE_ID}"
_ID_TEXT = re.compile(r"\s*(\d{1,8})(?:\.0*)?\s*", re.ASCII)


def parse_slice_id(value: object) -> int:
    """Read a slice id from ``7``, ``"07"``, ``"7.0"`` or ``7.0``.

    Raises
    ------
    ValueError
        If the value is no whole number in the range of slice ids.
    """
    match = None if isinstance(value, bool) else _ID_TEXT.fullmatch(str(value))
    if match is None or int(match[1]) > MAX_SLICE_ID:
        raise ValueError(f"slice id {value!r} is not {WANTED_ID}")
    return int(match[1])


def format_slice_id(slice_id: int) -> str:
    """Write a slice id: ``0`` is ``"00"``, ``112`` is ``"112"``."""
    return f"{slice_id:02d}"


SliceId = Annotated[int, BeforeValidator(parse_slice_id), Field(ge=0, le=MAX_SLICE_ID)]
SliceIdText = Annotated[SliceId, PlainSerializer(format_slice_id, return_type=str, when_used="json")]
"""A slice id that JSON holds as tables do, ``"07"``; numbers of older files are read too."""
