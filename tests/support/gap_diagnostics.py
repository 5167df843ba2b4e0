"""Diagnostics of an interpolation, sound unless said otherwise."""

from __future__ import annotations

from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings


def diagnostics(**found: object) -> InterpolationDiagnostics:
    base = {
        "method": "zmorph",
        "interpolation_failed": False,
        "settings": InterpolationSettings(),
        "versions": {},
        "seconds": 0.0,
    }
    return InterpolationDiagnostics.model_validate(base | found)
