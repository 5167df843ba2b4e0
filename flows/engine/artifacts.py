"""Artifacts: what the pages of Prefect's UI show of a run. They can never make it fail."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort
from prefect.logging import get_logger
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.terminal.notices import after_hard_skip
from schemas.handoffs import InterpolationOutcome, RunResult
from schemas.slice_id import format_slice_id
from soct_core import progress
from soct_core.report.cards import file_card, key, slice_card, slice_rows

_SECONDS_BETWEEN_UPDATES = 1.0


@contextmanager
def _harmless() -> Iterator[None]:
    # Work does not wait for what is only shown.
    try:
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            yield
    except Exception as error:
        get_logger("soct").warning("an artifact could not be made: %s", error)


def show_slices(acquisition: str, made: Iterable[InterpolationOutcome]) -> None:
    """A card per interpolated or refused slice, with its thumbnail."""
    for one in made:
        with _harmless():
            create_markdown_artifact(
                slice_card(one, after_hard_skip(one) if one.result == "hard_skip" else ""),
                key(acquisition, f"z{format_slice_id(one.slice_id)}"),
                "Interpolation",
            )


def show_result(acquisition: str, result: RunResult) -> None:
    """The table of all slices, and where the files are."""
    with _harmless():
        create_table_artifact(slice_rows(result), key(acquisition, "slices"), "Slices, outcomes and reasons")
        create_markdown_artifact(file_card(result), key(acquisition, "files"), "Files of the run")


@contextmanager
def publish_progress(output: Path, stage: str) -> Iterator[None]:
    """Show how far the stage that runs within has come; nothing is shown if it reports no steps."""
    shown = _ProgressBar(_progress_name(output, stage))
    token = progress.listener.set(shown.update)
    try:
        yield
    finally:
        progress.listener.reset(token)


def read_progress(output: Path, since: datetime, stage: str) -> float | None:
    """How far a stage has come, 0 to 1, as any process has shown it since then; None if none has."""
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[progress_key(output, stage)]))
    with suppress(Exception), get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1)
        if found and found[0].created is not None and found[0].created >= since:
            return float(str(found[0].data)) / 100.0
    return None


def progress_key(output: Path, stage: str) -> str:
    """Key of the artifact that shows how far a stage has come."""
    return key(_progress_name(output, stage))


def _progress_name(output: Path, stage: str) -> str:
    # Outputs of one name may lie in many places.
    told = hashlib.blake2b(bytes(output), digest_size=3).hexdigest()
    return " ".join((*output.parts[-2:], told, stage))


class _ProgressBar:
    """A progress artifact that is made at the first report and renewed once a second at most."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = 0.0
        self._artifact: UUID | None = None

    def update(self, done: int, total: int) -> None:
        if done < total and time.monotonic() - self._last < _SECONDS_BETWEEN_UPDATES:
            return
        self._last = time.monotonic()
        percent = 100.0 * done / max(1, total)
        with _harmless():
            if self._artifact is None:
                made = create_progress_artifact(percent, key(self._name), self._name)
                self._artifact = made if isinstance(made, UUID) else None
            else:
                update_progress_artifact(self._artifact, percent)
