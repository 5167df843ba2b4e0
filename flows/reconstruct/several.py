"""Several acquisitions, one by one, each as if it were alone; one table and one page at the end."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from flows.engine.session import Sessions
from flows.reconstruct.one import reconstruct_one
from flows.report import publish_group
from flows.terminal.exit_codes import BAD_INPUT, DONE, FAILED, exit_code
from flows.terminal.signals import is_stopping
from schemas.handoffs import RunResult
from schemas.printable import printable
from soct_core.errors import one_line
from soct_core.file_names import DEFAULT_OUTPUT, RUN_RECORD_NAME

_OUTCOMES = {DONE: "volume written", FAILED: "failed", BAD_INPUT: "bad input"}


@dataclass(frozen=True)
class Ended:
    """How the run of one acquisition ended."""

    acquisition: Path
    code: int
    result: RunResult | None


def reconstruct_all(arguments: argparse.Namespace) -> int:
    """Reconstruct every acquisition that is given; what fails stops none of the others.

    A signal ends all, and so does the death of the embedded server. Gives 0 when every volume was written, 1
    when an operation failed, else 2.
    """
    console = Console(quiet=arguments.quiet)
    sessions, ended = Sessions(arguments), []
    for acquisition in arguments.acquisition:
        if is_stopping():
            break
        title = f"\n{printable(str(acquisition))}"
        console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
        results: list[RunResult] = []
        code = exit_code(partial(_attempt, arguments, acquisition, sessions, results))
        ended.append(Ended(acquisition, code, results[0] if results else None))
    codes = {one.code for one in ended}
    if not arguments.dry_run:
        _print_table(console, ended)
        codes |= _on_one_page(console, ended)
    sessions.__exit__(None, None, None)
    return FAILED if FAILED in codes or is_stopping() else BAD_INPUT if BAD_INPUT in codes else DONE


def _on_one_page(console: Console, ended: list[Ended]) -> set[int]:
    done = [one.acquisition for one in ended if (one.acquisition / DEFAULT_OUTPUT / RUN_RECORD_NAME).exists()]
    if not done or is_stopping():
        return set()

    def publish() -> None:
        page = printable(str(publish_group(done)))
        console.print(f"all on one page: {page}", markup=False, soft_wrap=True)

    return {exit_code(publish)}


def _attempt(
    arguments: argparse.Namespace, acquisition: Path, sessions: Sessions, results: list[RunResult]
) -> None:
    try:
        if (result := reconstruct_one(arguments, acquisition, sessions.opened)) is not None:
            results.append(result)
    except BaseException as error:
        # It says what became of its server; the next acquisition has another one.
        sessions.__exit__(type(error), error, error.__traceback__)
        raise


def _print_table(console: Console, ended: list[Ended]) -> None:
    headings = ("slices", "gaps", "interpolated", "hard-skipped", "doubts")
    rows: list[tuple[str, Sequence[str], str]] = [("outcome", headings, "acquisition")]
    for one in ended:
        counts = _counts(one.result) if one.result else [""] * len(headings)
        rows.append((_OUTCOMES[one.code], counts, one_line(str(one.acquisition))))
    console.print()
    for outcome, cells, acquisition in rows:
        numbers = "".join(f"{text:>{len(name) + 2}}" for text, name in zip(cells, headings, strict=True))
        # The path last: it may be longer than a terminal is wide.
        line = f"{outcome:<14}{numbers}  {acquisition}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _counts(result: RunResult) -> list[str]:
    made = [one.result for one in result.interpolations]
    gaps = len(result.gaps.single) + sum(map(len, result.gaps.multi))
    counts = (
        len(result.slices),
        gaps,
        made.count("interpolated"),
        made.count("hard_skip"),
        len(result.doubts),
    )
    return list(map(str, counts))
