"""zmorph as a whole: what it fills, how well, and what it reads and reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drifting_tissue import SIZE, Drift, DriftingGap, drifting_gap, rms_distance
from morphed_gaps import DRIFT, PLAIN, QUICK, Array, drifting, psnr, returning, settings, unrelated

from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.errors import VolumeError
from soct_core.registration.working_plane import registration_plane
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image
from soct_core.zmorph import interpolate_z_morph

# Of slabs one plane thick, the motion found is that from before[-1] to after[0] alone.
SHARP = InterpolationSettings(reference_slab_size=1, overlap_search_window=1)


def linear(gap: DriftingGap) -> Array:
    """The cross-fade of the boundary planes without registration."""
    a = np.linspace(0, 1, len(gap.truth))[:, None, None]
    faded: Array = (1 - a) * gap.before[-1] + a * gap.after[0]
    return faded


class Counting:
    """A volume that remembers which of its planes were read."""

    def __init__(self, data: Array) -> None:
        self._data = data
        self.shape = data.shape
        self.dtype = data.dtype
        self.read: set[int] = set()

    def __getitem__(self, index: Any) -> Array:
        first = index[0] if isinstance(index, tuple) else index
        self.read |= set(np.atleast_1d(np.arange(self.shape[0])[first]).tolist())
        return np.asarray(self._data[index])


@pytest.mark.parametrize(
    "drift",
    [DRIFT, DRIFT.inverted, Drift(shift=(9.0, 7.0)), Drift(-5.0)],
    ids=["affine", "back", "shift", "turn"],
)
def test_drifting_tissue_is_filled_and_clearly_beats_the_cross_fade(drift: Drift) -> None:
    gap = drifting_gap(drift)
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, output_z=7)
    assert volume is not None
    assert volume.shape == gap.truth.shape
    assert psnr(volume, gap.truth) > psnr(linear(gap), gap.truth) + 5
    assert not diagnostics.interpolation_failed
    assert (diagnostics.method, diagnostics.method_used, diagnostics.gate) == ("zmorph", "zmorph", "improved")
    assert (diagnostics.fallback_reason, diagnostics.nz_out) == (None, 7)
    assert diagnostics.post_reg_ncc is not None
    assert diagnostics.pre_reg_ncc is not None
    assert diagnostics.post_reg_ncc > 0.95
    assert diagnostics.ncc_improvement == pytest.approx(diagnostics.post_reg_ncc - diagnostics.pre_reg_ncc)


@pytest.mark.parametrize("drift", [DRIFT, DRIFT.inverted], ids=["there", "back"])
def test_the_affine_reported_is_the_drift(drift: Drift) -> None:
    gap = drifting_gap(drift)
    _, diagnostics = interpolate_z_morph(gap.before, gap.after, SHARP, output_z=1)
    assert diagnostics.affine_matrix is not None
    assert diagnostics.affine_translation is not None
    found = Affine2D.of(
        diagnostics.affine_matrix, diagnostics.affine_translation, diagnostics.affine_center or ()
    )
    tissue = registration_plane(gap.after[0]).tissue
    assert rms_distance(found, gap.motion, tissue) < 0.15
    assert diagnostics.affine_determinant == pytest.approx(gap.motion.determinant, abs=0.005)
    wanted = rms_distance(gap.motion, Affine2D.identity(), tissue)
    assert diagnostics.displacement_rms_px == pytest.approx(wanted, abs=0.15)
    assert diagnostics.fractional_power_max_imag == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("nz_before", "nz_after"), [(1, 1), (2, 6), (6, 1), (6, 3)])
def test_volumes_of_different_depth_give_the_boundary_planes_nearest_the_gap(
    nz_before: int, nz_after: int
) -> None:
    gap = drifting_gap(DRIFT)
    volume, diagnostics = interpolate_z_morph(gap.before[-nz_before:], gap.after[:nz_after], QUICK, 3)
    assert volume is not None
    assert volume[0].tobytes() == gap.before[-1].tobytes()
    assert volume[-1].tobytes() == gap.after[0].tobytes()
    for found, depth in (
        (diagnostics.slab_before_range, nz_before),
        (diagnostics.slab_after_range, nz_after),
    ):
        assert found is not None
        assert 0 <= found[0] <= found[1] < depth


def test_smaller_planes_are_padded_with_zeros_at_the_far_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(DRIFT)
    returning(monkeypatch, gap.motion)
    before, after = gap.before[:, :-9, :], gap.after[:, :, :-14]
    linear_blend = settings(blend_method="linear", **PLAIN)
    volume, _ = interpolate_z_morph(before, after, linear_blend, 3)
    whole, _ = interpolate_z_morph(gap.before, gap.after, linear_blend, 3)
    assert volume is not None
    assert whole is not None
    assert volume.shape == (3, SIZE, SIZE)
    np.testing.assert_array_equal(volume[0], np.pad(before[-1], ((0, 9), (0, 0))))
    np.testing.assert_array_equal(volume[-1], np.pad(after[0], ((0, 0), (0, 14))))
    # Where no warp reaches the padding, nothing else changed: no plane was shifted to its centre.
    np.testing.assert_allclose(volume[1, 20:220, 20:220], whole[1, 20:220, 20:220], rtol=1e-9)


def test_only_planes_near_the_gap_are_read() -> None:
    gap = drifting_gap(DRIFT)
    deep = np.concatenate([np.full((30, SIZE, SIZE), np.nan), gap.before])
    high = np.concatenate([gap.after, np.full((30, SIZE, SIZE), np.nan)])
    before, after = Counting(deep), Counting(high)
    volume, diagnostics = interpolate_z_morph(before, after, QUICK, 3)
    assert volume is not None
    # Those that the search and a slab behind each can reach, and as many at the far ends.
    assert {35} <= before.read <= set(range(12)) | set(range(20, 36))
    assert {0} <= after.read <= set(range(16)) | set(range(24, 36))
    assert diagnostics.ref_before is not None
    assert 31 <= diagnostics.ref_before <= 35


def test_a_lazy_volume_gives_the_same_as_an_array(tmp_path: Path) -> None:
    gap = drifting_gap(DRIFT)
    sides = {"before": gap.before.astype(np.uint16), "after": gap.after.astype(np.uint16)}
    for name, data in sides.items():
        write_image(tmp_path / f"{name}.ome.zarr", data, (10.0, 10.0, 10.0))
    lazy = [open_volume(tmp_path / f"{name}.ome.zarr") for name in sides]
    from_disk, _ = interpolate_z_morph(*lazy, QUICK, 3)
    from_memory, _ = interpolate_z_morph(*sides.values(), QUICK, 3)
    assert from_disk is not None
    assert from_memory is not None
    assert from_disk.tobytes() == from_memory.tobytes()


@pytest.mark.parametrize("volumes", [drifting, unrelated])
def test_diagnostics_survive_json_without_nan(volumes: Any) -> None:
    _, diagnostics = interpolate_z_morph(*volumes(), QUICK, 3)
    text = diagnostics.model_dump_json()
    written = json.loads(text, parse_constant=pytest.fail)
    assert InterpolationDiagnostics.model_validate_json(text) == diagnostics
    assert written["settings"] == json.loads(QUICK.model_dump_json())
    assert {"python", "numpy", "scipy", "itk-elastix"} <= set(written["versions"])
    assert written["seconds"] > 0


def test_the_same_input_gives_the_same_bits() -> None:
    first, second = (interpolate_z_morph(*drifting(), QUICK, 3)[0] for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3, 4)), r"vol_before has shape \(2, 3\)"),
        (np.zeros((2, 3, 4)), np.zeros((0, 3, 4)), r"vol_after has shape \(0, 3, 4\)"),
        (np.zeros((2, 3, 4), "u1"), np.zeros((2, 3, 4), "u2"), "wanted the same"),
        (np.zeros((2, 3, 4), "c8"), np.zeros((2, 3, 4), "c8"), "real number"),
    ],
)
def test_volumes_that_cannot_be_morphed_are_refused(before: Array, after: Array, message: str) -> None:
    with pytest.raises(VolumeError, match=message):
        interpolate_z_morph(before, after)
