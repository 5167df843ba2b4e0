"""Gaps in drifting tissue that zmorph fills or refuses, and how well it does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drifting_tissue import Drift, agarose_plane, drifting_gap
from numpy.typing import NDArray

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.registration.register import Registration

DRIFT = Drift(3.0, (5.0, -4.0), (1.02, 0.99), 0.01)
STILL = Drift()
# For what does not hang on the accuracy of the registration.
QUICK = InterpolationSettings(max_iterations=200)
# The affine and the two faces alone: nothing is displaced, nothing averaged.
PLAIN: dict[str, Any] = {"deformation": "affine", "source_slab": 0}
Array = NDArray[Any]
Volumes = tuple[Array, Array]


def settings(**values: Any) -> InterpolationSettings:
    """The defaults but for some values."""
    return InterpolationSettings.model_validate(values)


def psnr(volume: Array, truth: Array) -> float:
    """Peak signal to noise ratio of the planes between the two boundaries, in dB."""
    error = ((volume[1:-1].astype(np.float64) - truth[1:-1]) ** 2).mean()
    return float(10 * np.log10(2000.0**2 / error))


def returning(monkeypatch: pytest.MonkeyPatch, motion: Affine2D | Exception) -> None:
    """Let the registration return a motion, or raise."""

    def register(*_: object, **__: object) -> Registration:
        if isinstance(motion, Exception):
            raise motion
        return Registration(motion, None)

    monkeypatch.setattr("soct_core.zmorph.interpolate.register", register)


def agarose(depth: int = 3) -> Array:
    """A volume without tissue."""
    return np.stack([agarose_plane(seed) for seed in range(depth)])


def unrelated() -> Volumes:
    """Two slices of the same outline and other tissue."""
    return drifting_gap(DRIFT).before, drifting_gap(DRIFT, seed=1).after


def drifting() -> Volumes:
    """Two slices that zmorph fills by default."""
    gap = drifting_gap(DRIFT)
    return gap.before, gap.after
