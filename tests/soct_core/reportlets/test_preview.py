"""A preview is drawn with and without a result."""

from __future__ import annotations

import io

import numpy as np
from counting_volume import CountingVolume
from gap_diagnostics import diagnostics
from PIL import Image

from schemas.stack_plan import Block
from soct_core.reportlets.gap_planes import MOST_ROWS, GapPlanes
from soct_core.reportlets.preview import preview_png


def test_a_preview_is_drawn_with_and_without_a_result() -> None:
    data = np.random.default_rng(0).integers(0, 99, (40, 60, 80))
    filled = GapPlanes(row=30)
    filled.see(data[:4], Block(first=(0, 0, 0), end=(4, 60, 80)), (4, 60, 80))
    before, after = CountingVolume(data), CountingVolume(data)
    for sight, d in (
        (filled, diagnostics()),
        (GapPlanes(row=30), diagnostics(fallback_reason="low_overlap_ncc")),
    ):
        png = preview_png(before, after, sight, d)
        assert Image.open(io.BytesIO(png)).size == (1280, 368)
    assert len(before.planes) <= MOST_ROWS
