"""Kinds of CSV cells: what their text means, how it is written, and what is wanted of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from schemas.slice_id import WANTED_ID, format_slice_id, parse_slice_id

TRUE_TEXTS = frozenset({"true", "1", "yes", "y", "t"})
FALSE_TEXTS = frozenset({"false", "0", "no", "n", "f"})


@dataclass(frozen=True)
class CellKind:
    """Meaning of the cells of a column; `parse` raises ValueError on text without one."""

    wanted: str
    parse: Callable[[str], object]
    write: Callable[[object], str]
    dtype: str

    def accepts(self, text: str) -> bool:
        try:
            self.parse(text)
        except ValueError:
            return False
        return True


def _parse_bool(text: str) -> bool:
    folded = text.strip().lower()
    if folded in TRUE_TEXTS:
        return True
    if folded in FALSE_TEXTS:
        return False
    raise ValueError(text)


def _parse_float(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        # Python reads digits of any script, and 1_0; a spreadsheet writes neither.
        if not (math.isfinite(value) and low <= value <= high) or "_" in text or not text.isascii():
            raise ValueError(text)
        return value

    return parse


def _optional(parse: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: parse(text) if text.strip() else None


def inert(text: str) -> str:
    """Text that this program writes, made such that no spreadsheet runs it as a formula.

    Text that was carried over from a file is left as it is, and does not come here.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _write_float(value: object) -> str:
    return repr(float(str(value)))


BOOL = CellKind(
    "true/1/yes/y/t, false/0/no/n/f or empty",
    _optional(_parse_bool),
    lambda value: "true" if value else "false",
    "boolean",
)
ID = CellKind(WANTED_ID, parse_slice_id, lambda value: format_slice_id(int(str(value))), "Int64")
TEXT = CellKind("text", lambda text: text, str, "object")


def number(
    low: float = -math.inf, high: float = math.inf, *, wanted: str = "", optional: bool = True
) -> CellKind:
    """Finite floats within [low, high]; empty allowed where optional."""
    parse = _parse_float(low, high)
    said = wanted or "a finite number"
    return CellKind(
        f"{said} or empty" if optional else said,
        _optional(parse) if optional else parse,
        _write_float,
        "Float64",
    )


def _parse_whole(text: str) -> int:
    value = _parse_float(0, 1e15)(text)
    if not value.is_integer():
        raise ValueError(text)
    return int(value)


WHOLE = CellKind(
    "a whole number from 0 on or empty", _optional(_parse_whole), lambda value: str(int(str(value))), "Int64"
)


def choice(*values: str) -> CellKind:
    """One of the named values, or empty."""

    def parse(text: str) -> str:
        if text.strip() in values:
            return text.strip()
        raise ValueError(text)

    return CellKind(
        f"one of {', '.join(values)} or empty",
        lambda text: parse(text) if text.strip() else "",
        str,
        "object",
    )
