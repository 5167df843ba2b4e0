"""Outlines go round the tissue."""

from __future__ import annotations

import numpy as np
import pytest
from report_pictures import disc

from soct_core.reportlets.outlines import outlines


def test_outlines_go_round_the_tissue() -> None:
    (ring,) = outlines(disc(40), scale=2.0)
    x, y = np.array(ring).T
    area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    assert area == pytest.approx(np.pi * 80**2, rel=0.03)
    assert (np.ptp(x) / 2 + x.min(), np.ptp(y) / 2 + y.min()) == pytest.approx((140, 120), abs=2)
    assert len(ring) < 60
    assert outlines(np.zeros((20, 20), dtype=bool)) == ()
