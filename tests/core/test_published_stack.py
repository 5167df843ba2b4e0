"""What is published stays: frozen poses, the canvas, and who may continue a volume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.common_space import Window
from schemas.published_stack import StackContents
from schemas.settings import ReconstructSettings, StackSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.stacking.canvas import Canvas, enlarged, with_margin
from soct_core.stacking.poses import PairMotion, PairVerdict, SolvedPose, solve_poses
from soct_core.stacking.published import (
    PublishedStack,
    continues,
    published_of,
    read_published,
    write_published,
)
from soct_core.stacking.z_corrections import ZDrift, from_datum, z_corrections

CENTER = plane_center((200, 240))
SETTINGS = StackSettings()
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


def pair(fixed: int, moving: int, x: float, turn: float = 0.0, weight: float = 0.9) -> PairMotion:
    return PairMotion(fixed, moving, Affine2D.rigid(turn, (x, 0.0), CENTER), weight, 60.0)


def solved(x: float, turn: float = 0.0) -> SolvedPose:
    return SolvedPose(Affine2D.rigid(turn, (x, 2.0), CENTER), "bridge", 0.7)


def test_frozen_poses_stay_and_new_ones_follow_them() -> None:
    frozen = {0: solved(11.0), 1: solved(17.0, 1.0)}
    # The pair between the frozen ones says something else, and is heard no more.
    pairs = [pair(0, 1, 40.0), pair(1, 2, 3.0, 0.5), pair(2, 3, -1.0)]
    poses, verdicts = solve_poses([0, 1, 2, 3], pairs, CENTER, SETTINGS, frozen=frozen)
    assert {i: poses[i] for i in frozen} == frozen
    step = Affine2D.rigid(0.5, (3.0, 0.0), CENTER).compose(frozen[1].pose)
    for point in ((0.0, 0.0), (239.0, 199.0)):
        assert poses[2].pose.apply(point) == pytest.approx(step.apply(point), abs=0.01)
        assert poses[3].pose.apply(point) == pytest.approx(step.apply(point) - [1.0, 0.0], abs=0.01)
    assert verdicts[1, 2].agrees


def test_appending_one_by_one_gives_what_an_exact_chain_gives_at_once() -> None:
    pairs = [pair(i, i + 1, 2.0 * (-1) ** i + 0.5, 0.4 * (-1) ** i) for i in range(6)]
    at_once, _ = solve_poses(range(7), pairs, CENTER, SETTINGS)
    grown, _ = solve_poses(range(3), pairs[:2], CENTER, SETTINGS)
    for last in range(3, 7):
        grown, _ = solve_poses(range(last + 1), pairs[:last], CENTER, SETTINGS, frozen=grown)
    # The volume as a whole may lie elsewhere: compare slices with their first.
    for i in range(7):
        whole = at_once[i].pose.compose(at_once[0].pose.inverse())
        piece = grown[i].pose.compose(grown[0].pose.inverse())
        assert piece.apply((200.0, 10.0)) == pytest.approx(whole.apply((200.0, 10.0)), abs=0.02)


def test_all_frozen_is_as_it_was() -> None:
    frozen = {0: solved(1.0), 1: solved(-4.0, 2.0)}
    poses, _ = solve_poses([0, 1], [pair(0, 1, 9.0)], CENTER, SETTINGS, frozen=frozen)
    assert poses == frozen


@pytest.mark.parametrize(("x", "moves"), [(0.3, False), (0.9, True)])
def test_a_slice_that_would_hardly_move_joins_the_unmoved(x: float, moves: bool) -> None:
    frozen = {i: SolvedPose(Affine2D.identity(CENTER), "pairwise", 0.9) for i in (0, 1)}
    poses, _ = solve_poses([0, 1, 2], [pair(1, 2, x)], CENTER, SETTINGS, frozen=frozen)
    assert (poses[2].pose.apply((0.0, 0.0)).tolist() != [0.0, 0.0]) == moves


def test_frozen_z_corrections_stay_and_new_ones_follow_them() -> None:
    drifts = [ZDrift(0, 1, 30.0, 1.0), ZDrift(1, 2, 8.0, 1.0)]
    found = z_corrections([0, 1, 2], drifts, 100.0, {0: 5.0, 1: -7.0})
    assert (found[0], found[1]) == (5.0, -7.0)
    # One pair says -7 + 8; the slot, with a weight of 0.05, 0.
    assert found[2] == pytest.approx(1.0 / 1.05)
    assert from_datum(found)[1] == -12.0


def test_a_canvas_grows_outward_only_where_it_must_and_then_with_room() -> None:
    old = Canvas((200, 300), (-5, -3))
    assert enlarged(old, Canvas((190, 290), (0, 0))) == old
    assert enlarged(old, old) == old
    assert enlarged(old, Canvas((10, 10), (-6, 0))) == Canvas((200, 359), (-64, -3))
    assert enlarged(old, Canvas((10, 10), (290, 0))) == Canvas((200, 325), (-5, -3))
    assert enlarged(old, Canvas((10, 10), (0, 190))) == Canvas((259, 300), (-5, -3))
    assert with_margin(Canvas((1000, 1037), (-7, 1))) == Canvas((1024, 1152), (-64, 0))
    assert with_margin(Canvas((10, 10), (0, 0))) == Canvas((16, 16), (0, 0))


PUBLISHED = PublishedStack(
    poses={0: solved(1 / 3, 0.1), 1: solved(2e-17), 3: solved(-5.5)},
    verdicts={(0, 1): PairVerdict(0.5, 1 / 7, True), (1, 3): PairVerdict(0.0, 9.0, False)},
    corrections_um={0: 0.0, 1: 0.1, 3: -2.5},
    factors={0: 1.0, 1: 1.25, 3: 1.0},
    interpolated=frozenset({2}),
    canvas=Canvas((20, 30), (-1, 2)),
    depth=40,
)


def test_what_is_settled_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "settled.json"
    write_published(path, PUBLISHED, THEN, "volume")
    settled = read_published(path)
    assert settled is not None
    assert (settled.contents, settled.volume) == (THEN, "volume")
    assert published_of(settled) == PUBLISHED


@pytest.mark.parametrize(
    ("old", "new"), [("-5.5", "-5.6"), ('"depth"', '"deep"'), ("{", "["), ("1.25", "NaN"), ("", "")]
)
def test_a_damaged_or_foreign_record_is_not_believed(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "settled.json"
    assert read_published(path) is None
    write_published(path, PUBLISHED, THEN, "volume")
    text = path.read_text()
    path.write_text(text.replace(old, new, 1) if old else "{}")
    assert path.read_text() != text
    assert read_published(path) is None


def test_no_pose_that_is_no_number_is_ever_settled(tmp_path: Path) -> None:
    broken = replace(PUBLISHED, factors={0: float("nan"), 1: 1.0, 3: 1.0})
    with pytest.raises(ValidationError):
        write_published(tmp_path / "settled.json", broken, THEN, "volume")
