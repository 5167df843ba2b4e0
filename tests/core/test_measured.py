"""Voxels that were not measured: NaN, infinite, or in a chunk that the file does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from schemas.common_space import Window
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D, shift_by
from soct_core.baselines import interpolate_average, interpolate_weighted
from soct_core.errors import VolumeError
from soct_core.planes.measured import measured, measured_mean, stored_in
from soct_core.planes.warp import coverage, warp, warp_measured
from soct_core.registration.working_plane import registration_plane
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.volume import open_volume
from soct_core.volume.pyramid import local_mean
from soct_core.volume.views import VolumeView, seen_through, trusted_part
from soct_core.volume.writing import write_image
from soct_core.zmorph import interpolate_z_morph

SIZE = (40.0, 25.0, 25.0)


def stored_image(path: Path, data: NDArray[Any], version: str = "0.5") -> Path:
    """An image in chunks of (8, 512, 512)."""
    write_image(path, data, SIZE, version)
    return path


def lose_chunk(path: Path, *chunk: int) -> Path:
    """Remove the file of one chunk of level 0."""
    array = zarr.open_group(path, mode="r")["0"]
    file = path / "0" / array.metadata.encode_chunk_key(chunk)
    file.unlink()
    return file


def test_planes_of_integers_and_of_finite_floats_are_measured_everywhere() -> None:
    assert measured(np.zeros((2, 3), np.uint16)) is None
    assert measured(np.ones((2, 3), np.float32)) is None
    np.testing.assert_array_equal(
        measured(np.array([1, np.nan, np.inf, -np.inf])), [True, False, False, False]
    )


def test_the_mean_of_a_slab_leaves_out_what_was_not_measured() -> None:
    planes = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.inf]])[:, None]
    np.testing.assert_array_equal(measured_mean(planes, measured(planes)), [[2.0, 5.0, np.nan]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_spoiled_plane_does_not_spoil_its_slab(bad: float) -> None:
    slab = np.asarray(PhantomVolume(Phantom.seeded(3), (3, 128, 144), SIZE)[:]).astype(np.float32)
    spoiled = slab.copy()
    spoiled[1] = bad
    found = registration_plane(spoiled)
    np.testing.assert_array_equal(found.image, registration_plane(slab[[0, 2]]).image)


def test_what_was_not_measured_is_no_dark_hole_of_the_anatomy() -> None:
    plane = np.random.default_rng(0).uniform(400, 500, (64, 64)).astype(np.float32)
    plane[20:40, 20:40] = np.nan
    image = registration_plane(plane, 1).image
    assert image[20:40, 20:40].min() > 0.9 * np.sqrt(400)


def test_a_pyramid_takes_the_mean_of_what_is_finite() -> None:
    block = np.arange(16, dtype=np.float32).reshape(2, 2, 4)
    clean = local_mean(block, (2, 2, 2))
    block[0, 0, 0] = np.inf
    block[:, :, 2:] = np.nan
    found = local_mean(block, (2, 2, 2))
    assert found[0, 0, 0] == pytest.approx((clean[0, 0, 0] * 8 - 0) / 7)
    assert np.isnan(found[0, 0, 1])


def test_a_warp_of_measured_pixels_invents_nothing() -> None:
    plane = np.full((8, 9), 5.0, np.float32)
    where = np.ones(plane.shape, bool)
    where[3, 4] = False
    plane[3, 4] = 0
    values, covered = warp_measured(plane, where, shift_by(0.25, 0.0))
    assert not covered[3, 4]
    assert covered.sum() == coverage(plane.shape, shift_by(0.25, 0.0)).sum() - 1
    np.testing.assert_allclose(values[covered], 5.0, rtol=1e-6)
    still, _ = warp_measured(plane, where, Affine2D.identity())
    np.testing.assert_array_equal(still, warp(plane, Affine2D.identity()))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_a_chunk_that_is_not_there_was_not_measured(tmp_path: Path, version: str, dtype: str) -> None:
    data = np.random.default_rng(0).integers(1, 999, (10, 520, 20)).astype(dtype)
    path = stored_image(tmp_path / "a.ome.zarr", data, version)
    whole = open_volume(path)
    assert (whole.stored, whole.absent_chunks, whole.chunk_count) == (None, 0, 4)
    lose_chunk(path, 0, 1, 0)
    volume = open_volume(path)
    assert volume.absent_chunks == 1
    wanted = np.ones(data.shape, bool)
    wanted[:8, 512:] = False
    assert volume.stored is not None
    for index in (
        3,
        9,
        -1,
        slice(6, 10),
        ...,
        (2, 515),
        (slice(None), ..., 7),
        (..., 7),
        (4, slice(500, 519), 3),
    ):
        np.testing.assert_array_equal(volume.stored[index], wanted[index], err_msg=str(index))
        seen = measured(volume[index], stored_in(volume, index))
        np.testing.assert_array_equal(True if seen is None else seen, wanted[index], err_msg=str(index))
        np.testing.assert_array_equal(volume[index][wanted[index]], data[index][wanted[index]])
    lost = volume[:8, 512:]
    assert np.isnan(lost).all() if dtype == "f4" else not lost.any()


def test_views_pass_on_what_the_file_holds(tmp_path: Path) -> None:
    path = stored_image(tmp_path / "a.ome.zarr", np.ones((10, 20, 20), "u2"))
    lose_chunk(path, 1, 0, 0)
    volume = open_volume(path)
    assert stored_in(trusted_part(volume, 8), -1).all()
    assert not stored_in(trusted_part(volume, 9), -1).any()
    seen = stored_in(seen_through(volume, Window(offset=(2, 3), rest=(0.0, 0.0), plane_shape=(30, 40))), 0)
    assert seen.shape == (30, 40)
    assert seen.sum() == 400
    assert seen[3:23, 2:22].all()
    assert stored_in(VolumeView(volume, None, (25, 26)), 0).sum() == 400
    assert stored_in(VolumeView(np.ones((2, 3, 4)), None, (5, 5)), 0) is None


def cut_pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The slices before and after a missing one."""
    volume = np.asarray(PhantomVolume(Phantom.seeded(3), (15, 128, 144), SIZE)[:]).astype(np.float32)
    return volume[:5], volume[10:]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_zmorph_gives_no_weight_to_what_was_not_measured(bad: float) -> None:
    before, after = cut_pair()
    settings = InterpolationSettings(alpha_sampling="interior")
    sound, _ = interpolate_z_morph(before, after, settings)
    assert sound is not None
    before[-1, 60:66, 70:76] = bad
    after[0, 30, :] = bad
    found, diagnostics = interpolate_z_morph(before, after, settings)
    assert found is not None, diagnostics.detail
    assert np.isfinite(found).all()
    # Where one side is lost the other speaks alone; never a blend with an invented value.
    hole = found[2, 61:65, 71:75]
    assert np.abs(hole / sound[2, 61:65, 71:75] - 1).max() < 0.25
    assert np.abs(found / sound - 1)[:, 80:100, 20:60].max() < 0.02


