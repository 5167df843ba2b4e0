"""What a viewer is to open with: at a plane with tissue, in the light of tissue."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Mask
from soct_core.planes.tissue import tissue_mask
from soct_core.report.viewer_layers import ViewerLayer
from soct_core.reportlets.pictures import grey_window

_LOOKED_AT = 48
"""Planes that are looked at for tissue. Chosen by hand."""


def contrast(plane: NDArray[Any]) -> tuple[float, float]:
    """Display window for all images: black at the dark end of a plane, white where its tissue is brightest.

    Left to itself, napari would read all voxels to find one.
    """
    tissue = _tissue(plane)
    dark, bright = grey_window(plane)
    return (dark, max(dark + 1e-9, grey_window(plane[tissue])[1])) if tissue.any() else (dark, bright)


def fullest_plane(volume: ViewerLayer) -> tuple[float, NDArray[Any]]:
    """The plane with the most tissue, of a few of the coarsest level: its depth in µm, and itself."""
    coarsest = volume.levels[-1]
    looked_at = np.unique(np.linspace(0, coarsest.shape[0] - 1, _LOOKED_AT).round().astype(int))
    shares = [float(_tissue(np.asarray(coarsest[int(z)])).mean()) for z in looked_at]
    # Where there is none, the middle, as napari has it.
    best = int(looked_at[int(np.argmax(shares))]) if max(shares) > 0 else coarsest.shape[0] // 2
    step = volume.scale_um[0] * volume.levels[0].shape[0] / coarsest.shape[0]
    return volume.translation_um[0] + best * step, np.asarray(coarsest[best])


def _tissue(plane: NDArray[Any]) -> Mask:
    shown = np.nan_to_num(plane.astype(np.float32))
    # Decibels lie below 0.
    return tissue_mask(np.sqrt(shown - min(0.0, float(shown.min(initial=0.0)))))
