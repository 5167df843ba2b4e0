"""The readers under fuzz, each with a valid file to start from."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from feeding import Target
from mutations import ANY, CSV, JSON, TOML

from schemas.pairwise import CONVENTION, PairwiseMetrics, RigidTransform
from schemas.run_record import RunRecord
from schemas.settings import PairwiseSettings, ReconstructSettings
from soct_core import slice_config
from soct_core.acquisition.stage_shifts import common_space
from soct_core.errors import BadInputError, ReadError
from soct_core.run.settings_file import load_settings
from soct_core.simulation.simulate import open_reference
from soct_core.slice_config.fragments import read_fragment, write_fragment
from soct_core.storage.records import read_record
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image
from soct_core.volume.written_metadata import NgffVersion

SHAPES = {0: (8, 8), 1: (8, 8), 2: (8, 9)}


def _read_config(path: Path) -> None:
    table = slice_config.read(path)
    assert table["slice_id"].between(0, 99_999).all()
    assert not table["slice_id"].duplicated().any()
    again = path.with_name("again.csv")
    slice_config.write(again, table)
    once = again.read_bytes()
    slice_config.write(again, slice_config.read(again))
    assert again.read_bytes() == once, "normal form is not its own normal form"
    assert slice_config.filter_slices_to_use(table) == slice_config.filter_slices_to_use(again)


def _read_fragment(path: Path) -> None:
    fragment = read_fragment(path)
    again = path.with_name("again.csv")
    write_fragment(again, fragment)
    assert read_fragment(again) == fragment


def _read_shifts(path: Path) -> None:
    for window in common_space(path, SHAPES, (10.0, 10.0)).windows.values():
        assert min(window.offset) >= 0
        assert max(map(abs, window.rest)) <= 0.5
        assert max(window.plane_shape) <= 2**17


def _read_settings(path: Path) -> None:
    settings = load_settings(ReconstructSettings, path)
    assert ReconstructSettings.model_validate_json(settings.model_dump_json()) == settings


def _read_override(path: Path) -> None:
    """The bytes as the value of one setting on the command line."""
    text = path.read_bytes().decode("utf-8", "replace")
    name, _, value = text.partition("=")
    try:
        settings = load_settings(ReconstructSettings, None, [f"{name}={value}"])
    except BadInputError as error:
        raise type(error)(f"{path.name}: {error}") from error
    assert ReconstructSettings.model_validate_json(settings.model_dump_json()) == settings


def _read_transform(path: Path) -> None:
    transform = read_record(path, RigidTransform)
    assert abs(np.linalg.det(np.array(transform.matrix)) - 1) < 1e-5
    assert RigidTransform.model_validate_json(transform.model_dump_json()) == transform


def _read_metrics(path: Path) -> None:
    metrics = read_record(path, PairwiseMetrics)
    assert 0 <= metrics.registration_confidence <= 1
    assert PairwiseMetrics.model_validate_json(metrics.model_dump_json()) == metrics


def _read_run(path: Path) -> None:
    record = read_record(path, RunRecord)
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


def _read_image(path: Path) -> None:
    image = next(p for p in (path, *path.parents) if p.name.endswith(".ome.zarr"))
    volume = open_volume(image)
    assert len(volume.shape) == 3
    assert volume.dtype.kind in "uif"
    assert all(0 < size < 1e8 for size in volume.voxel_size_um)
    try:
        plane = volume[0]
    except ReadError as error:
        # Content that cannot be unpacked: the header was believable, the voxels are not there.
        raise BadInputError(str(error)) from error
    assert plane.shape == volume.shape[1:]


def _read_npz(path: Path) -> None:
    volume, size = open_reference(path)
    assert len(volume.shape) == 3
    assert all(s > 0 for s in size)


def _image(version: NgffVersion) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        data = np.arange(4 * 6 * 5, dtype=np.uint16).reshape(4, 6, 5)
        write_image(folder / "slice_z01.ome.zarr", data, (10.0, 5.0, 5.0), version)
        (folder / "slice_z01.ome.zarr" / "link").symlink_to("/etc")

    return prepare


def _npz() -> bytes:
    out = io.BytesIO()
    volume = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    np.savez(out, volume=volume, voxel_size_um=np.array([10.0, 5.0, 5.0]))
    return out.getvalue()


_CONFIG = b"""slice_id,use,quality_score,galvo_confidence,galvo_fix,rehomed,rehoming_reliable,auto_excluded,\
auto_exclude_reason,interpolated,interpolation_failed,interpolation_method_used,interpolation_fallback_reason,\
notes,microscope
00,true,0.9,1,false,,,false,,,,,,"first, with a comma",A
01,false,,,,,,true,torn,false,true,,low_overlap_ncc,"two
lines",B
02,true,0.5,0.25,true,false,true,false,,,,,,,"=1+1"
"""
_FRAGMENT = b"""slice_id,interpolated,interpolation_failed,interpolation_method_used,\
interpolation_fallback_reason
01,true,false,zmorph,
"""
_SHIFTS = b"""fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm,reliable
00,01,3.5,-2,0.035,-0.02,true
01,02,1,2,,,
02,03,,,0.01,0.5,yes
"""
_SETTINGS = b"""slicing_interval_um = 200
usable_depth_um = 220.0
ngff_version = "0.5"

