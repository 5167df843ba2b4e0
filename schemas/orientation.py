"""Anatomical orientation: to which side of the animal each axis of an image runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

_SIDES = {"L": "left", "R": "right", "A": "anterior", "P": "posterior", "S": "superior", "I": "inferior"}
_PAIRS = ("LR", "PA", "IS")
"""Opposite sides; the second is where the coordinate of NIfTI grows (RAS)."""


def _checked(letters: str) -> str:
    known = letters.upper()
    if len(known) != 3 or sorted(_ras(c)[0] if c in _SIDES else -1 for c in known) != [0, 1, 2]:
        raise ValueError(
            "wanted three letters for z, y, x, one of L or R, one of A or P, one of S or I, such as PIR"
        )
    return known


Orientation = Annotated[str, AfterValidator(_checked)]
"""To which side the axes z, y, x run, such as `PIR`: z to posterior, y to inferior, x to right."""


def _ras(letter: str) -> tuple[int, int]:
    return next((i, 2 * pair.index(letter) - 1) for i, pair in enumerate(_PAIRS) if letter in pair)


def ras_directions(orientation: str) -> tuple[tuple[int, int], ...]:
    """For z, y, x: the axis of RAS (0 right, 1 anterior, 2 superior) along which it runs, and its sign.

    >>> ras_directions("PIR")
    ((1, -1), (2, -1), (0, 1))
    """
    return tuple(_ras(letter) for letter in orientation)


def from_to(letter: str) -> str:
    """The words of NGFF (RFC-4) for an axis that runs to a side.

    >>> from_to("P")
    'anterior-to-posterior'
    """
    pair = next(pair for pair in _PAIRS if letter in pair)
    return f"{_SIDES[pair.replace(letter, '')]}-to-{_SIDES[letter]}"


def letter_of(words: str) -> str | None:
    """The letter of an axis from the words of NGFF; None for words that name no such direction.

    >>> letter_of("anterior-to-posterior"), letter_of("dorsal-to-ventral")
    ('P', None)
    """
    return next((letter for letter in _SIDES if from_to(letter) == words), None)
