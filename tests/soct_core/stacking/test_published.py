"""Who may continue a published volume, and that its record comes back to the last bit or not at all."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from frozen_poses import solved
from pydantic import ValidationError

from schemas.common_space import Window
from schemas.published_stack import StackContents, UnmatchedCut
from schemas.settings import ReconstructSettings, StackSettings
from soct_core.stacking.canvas import Canvas
from soct_core.stacking.intensity import MatchedIntensity
from soct_core.stacking.poses import PairVerdict
from soct_core.stacking.published import (
    PublishedStack,
    continues,
    published_of,
    read_published,
    write_published,
)

WINDOW = Window(offset=(0, 0), plane_shape=(9, 9))
THEN = StackContents(
    version="1",
    recipe=ReconstructSettings().stack_recipe,
    voxel_size_um=None,
    measured={0: "a", 1: "b", 3: "d"},
    interpolated={2: "c"},
    pairs=((0, 1, "p"), (1, 3, "q")),
    skip=(1,),
    windows=dict.fromkeys((0, 1, 3), WINDOW),
)
GROWN: dict[str, Any] = {
    "measured": {**THEN.measured, 5: "f"},
    "interpolated": {**THEN.interpolated, 4: "e"},
    "pairs": (*THEN.pairs, (3, 5, "r"), (1, 5, "s")),
    "skip": (1, 5),
    "windows": {**THEN.windows, 5: WINDOW},
}


def test_what_only_appends_continues() -> None:
    assert continues(THEN, THEN)
    assert continues(THEN.model_copy(update=GROWN), THEN)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"recipe": ReconstructSettings(slicing_interval_um=100.0).stack_recipe},
        {"recipe": ReconstructSettings(stack=StackSettings(blend_depth_um=1.0)).stack_recipe},
        {"voxel_size_um": (1.0, 1.0, 1.0)},
        {"measured": {**GROWN["measured"], 1: "other"}},
        {"measured": {0: "a", 3: "d", 5: "f"}},
        {"measured": {**GROWN["measured"], 2: "found again"}},
        {"interpolated": {4: "e"}},
        {"interpolated": {2: "other"}},
        {"pairs": ((0, 1, "p"), (1, 3, "other"))},
        {"pairs": ((0, 1, "p"),)},
        {"pairs": (*GROWN["pairs"], (0, 3, "check"))},
        {"skip": ()},
        {"skip": (0, 1)},
        {"windows": {**GROWN["windows"], 0: WINDOW.model_copy(update={"offset": (1, 0)})}},
    ],
    ids=str,
)
def test_anything_else_does_not(change: dict[str, Any]) -> None:
    assert not continues(THEN.model_copy(update=GROWN | change), THEN)


PUBLISHED = PublishedStack(
    poses={0: solved(1 / 3, 0.1), 1: solved(2e-17), 3: solved(-5.5)},
    verdicts={(0, 1): PairVerdict(0.5, 1 / 7, True), (1, 3): PairVerdict(0.0, 9.0, False)},
    corrections_um={0: 0.0, 1: 0.1, 3: -2.5},
    intensity=MatchedIntensity(
        {0: 1.0, 1: 1.25, 3: 1.0},
        -0.25,
        1,
        (UnmatchedCut(upper_id=1, lower_id=3, reason="no trusted pair"),),
    ),
    interpolated=frozenset({2}),
    canvas=Canvas((20, 30), (-1, 2)),
    depth=40,
)


def test_what_is_published_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    write_published(path, PUBLISHED, THEN, "volume")
    found = read_published(path)
    assert found is not None
    assert (found.contents, found.volume) == (THEN, "volume")
    assert published_of(found) == PUBLISHED


@pytest.mark.parametrize(
    ("old", "new"), [("-5.5", "-5.6"), ('"depth"', '"deep"'), ("{", "["), ("1.25", "NaN"), ("", "")]
)
def test_a_damaged_or_foreign_record_is_not_believed(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "published.json"
    assert read_published(path) is None
    write_published(path, PUBLISHED, THEN, "volume")
    text = path.read_text()
    path.write_text(text.replace(old, new, 1) if old else "{}")
    assert path.read_text() != text
    assert read_published(path) is None


@pytest.mark.parametrize(
    "change",
    [
        {
            "poses": {0: PUBLISHED.poses[0]},
            "intensity": MatchedIntensity({0: 1.0}),
            "corrections_um": {0: 0.0},
        },
        {"intensity": MatchedIntensity({0: 1.0, 1: 1e9, 3: 1.0})},
        {"verdicts": {(0, 77): PairVerdict(1.0, 0.0, True)}},
        {"canvas": Canvas((0, 30), (0, 0))},
        {"depth": -1},
    ],
    ids=str,
)
def test_a_forged_record_with_a_digest_that_fits_is_not_believed(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "published.json"
    write_published(path, replace(PUBLISHED, **change), THEN, "volume")
    assert read_published(path) is None


def test_no_record_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "published.json")
    assert read_published(tmp_path / "published.json") is None


def test_no_pose_that_is_no_number_is_ever_published(tmp_path: Path) -> None:
    broken = replace(PUBLISHED, intensity=MatchedIntensity({0: float("nan"), 1: 1.0, 3: 1.0}))
    with pytest.raises(ValidationError):
        write_published(tmp_path / "published.json", broken, THEN, "volume")
