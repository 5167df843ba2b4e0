"""Poses as an earlier run solved and published them."""

from __future__ import annotations

from soct_core.affine import Affine2D, plane_center
from soct_core.stacking.poses import SolvedPose

CENTER = plane_center((200, 240))


def solved(x: float, turn: float = 0.0) -> SolvedPose:
    return SolvedPose(Affine2D.rigid(turn, (x, 2.0), CENTER), "bridge", 0.7)