def test_zmorph_repeats_boundary_planes_bit_for_bit_even_where_they_are_no_numbers() -> None:
    before, after = cut_pair()
    before[-1, 60, 70] = np.nan
    found, _ = interpolate_z_morph(before, after)
    assert found is not None
    np.testing.assert_array_equal(found[0], before[-1])
    assert np.isfinite(found[1:]).all()


def test_a_lost_chunk_of_an_integer_slice_does_not_darken_the_morph(tmp_path: Path) -> None:
    volume = np.asarray(PhantomVolume(Phantom.seeded(3), (15, 520, 560), (40.0, 8.0, 8.0))[:])
    volume = np.maximum(volume, 1).astype(np.uint16)
    path = stored_image(tmp_path / "before.ome.zarr", volume[:5])
    settings = InterpolationSettings(alpha_sampling="interior")
    lose_chunk(path, 0, 1, 0)
    found, diagnostics = interpolate_z_morph(open_volume(path), volume[10:], settings, output_z=3)
    assert found is not None, diagnostics.detail
    np.testing.assert_allclose(found[1, 516:519, 40:400], volume[10, 516:519, 40:400], rtol=0.1)


@pytest.mark.parametrize("baseline", [interpolate_average, interpolate_weighted])
def test_baselines_give_no_weight_to_what_was_not_measured(baseline: Any) -> None:
    before, after = np.full((5, 4, 4), 2.0, "f4"), np.full((5, 4, 4), 4.0, "f4")
    before[:, 1, 1] = np.nan
    after[:, 2, 2] = np.inf
    before[:, 3, 3] = after[:, 3, 3] = np.nan
    found = baseline(before, after)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, [0, 1, 2, 3], [0, 1, 2, 3]], np.broadcast_to([3, 4, 2, 0], (5, 4)))


@pytest.mark.parametrize("spoil", ["truncate", "empty", "flip"])
def test_a_chunk_that_cannot_be_decoded_is_one_clear_error(tmp_path: Path, spoil: str) -> None:
    data = np.random.default_rng(0).integers(1, 999, (10, 60, 60)).astype("u2")
    path = stored_image(tmp_path / "slice_z04.ome.zarr", data)
    file = path / "0" / "c" / "1" / "0" / "0"
    content = bytearray(file.read_bytes())
    if spoil == "flip":
        content[0] ^= 0xFF  # of the header; within the data a flip may decode to other voxels
    file.write_bytes({"truncate": content[: len(content) // 2], "empty": b"", "flip": bytes(content)}[spoil])
    volume = open_volume(path)
    np.testing.assert_array_equal(volume[:8], data[:8])
    with pytest.raises(VolumeError, match=r"slice_z04\.ome\.zarr: cannot be read at 9") as caught:
        volume[9]
    assert "\n" not in str(caught.value)
