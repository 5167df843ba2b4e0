"""The scripts of `by-hand.md` write what a run takes up, and it means what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from pair_records import transform_of
from registered_pairs import VOXEL

from soct_core.affine import Affine2D, plane_center
from soct_core.pairwise.by_hand import read_by_hand
from soct_core.pairwise.itk_transform import write_tfm

PAGE = Path(__file__).parents[2] / "docs" / "by-hand.md"
SHAPE = (60, 90)
FOUND = Affine2D.rigid(3.0, (4.0, -2.5), plane_center(SHAPE))
OWN, BY_HAND = "ACQ/reconstruction/register_pairwise/slice_z00_z01", "ACQ/manual/slice_z00_z01.tfm"


@pytest.fixture
def blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Python of the page, beside a pair that was registered."""
    monkeypatch.chdir(tmp_path)
    Path(OWN).mkdir(parents=True)
    Path("ACQ/manual").mkdir()
    write_tfm(Path(OWN) / "transform.tfm", transform_of(FOUND, shape=SHAPE))
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_script_moves_the_lower_slice_as_the_page_says(blocks: list[str]) -> None:
    exec(compile(blocks[0], PAGE.name, "exec"), {})
    found = read_by_hand(Path(BY_HAND), VOXEL, SHAPE)
    np.testing.assert_allclose(found.matrix, FOUND.matrix, atol=1e-12)
    # 25 and 10 µm are 2.5 and 1 px: content to the left and down is drawn from further right and up.
    np.testing.assert_allclose(np.subtract(found.translation, FOUND.translation), (2.5, -1.0), atol=1e-9)


def test_what_napari_shows_is_what_is_written(blocks: list[str]) -> None:
    space: dict[str, Any] = {}
    exec(compile(blocks[1].partition("upper, scale")[0], PAGE.name, "exec"), space)
    turn = np.deg2rad(5.0)
    layer = Image(np.zeros(SHAPE), scale=VOXEL[1:])
    layer.affine = [[np.cos(turn), -np.sin(turn), 30.0], [np.sin(turn), np.cos(turn), -12.0], [0, 0, 1]]
    space["write_by_hand"](layer.affine.affine_matrix, BY_HAND)
    motion = read_by_hand(Path(BY_HAND), VOXEL, SHAPE)
    for row, column in ((0, 0), (10, 70), (59, 3)):
        y, x = np.divide(layer.data_to_world((row, column)), VOXEL[1:])
        np.testing.assert_allclose(motion.apply((x, y)), (column, row), atol=1e-9)


def test_the_starting_file_is_the_pair_as_registered(blocks: list[str]) -> None:
    Path(BY_HAND).write_bytes((Path(OWN) / "transform.tfm").read_bytes())
    found = read_by_hand(Path(BY_HAND), VOXEL, SHAPE)
    np.testing.assert_allclose(found.apply((7.0, 50.0)), FOUND.apply((7.0, 50.0)), atol=1e-9)
