"""Two slices with a known drift between them, and what their registration says."""

from __future__ import annotations

from typing import Any

import pytest
from deep_tissue import Specimen
from numpy.typing import NDArray

from schemas.pairwise import PairRole, PairwiseMetrics, RigidTransform
from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D
from soct_core.pairwise.register import Pair, register_slices
from soct_core.registration.register import Registration

Array = NDArray[Any]
VOXEL = (20.0, 10.0, 10.0)
INTERVAL = 5
"""Planes of a slot of 100 µm."""
DEEP = 12
"""Planes of a slice that was imaged deeper than its slot."""


def settings(**values: Any) -> PairwiseSettings:
    """A short search of 3 planes, and no anatomy unless asked for."""
    quick = {"max_iterations": 200, "search_range_um": 60.0, "anatomy_span_um": 0.0}
    return PairwiseSettings.model_validate(quick | values)


def registered(
    fixed: Any, moving: Any, *, role: PairRole = "neighbours", touches: bool = False, **values: Any
) -> tuple[RigidTransform | None, PairwiseMetrics]:
    """Register slice 3 to slice 2, one interval apart."""
    return register_slices(
        fixed, moving, Pair(2, 3, float(INTERVAL), role, touches), VOXEL, settings(**values)
    )


def motion_of(transform: RigidTransform | None) -> Affine2D:
    """The motion that a transform tells."""
    assert transform is not None
    return Affine2D.of(transform.matrix, transform.translation, transform.center)


def drifted(
    motion: Affine2D, deeper: int = 0, fixed_planes: int = DEEP, specimen: Specimen | None = None
) -> tuple[Array, Array]:
    """Two slices with `moving(motion(x)) = fixed(x)`; the lower one cut deeper than it should be."""
    tissue, top = specimen or Specimen(), INTERVAL + deeper
    return tissue.slice_at(range(fixed_planes), motion, 1), tissue.slice_at(range(top, top + 4), None, 2)


def returning(monkeypatch: pytest.MonkeyPatch, motion: Affine2D | Exception) -> None:
    """Let every registration say the same: the motion from upper to lower, or raise."""
    seen: list[Any] = []

    def register(fixed: Any, moving: Any, *_: object) -> Registration:
        if isinstance(motion, Exception):
            raise motion
        seen.append(moving)
        # There and back: whoever was moving first stays the lower slice.
        return Registration(motion if moving is seen[0] else motion.inverse(), None)

    monkeypatch.setattr("soct_core.pairwise.register.register", register)
