"""Artifacts: there after a run, and unable to make it fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.engine import artifacts
from schemas.handoffs import InterpolationOutcome


def test_a_run_leaves_its_table_cards_and_the_progress_of_the_stack(acquisition: Path, reconstruct) -> None:
    # Keys belong to the acquisition: this one has a name of its own.
    acquisition = acquisition.rename(acquisition.with_name("Artful Mouse"))
    reconstruct(acquisition=acquisition, name="Artful Mouse")
    progress = artifacts.progress_key(acquisition / "reconstruction", "stack")
    assert progress.startswith("artful-mouse-reconstruction-")
    with get_client(sync_client=True) as client:
        mine = ArtifactFilter(key=ArtifactFilterKey(like_="artful-mouse%"))
        found = {one.key: one for one in client.read_artifacts(artifact_filter=mine)}
    assert {name: one.type for name, one in found.items()} == {
        "artful-mouse-z02": "markdown",
        "artful-mouse-slices": "table",
        "artful-mouse-files": "markdown",
        progress: "progress",
    }
    assert found[progress].data == 100
    assert all(one.flow_run_id is not None for one in found.values())


def test_artifacts_cannot_make_a_run_fail(
    acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def refuse(*_: object, **__: object) -> None:
        refused.append(1)
        raise RuntimeError("the server is full")

    for name in ("create_markdown_artifact", "create_table_artifact", "create_progress_artifact"):
        monkeypatch.setattr(artifacts, name, refuse)
    assert reconstruct(acquisition=acquisition).stack.volume.exists()
    assert len(refused) >= 3


def test_the_card_of_a_hard_skip_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(artifacts, "create_markdown_artifact", lambda text, *_: shown.append(text))
    refused = InterpolationOutcome(
        slice_id=7,
        result="hard_skip",
        reason="low_overlap_ncc",
        detail="0.31 of 0.5",
        decided_by=("min_ncc",),
    )
    filled = InterpolationOutcome(slice_id=9, result="interpolated")
    artifacts.show_slices("mouse", [refused, filled])
    # Markdown is escaped: what is read there is what was written.
    card, other = (text.replace("\\", "") for text in shown)
    assert "07 stays a gap: --set interpolation.preview=true draws it; interpolation.min_ncc decided" in card
    assert "accept it, which is recorded for good" in card
    assert "--accept 07" in card
    assert "accept" not in other
