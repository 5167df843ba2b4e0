"""What pairs say to the stacker: motions without that of anatomy, and weights of those that may steer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deep_tissue import CENTER, Specimen, rms_apart
from pair_records import MOTION, metrics_of, transform_of
from registered_pairs import INTERVAL, registered

from schemas.pairwise import PairRole
from soct_core.affine import Affine2D
from soct_core.pairwise.files import read_pair, write_pair
from soct_core.stacking.pair_motions import pair_motions

POINTS = np.array([[0.0, 0.0], [135.0, 0.0], [0.0, 119.0], [60.0, 50.0]])


def test_anatomy_is_taken_off_what_was_found_across_the_cut(tmp_path: Path) -> None:
    # Imaged one slot deep: three planes lie between those compared, and anatomy moves on.
    specimen = Specimen(drift=(0.5, -0.3), fades=False)
    cut = Affine2D.rigid(0.4, (4.0, -2.0), CENTER)
    fixed = specimen.slice_at(range(INTERVAL), cut, 1)
    moving = specimen.slice_at(range(INTERVAL, 2 * INTERVAL), None, 2)
    write_pair(tmp_path, *registered(fixed, moving, anatomy_span_um=80.0))
    (raw,), (clean,) = (pair_motions([read_pair(tmp_path)], subtract_anatomy=s) for s in (False, True))
    assert rms_apart(raw.motion, cut) == pytest.approx(3 * np.hypot(0.5, 0.3), abs=0.15)
    assert rms_apart(clean.motion, cut) < 0.15
    assert clean.weight == raw.weight > 0.7


def test_exactly_the_mean_motion_of_anatomy_is_taken_off(tmp_path: Path) -> None:
    rate: dict[str, Any] = {"anatomy_rate_x": 0.2, "anatomy_rate_y": -0.4, "anatomy_rate_deg": 0.1}
    other: dict[str, Any] = {"anatomy_rate_x": 0.6, "anatomy_rate_y": 0.0, "anatomy_rate_deg": -0.04}
    write_pair(tmp_path / "a", transform_of(MOTION), metrics_of(**rate))
    write_pair(tmp_path / "b", transform_of(MOTION, 3, 4), metrics_of(3, 4, **other))
    write_pair(tmp_path / "c", transform_of(MOTION, 4, 5), metrics_of(4, 5))
    found = pair_motions([read_pair(tmp_path / name) for name in "abc"])
    # Three planes by the mean of both slices; by the one that is known; by none.
    wanted = [
        Affine2D.rigid(0.09, (1.2, -0.6), CENTER),
        Affine2D.rigid(-0.12, (1.8, 0.0), CENTER),
        Affine2D.identity(CENTER),
    ]
    for pair, anatomy in zip(found, wanted, strict=True):
        np.testing.assert_allclose(
            pair.motion.compose(anatomy).apply(POINTS), MOTION.apply(POINTS), atol=1e-9
        )
    untouched = pair_motions([read_pair(tmp_path / name) for name in "abc"], subtract_anatomy=False)
    assert [pair.motion for pair in untouched] == [MOTION] * 3
    assert [pair.weight for pair in found] == [0.8] * 3
    assert [pair.tissue_radius_px for pair in found] == [40.0] * 3


def test_nothing_is_taken_off_between_planes_that_match(tmp_path: Path) -> None:
    rate: dict[str, Any] = {"anatomy_rate_x": 0.2, "anatomy_rate_y": -0.4, "anatomy_rate_deg": 0.1}
    metrics = metrics_of(z_source="matched", z_index=5, z_drift=-2.0, **rate)
    write_pair(tmp_path, transform_of(MOTION), metrics)
    assert pair_motions([read_pair(tmp_path)])[0].motion == MOTION


@pytest.mark.parametrize(
    ("values", "weight"),
    [
        ({}, 0.8),
        ({"overall_status": "warning"}, 0.8),
        ({"overall_status": "error"}, 0.0),
        ({"reliable": False}, 0.0),
        ({"registration_confidence": 0.35}, 0.35),
    ],
)
@pytest.mark.parametrize("role", ["neighbours", "bridge", "check"])
def test_only_reliable_pairs_steer(
    tmp_path: Path, role: PairRole, values: dict[str, Any], weight: float
) -> None:
    write_pair(tmp_path, transform_of(MOTION), metrics_of(role=role, **values))
    (pair,) = pair_motions([read_pair(tmp_path)])
    assert (pair.fixed_id, pair.moving_id, pair.role, pair.weight) == (2, 3, role, weight)


def test_a_pair_without_a_transform_does_not_steer(tmp_path: Path) -> None:
    write_pair(tmp_path, None, metrics_of())
    (pair,) = pair_motions([read_pair(tmp_path)])
    assert pair.weight == 0
