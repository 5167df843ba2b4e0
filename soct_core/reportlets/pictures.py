"""Pictures: planes as small grey WebP, never larger than they may be."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas.reportlets import Picture

SIDE_PX = 320
"""Longer side of a picture of a pair or gap. Chosen by eye."""
BYTES = 10_000
"""Largest picture of a pair or gap: 180 pairs of three pictures stay below 8 MB of base64."""
_QUALITIES = (70, 50, 30)
"""Qualities of WebP that are tried before the picture is made smaller. Chosen by eye."""
_SHRINK = 0.8
"""How much smaller. Chosen by hand."""
_LEAST_PX = 48
"""A picture this small stays as it is. Chosen by eye."""
Window = tuple[float, float]


def grey_window(*planes: NDArray[Any]) -> Window:
    """Intensities that become black and white: the 1st and 99.7th percentile of all planes."""
    values = np.concatenate([np.asarray(plane, dtype=np.float64).ravel() for plane in planes])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99.7])
    return float(low), float(max(high, low + 1e-9))


def picture(
    plane: NDArray[Any], window: Window, *, side_px: int = SIDE_PX, max_bytes: int = BYTES
) -> Picture:
    """A plane, (rows, columns), as a picture of at most `side_px` and `max_bytes`.

    Quality gives way first, then size: speckle hardly compresses.
    """
    low, high = window
    scaled = (np.nan_to_num(np.asarray(plane, dtype=np.float64), nan=low) - low) / (high - low)
    image = Image.fromarray(np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8))
    image = _fitted(image, side_px)
    while True:
        for quality in _QUALITIES:
            data = _webp(image, quality)
            if len(data) <= max_bytes or max(image.size) <= _LEAST_PX:
                text = base64.b64encode(data).decode()
                return Picture(webp=text, width=image.width, height=image.height)
        image = _fitted(image, round(max(image.size) * _SHRINK))


def _fitted(image: Image.Image, side_px: int) -> Image.Image:
    if max(image.size) <= side_px:
        return image
    scale = side_px / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BOX)


def _webp(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()
