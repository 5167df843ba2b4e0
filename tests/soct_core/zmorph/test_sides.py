"""Sides of a gap: tiles of the face and of the mean behind it, and voxels that are the same however cut."""

from __future__ import annotations

import numpy as np
import pytest
from morphed_gaps import settings

from schemas.stack_plan import Block
from soct_core.affine import Affine2D
from soct_core.volume import block_levels
from soct_core.volume.block_levels import slices
from soct_core.zmorph import sides
from soct_core.zmorph.displacement import Displacement
from soct_core.zmorph.morph import Morph, Refined
from soct_core.zmorph.sides import Side
from soct_core.zmorph.uncertainty import HalfWidths

HEIGHT, WIDTH = 68, 134
"""Two windows of 64 px by three, the last ones slivers."""


def grainy(seed: int, count: int = 3) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    """Planes of bright tissue amid dark, with noise."""
    y, x = np.indices((HEIGHT, WIDTH))
    tissue = 100 + 900 * (np.hypot((y - 34) / 25, (x - 67) / 50) < 1)
    return (tissue + np.random.default_rng(seed).normal(0, 50, (count, HEIGHT, WIDTH))).astype(np.float32)


def test_a_source_is_the_mean_of_what_was_measured() -> None:
    volume = grainy(0, 8)
    volume[-1, 10, 10] = np.nan
    side, box = Side(volume, 3, above=True), (slice(5, 65), slice(8, 130))
    mean, where = side.source(1.0, box)
    np.testing.assert_allclose(mean[20], volume[-3:, 25, 8:130].mean(axis=0), rtol=1e-5)
    # Lost in the face, measured behind it.
    np.testing.assert_allclose(mean[5, 2], volume[-3:-1, 10, 10].mean(), rtol=1e-5)
    assert where is None
    face, seen = side.source(0.0, box)
    assert seen is not None
    assert np.argwhere(~seen).tolist() == [[5, 2]]
    assert np.array_equal(face[seen], volume[-1][box][seen])
    alone, where = Side(volume, 1, above=True).source(1.0, box)
    assert np.array_equal(alone, face)
    assert where is not None


@pytest.mark.parametrize("is_displaced", [False, True])
def test_voxels_do_not_hang_on_the_cut(monkeypatch: pytest.MonkeyPatch, is_displaced: bool) -> None:
    monkeypatch.setattr(block_levels, "WINDOW", 64)
    monkeypatch.setattr(sides, "TILE_PX", 64)
    turn = Affine2D.rigid(2.0, (6.0, -3.0), (67.0, 34.0))
    field = np.random.default_rng(1).normal(0, 0.3, (HEIGHT, WIDTH, 2)).astype(np.float32)
    left = Displacement(field, 0.9, 0.3, 1.0, 1, (1.0, 1.0)) if is_displaced else None
    before, after = grainy(0), grainy(1)
    before[:, :10], after[1, 40, 90] = np.nan, np.nan

    def morph() -> Morph:
        pair = Side(before, 3, above=True), Side(after, 3)
        return Morph(*pair, turn, settings(alpha_sampling="interior"), Refined(left, 3, 50.0))

    one = morph()
    whole = np.stack(list(one.planes(6)))
    monkeypatch.setattr(sides, "TILES_HELD", 1)
    boxes = [
        Block(first=(z, y, x), end=(z + depth, min(y + 64, HEIGHT), min(x + 64, WIDTH)))
        for z, depth in ((4, 2), (0, 3), (3, 1))
        for x in (128, 0, 64)
        for y in (64, 0)
    ]
    other = morph()
    widths = HalfWidths(one, 6), HalfWidths(other, 6)
    for box in boxes:
        assert np.array_equal(other.voxels(6, box), whole[slices(box)])
        assert np.array_equal(widths[0].voxels(box), widths[1].voxels(box))
    assert one.residual_top == pytest.approx(other.residual_top)
    assert one.residual_bottom == pytest.approx(np.abs(whole[-1] - after[0]).mean(), rel=1e-5)
