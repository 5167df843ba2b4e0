"""Text for a terminal: names of files may hold what would move its cursor or change its title."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The same text, with escapes for control characters, line breaks and what is no character.

    Examples
    --------
    >>> print(printable("mo\x1b[31muse\n"))
    mo\x1b[31muse\n
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
