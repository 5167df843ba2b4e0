"""Bad input: one clear line, exit code 2, and nothing written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_slices import small_acquisition

from flows.reconstruct.__main__ import main as reconstruct
from soct_core.volume.writing import write_image

Spoil = Callable[[Path], list[str]]


def edit_metadata(slice_: Path, change: Callable[[dict], None]) -> None:
    path = slice_ / "zarr.json"
    content = json.loads(path.read_text())
    change(content["attributes"]["ome"]["multiscales"][0])
    path.write_text(json.dumps(content))


def no_slices(acq: Path) -> list[str]:
    for path in acq.glob("*.ome.zarr"):
        shutil.rmtree(path)
    return []


def not_zarr(acq: Path) -> list[str]:
    (acq / "slice_z01.ome.zarr" / "zarr.json").write_text("{")
    return []


def wrong_axes(acq: Path) -> list[str]:
    edit_metadata(acq / "slice_z01.ome.zarr", lambda m: m["axes"].reverse())
    return []


def missing_unit(acq: Path) -> list[str]:
    edit_metadata(acq / "slice_z01.ome.zarr", lambda m: m["axes"][1].pop("unit"))
    return []


def other_voxel_size(acq: Path) -> list[str]:
    write_image(acq / "slice_z02.ome.zarr", np.zeros((4, 32, 32), np.uint16), (50.0, 25.0, 20.0))
    return []


def other_dtype(acq: Path) -> list[str]:
    write_image(acq / "slice_z02.ome.zarr", np.zeros((4, 32, 32), np.uint8), (50.0, 25.0, 25.0))
    return []


def output_in_a_file(acq: Path) -> list[str]:
    (acq / "notes.txt").write_text("mine")
    return ["--output", str(acq / "notes.txt" / "out")]


def huge_claim(acq: Path) -> list[str]:
    path = acq / "slice_z01.ome.zarr" / "0" / "zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shape": [10_000] * 3}))
    return []


def level_elsewhere(acq: Path) -> list[str]:
    edit_metadata(
        acq / "slice_z01.ome.zarr", lambda m: m["datasets"][0].update(path="../slice_z00.ome.zarr/0")
    )
    return []


def far_slice(acq: Path) -> list[str]:
    (acq / "slice_z02.ome.zarr").rename(acq / "slice_z99999.ome.zarr")
    return ["--set", "slicing_interval_um=1e6"]


def config_pipe(acq: Path) -> list[str]:
    os.mkfifo(acq / "slice_config.csv")
    return []


def config(text: str) -> Spoil:
    def spoil(acq: Path) -> list[str]:
        (acq / "slice_config.csv").write_text(text)
        return []

    return spoil


def options(*words: str) -> Spoil:
    return lambda acq: [word.replace("ACQ", str(acq)) for word in words]


def toml(text: str) -> Spoil:
    def spoil(acq: Path) -> list[str]:
        file = acq.parent / "settings.toml"
        file.write_text(text)
        return ["--config", str(file)]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_slices, ["holds no slice_z{NN}.ome.zarr"]),
        (not_zarr, ["slice_z01.ome.zarr", "not a readable zarr group"]),
        (wrong_axes, ["slice_z01.ome.zarr", "axes x,y,z", "wanted z,y,x"]),
        (missing_unit, ["slice_z01.ome.zarr", "axis y has no unit", "--voxel-size-um"]),
        (other_voxel_size, ["slice_z02.ome.zarr", "20.0", "slice_z00.ome.zarr"]),
        (other_dtype, ["slice_z02.ome.zarr", "uint8", "uint16"]),
        (
            config("slice_id,use\n0,perhaps\n"),
            ["slice_config.csv", "row 2", "'use'", "'perhaps'", "true/1/yes"],
        ),
        (config("slice_id;use\n0;true\n"), ["slice_config.csv", "semicolons"]),
        (config("slice_id,use\n1,true\n01,true\n"), ["row 3", "'slice_id'", "no duplicate"]),
        (config("slice_id,use\n7,true\n"), ["slice_z07.ome.zarr not found", "--allow-missing"]),
        (config("slice_id,use\n0,0\n1,0\n2,0\n"), ["no slice is both used and present"]),
        (options("--set", "interpolation.min_ncc_improvment=0.1"), ["min_ncc_improvment", "unknown"]),
        (
            options("--set", "stack.blend_depth_um=-1"),
            ["stack.blend_depth_um", "-1", "greater than or equal to 0"],
        ),
        (options("--set", "interpolation.method=magic"), ["interpolation.method", "'magic'", "'zmorph'"]),
        (options("--set", "interpolation.preview=maybe"), ["interpolation.preview", "'maybe'"]),
        (options("--set", "nonsense"), ["wanted name=value"]),
        (toml("slicing_interval_um = 'thick'"), ["slicing_interval_um", "'thick'"]),
        (toml("slicing_interval_um = "), ["settings.toml", "is not TOML"]),
        (options("--config", "ACQ/none.toml"), ["none.toml", "cannot be read"]),
        (options("--output", "ACQ"), ["output would land among the input"]),
        (options("--output", "ACQ/slice_z00.ome.zarr/out"), ["output would land among the input"]),
        (options("--output", "ACQ/.."), ["output would land among the input"]),
        (options("--workers", "0"), ["--workers", "wanted 1 at least"]),
        (options("--dask-address", "tcp://x"), ["--dask-address", "--runner dask"]),
        (
            options("--runner", "dask", "--dask-address", "tcp://x", "--workers", "2"),
            ["--workers", "--dask-address"],
        ),
        (options("--set", "slicing_interval_um=0.2"), ["slicing_interval_um", "0.2", "one plane (50"]),
        (output_in_a_file, ["notes.txt", "is a file"]),
        (huge_claim, ["slice_z01.ome.zarr", "claims 1000000000000 voxels"]),
        (level_elsewhere, ["slice_z01.ome.zarr", "lies outside of the image"]),
        (far_slice, ["slices 00 to 99999 would make a volume of"]),
        (config_pipe, ["slice_config.csv", "pipe or device"]),
        (config("slice_id,use\n0,a\n1,b\n2,c\n3,d\n4,e\n"), ["row 2", "and 2 more faults"]),
        (toml("x = " + "[" * 5000), ["settings.toml", "is not TOML"]),
        (toml("slicing_interval_um = 0x" + "f" * 9000), ["settings.toml", "slicing_interval_um"]),
        (options("--config", "/dev/zero"), ["/dev/zero", "pipe or device"]),
    ],
)
def test_reconstruct_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Spoil, said: list[str]
) -> None:
    acquisition = small_acquisition(tmp_path / "mouse")
    extra = spoil(acquisition)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert reconstruct([str(acquisition), *extra]) == 2
    out = capsys.readouterr()
    assert out.out == f"reconstruct {acquisition}\n"
    assert out.err.startswith("error: ")
    assert out.err.count("\n") == 1
    for words in said:
        assert words in out.err
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_no_such_acquisition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconstruct([str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no such directory" in capsys.readouterr().err


def test_the_demo_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("dear")
    assert reconstruct(["--demo", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
