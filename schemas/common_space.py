"""Common space: where each slice lies on the one canvas that holds them all."""

from __future__ import annotations

from schemas.contract import Contract


class Window(Contract):
    """An integer-pixel window through which a slice is seen on the canvas, without a copy."""

    offset: tuple[int, int]
    """Pixel (x, y) of the canvas at which the slice's pixel (0, 0) lies."""
    plane_shape: tuple[int, int]
    """Shape of the canvas, (y, x)."""
    rest: tuple[float, float] = (0.0, 0.0)
    """What rounding to whole pixels left over, (x, y); the prior of the slice's pose."""
