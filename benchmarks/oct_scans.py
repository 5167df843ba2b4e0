"""Real OCT B-scans of retinas, for gaps whose noise nobody made."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float64]

SCANS_NOISE = "real OCT"
SIDE_SCANS = 2
"""Neighbouring scans on each side of the one that is missing."""


def holds_scans(source: str) -> bool:
    """Whether a file holds B-scans of eyes: `volume` (eye, scan, y, x), `order` naming the scans."""
    return source != "phantom" and source.endswith(".npz") and _order(source) is not None


@cache
def open_scans(source: str) -> list[tuple[Planes, Planes]]:
    """Of each eye the four neighbouring scans, (k, y, x), and the average of the one in their middle."""
    order = _order(source) or []
    with np.load(source, allow_pickle=False) as arrays:
        volume = arrays["volume"].astype(np.float64)
    neighbours = [order.index(name) for name in ("1", "2", "3", "4")]
    return [(eye[neighbours], eye[order.index("average")]) for eye in volume]


@cache
def _order(source: str) -> list[str] | None:
    with np.load(Path(source), allow_pickle=False) as arrays:
        return [str(name) for name in arrays["order"]] if "order" in arrays else None
