"""Counts in sentences: small numbers as words."""

from __future__ import annotations

_WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def number_word(count: int) -> str:
    """A count as a word, from eleven on in digits."""
    return _WORDS[count] if count < len(_WORDS) else str(count)


def counted(count: int, noun: str) -> str:
    """A count and its noun: `one slice`, `two slices`."""
    return f"{number_word(count)} {noun}{'' if count == 1 else 's'}"
