"""Exit codes of the command lines: 0 done, 1 an operation failed, 2 bad input; never a traceback."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from flows.terminal.signals import print_error, signals_as_errors
from soct_core.errors import BadInputError, SoctError

DONE, FAILED, BAD_INPUT = 0, 1, 2
HELP = "exit codes: 0 done, 1 an operation failed, 2 bad input"
RESUME = "run the same command again: what is done is kept"


class CommandParser(argparse.ArgumentParser):
    """A parser whose complaints are one line, as all others are; help keeps its line breaks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the base, but options may be written with underscores too."""
        given = sys.argv[1:] if args is None else args
        return super().parse_known_args([_hyphened(str(word)) for word in given], namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message}; {self.prog} --help says more\n")


def _hyphened(word: str) -> str:
    name, sign, value = word.partition("=")
    return f"{name.replace('_', '-')}{sign}{value}" if word.startswith("--") else word


def exit_code(work: Callable[[], None]) -> int:
    """Run a command; print what went wrong as one line on standard error.

    Notes of an error (`add_note`) follow it, a line each: what to do next. Signals that end a command
    (`flows.terminal.signals`) are an operation that failed. Warnings of libraries are for developers: they
    are shown where Python was told to (`-W`, PYTHONWARNINGS).
    """
    try:
        with _without_warnings(), signals_as_errors(FAILED, f"error: {{}}; {RESUME}"):
            work()
    except BadInputError as error:
        return _said(BAD_INPUT, f"error: {error}")
    except SoctError as error:
        return _said(FAILED, f"error: {error}", *_notes(error))
    except OSError as error:
        return _said(FAILED, f"error: {error.filename or ''}: {error.strerror or error}".replace(": :", ":"))
    except MemoryError:
        return _said(FAILED, f"error: out of memory; {RESUME}")
    except Exception as error:
        if os.environ.get("SOCT_TRACEBACK"):
            raise
        text = " ".join(str(error).split())[:300]
        hint = "set SOCT_TRACEBACK=1 to see where"
        return _said(FAILED, f"error: unexpected {type(error).__name__}: {text} ({hint})")
    except KeyboardInterrupt as error:
        return _said(FAILED, f"error: {error or 'interrupted'}; {RESUME}")
    return DONE


@contextmanager
def _without_warnings() -> Iterator[None]:
    if sys.warnoptions:
        yield
        return
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # for worker processes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _said(code: int, *lines: str) -> int:
    for line in lines:
        print_error(line)
    return code


def _notes(error: BaseException) -> list[str]:
    return [f"next: {note}" for note in getattr(error, "__notes__", ())]
