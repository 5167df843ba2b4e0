"""Exit codes of the command lines: 0 done, 1 an operation failed, 2 bad input; never a traceback."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from soct_core.errors import BadInputError, SoctError

DONE, FAILED, BAD_INPUT = 0, 1, 2
HELP = "exit codes: 0 done, 1 an operation failed, 2 bad input"
RESUME = "run the same command again: what is done is kept"


class CommandParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, as all others are; help keeps its line breaks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message}; {self.prog} --help says more\n")


def exit_code(work: Callable[[], None]) -> int:
    """Run a command; print what went wrong as one line on standard error.

    Notes of an error (`add_note`) follow it, a line each: what to do next.
    """
    try:
        work()
    except BadInputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except SoctError as error:
        print(f"error: {error}", *_notes(error), sep="\n", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(
            f"error: {error.filename or ''}: {error.strerror or error}".replace(": :", ":"), file=sys.stderr
        )
        return FAILED
    except Exception as error:
        if os.environ.get("SOCT_TRACEBACK"):
            raise
        text = " ".join(str(error).split())[:300]
        hint = "set SOCT_TRACEBACK=1 to see where"
        print(f"error: unexpected {type(error).__name__}: {text} ({hint})", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"error: interrupted; {RESUME}", file=sys.stderr)
        return FAILED
    return DONE


def _notes(error: BaseException) -> list[str]:
    return [f"next: {note}" for note in getattr(error, "__notes__", ())]
