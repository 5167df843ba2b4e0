"""Pixels with y ≠ x: poses compose in µm, and every slice comes back to where it was."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from pair_records import metrics_of, transform_of
from pose_chains import POINTS, random_chain

from schemas.settings import ReconstructSettings
from soct_core.acquisition.slots import Slots
from soct_core.affine import Affine2D, plane_center
from soct_core.pairwise.files import PairRecord
from soct_core.registration.working_plane import pixel_aspect
from soct_core.simulation.pose_error import pose_errors
from soct_core.stacking.assembly import assemble, decisions_table
from soct_core.stacking.inputs import StackInput
from soct_core.stacking.pair_motions import pair_motions

SHAPE = (160, 200)


def given_of(true: dict[int, Affine2D], size: tuple[float, float, float]) -> StackInput:
    """What registration would say of slices in these poses, given in pixels."""
    recipe = ReconstructSettings().stack_recipe
    motions = {(a, b): true[b].compose(true[a].inverse()) for a, b in pairwise(sorted(true))}
    records = [
        PairRecord(metrics_of(*ids), transform_of(motion.about(plane_center(SHAPE)), *ids, size, SHAPE))
        for ids, motion in motions.items()
    ]
    return StackInput(
        measured={i: np.ones((4, *SHAPE), np.uint16) for i in true},
        interpolated={},
        pairs=pair_motions(records),
        z_drifts=(),
        skip=frozenset(),
        slots=Slots(min(true), recipe.slicing_interval_um, size[0], recipe.trusted_depth_um),
        voxel_size_um=size,
        reasons={},
    )


@pytest.mark.parametrize(
    "size", [(50.0, 20.0, 10.0), (50.0, 10.0, 20.0), (50.0, 15.0, 10.0), (50.0, 9.0, 9.0)]
)
def test_turning_slices_come_back(size: tuple[float, float, float]) -> None:
    x, y = pixel_aspect(size)
    square = random_chain(range(6), 4, turn=8.0, shift=12.0)
    in_pixels = {i: pose.scaled(1 / x, 1 / y) for i, pose in square.items()}
    given = given_of(in_pixels, size)
    assembled = assemble(given, ReconstructSettings().stack_recipe)
    # Compared where a rotation is one, in square pixels: the whole volume may still turn.
    found = {i: solved.pose.scaled(x, y) for i, solved in assembled.poses.items()}
    assert max(pose_errors(found, square, POINTS).values()) < 0.02
    for pose in found.values():
        assert pose.parts().scale_x == pytest.approx(1)
        assert pose.parts().shear == pytest.approx(0, abs=1e-9)
    table = decisions_table(given, assembled, {}).set_index("slice_id")
    turns = table["pose_rotation_deg"].astype(float)
    true_turns = {i: pose.rotation_deg for i, pose in square.items()}
    steps = [true_turns[b] - true_turns[a] for a, b in pairwise(range(6))]
    np.testing.assert_allclose(np.diff(turns), steps, atol=0.02)
