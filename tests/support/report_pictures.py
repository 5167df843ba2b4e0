"""Planes to draw, and pictures of the report turned back into pixels."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from schemas.reportlets import Picture


def image_of(shown: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.webp))).convert("L"))


def disc(radius: float, shape: tuple[int, int] = (120, 140)) -> np.ndarray:
    y, x = np.indices(shape)
    return np.hypot(x - shape[1] / 2, y - shape[0] / 2) < radius