[interpolation]
alpha_sampling = "interior"
min_ncc_improvement = 0.05
preview = false

[pairwise]
moving_z_um = 40

[stack]
pyramid_um = [10, 25, 50, 100]
"""
_TRANSFORM = (
    RigidTransform(
        fixed_id=1,
        moving_id=2,
        matrix=((0.0, -1.0), (1.0, 0.0)),
        translation=(3.5, -1.25),
        center=(31.5, 31.5),
        rotation_deg=90.0,
        convention=CONVENTION,
        voxel_size_um=(10.0, 5.0, 5.0),
        plane_shape=(64, 64),
    )
    .model_dump_json()
    .encode()
)
_METRICS = (
    PairwiseMetrics(
        fixed_id=1,
        moving_id=2,
        role="neighbours",
        translation_x=3.5,
        registration_confidence=0.75,
        reliable=True,
        overall_status="ok",
        reasons=("a", "b"),
        settings=PairwiseSettings(),
        versions={"python": "3"},
        seconds=1.5,
    )
    .model_dump_json()
    .encode()
)
_RUN = json.dumps(
    {
        "outcome": "completed",
        "started": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T00:01:00Z",
        "command": "flows.reconstruct",
        "versions": {"python": "3"},
        "settings": {},
        "inputs": [{"path": "../slice_z00.ome.zarr", "fingerprint": "00"}],
        "outputs": [{"path": "report.html", "fingerprint": "11"}],
        "gaps": {"single": [1], "multi": [[3, 4]]},
        "tasks": [{"name": "stack", "state": "Completed", "cached": False, "seconds": 1.0, "reason": ""}],
    }
).encode()
_V3, _V2 = _image("0.5"), _image("0.4")
_SLICE = "slice_z01.ome.zarr"

TARGETS = (
    Target("slice_config.csv", "slice_config.csv", _read_config, CSV, 16, content=_CONFIG),
    Target("fragment", "slice_z01_manifest.csv", _read_fragment, CSV, 8, content=_FRAGMENT),
    Target("shifts_xy.csv", "shifts_xy.csv", _read_shifts, CSV, 8, content=_SHIFTS),
    Target("settings file", "settings.toml", _read_settings, TOML, content=_SETTINGS),
    Target("--set", "override", _read_override, ANY, content=b"stack.pyramid_um=[10, 25.0, 50]"),
    Target("transform.json", "transform.json", _read_transform, JSON, content=_TRANSFORM),
    Target("metrics.json", "metrics.json", _read_metrics, JSON, content=_METRICS),
    Target("run.json", "run.json", _read_run, JSON, content=_RUN),
    Target("NGFF 0.5 group", f"{_SLICE}/zarr.json", _read_image, JSON, 2, _V3),
    Target("zarr v3 array", f"{_SLICE}/0/zarr.json", _read_image, JSON, 2, _V3),
    Target("zarr v3 chunk", f"{_SLICE}/0/c/0/0/0", _read_image, ANY, 4, _V3),
    Target("NGFF 0.4 group", f"{_SLICE}/.zattrs", _read_image, JSON, 2, _V2),
    Target("zarr v2 group", f"{_SLICE}/.zgroup", _read_image, JSON, 4, _V2),
    Target("zarr v2 array", f"{_SLICE}/0/.zarray", _read_image, JSON, 2, _V2),
    Target("zarr v2 chunk", f"{_SLICE}/0/0/0/0", _read_image, ANY, 4, _V2),
    Target("reference .npz", "reference.npz", _read_npz, ANY, 2, content=_npz()),
)
SHARES = sum(1 / target.costly for target in TARGETS)


def cases_for(target: Target, total: int) -> int:
    """Share of a total that falls to a target; all of them together reach the total."""
    return -int(-total / target.costly // SHARES)
