"""Replacing: a file is replaced only where this program made it as that very output, or the user said so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from soct_core.errors import AcquisitionError


def refuse_to_replace(
    path: Path | None, is_same: Callable[[Path], bool], what: str, *, overwrite: bool = False
) -> None:
    """Refuse an output that is there and is something else.

    Parameters
    ----------
    path
        Where the output goes; None where it is not wanted.
    is_same
        Whether what is there was made as this very output; an error means that it was not.
    what
        The output in words, for the message.
    overwrite
        Whether the user said that it may be replaced, whatever it is.

    Raises
    ------
    AcquisitionError
        A directory where a file is wanted is refused by who publishes, and cannot be overwritten.
    """
    if path is None or overwrite or not (path.exists() or path.is_symlink()):
        return
    try:
        same = is_same(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        same = False
    if not same:
        raise AcquisitionError(
            f"{path}: is there already and is not {what}, wanted another path, or --overwrite to replace it"
        )
