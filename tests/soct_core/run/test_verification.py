"""Verification: an untouched output is whole; whatever was done to it is said, one line each."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr
from recorded_output import OUTPUTS, record, recorded_output
from tiny_slices import small_acquisition

from schemas.settings import ReconstructSettings, StackSettings
from soct_core.errors import RecordError
from soct_core.run.verification import verify
from soct_core.storage.fingerprint import fingerprint

Tamper = Callable[[Path], object]
VOLUME = "stack/3d_volume.ome.zarr"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output directory of a run that nobody touched."""
    return recorded_output(tmp_path_factory.mktemp("whole") / "mouse")


@pytest.fixture
def out(untouched: Path, tmp_path: Path) -> Path:
    """A copy of it, acquisition and all, that may be tampered with."""
    return shutil.copytree(untouched.parent, tmp_path / "mouse") / untouched.name


def flip_a_byte(of: str) -> Tamper:
    def tamper(out: Path) -> None:
        path = out / of
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)

    return tamper


def remove(name: str) -> Tamper:
    def tamper(out: Path) -> None:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return tamper


def create(name: str) -> Tamper:
    def tamper(out: Path) -> None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("new")

    return tamper


def edit_record(change: Callable[[dict], object]) -> Tamper:
    def tamper(out: Path) -> None:
        content = json.loads((out / "run.json").read_text())
        change(content)
        (out / "run.json").write_text(json.dumps(content))

    return tamper


def forge_label(z: int, label: int) -> Tamper:
    """Changes the labels, and the record so that no fingerprint tells."""

    def tamper(out: Path) -> None:
        group = zarr.open_group(out / VOLUME / "labels" / "provenance", mode="r+")
        group["0"][z] = np.full((8, 8), label, np.uint8)
        record(out)

    return tamper


def forge_voxels(out: Path) -> None:
    zarr.open_group(out / VOLUME, mode="r+")["0"][15] = 7
    record(out)


def forge_half_width(z: int, value: float) -> Tamper:
    def tamper(out: Path) -> None:
        zarr.open_group(out / "stack/uncertainty.ome.zarr", mode="r+")["0"][z] = value
        record(out)

    return tamper


def forge_text(name: str, old: str, new: str) -> Tamper:
    def tamper(out: Path) -> None:
        text = (out / name).read_text()
        assert old in text
        (out / name).write_text(text.replace(old, new))
        record(out)

    return tamper


def link_out(out: Path) -> None:
    (out / "report.html").rename(out.parent.parent / "report.html")
    (out / "report.html").symlink_to(out.parent.parent / "report.html")


def pipe(out: Path) -> None:
    (out / "report.html").unlink()
    os.mkfifo(out / "report.html")


def new_slice(out: Path) -> None:
    shutil.copytree(out.parent / "slice_z05.ome.zarr", out.parent / "slice_z06.ome.zarr")


def exclude(out: Path) -> None:
    config = out.parent / "slice_config.csv"
    config.write_text(config.read_text().replace("02,true", "02,false"))


def test_a_slice_that_is_excluded_now_is_said(out: Path) -> None:
    assert "02,true" in (out.parent / "slice_config.csv").read_text()
    exclude(out)
    said = "input slice_z02.ome.zarr: the run used it, but it is excluded now"
    assert said in verify(out).problems


def test_a_folder_that_is_a_link_is_not_walked(tmp_path: Path, out: Path) -> None:
    (tmp_path / "precious").mkdir()
    (out / "register_pairwise").rename(tmp_path / "precious" / "pairs")
    (tmp_path / "precious" / "pairs" / "slice_z77_z78").mkdir()
    (out / "register_pairwise").symlink_to(tmp_path / "precious" / "pairs")
    assert not [problem for problem in verify(out).problems if "z77" in problem]


def test_an_untouched_output_is_whole(out: Path) -> None:
    found = verify(out)
    assert found.problems == ()
    assert (found.outputs, found.inputs, found.slots) == (len(OUTPUTS), 4, 6)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (flip_a_byte(f"{VOLUME}/0/c/0/0/0"), f"{VOLUME}: was altered"),
        (flip_a_byte(f"{VOLUME}/labels/provenance/zarr.json"), f"{VOLUME}: was altered"),
        (remove(f"{VOLUME}/0/c/0/0/0"), f"{VOLUME}: was altered"),
        (create(f"{VOLUME}/more"), f"{VOLUME}: was altered"),
        (remove(OUTPUTS[1]), f"{OUTPUTS[1]}: is missing"),
        (remove(VOLUME), f"{VOLUME}: is missing"),
        (flip_a_byte("../slice_z02.ome.zarr/0/c/0/0/0"), "input ../slice_z02.ome.zarr: was altered"),
        (remove("../slice_z02.ome.zarr"), "input ../slice_z02.ome.zarr: is missing"),
        (flip_a_byte("../slice_config.csv"), "input ../slice_config.csv: was altered"),
        (new_slice, "input slice_z06.ome.zarr: is there and used, but the run did not know it"),
        (create("stack/old_volume.ome.zarr/0"), "stack/old_volume.ome.zarr: was not written by this run"),
        (create("slice_z03_interpolated.ome.zarr/0"), "slice_z03_interpolated.ome.zarr: was not written"),
        (create("register_pairwise/slice_z00_z02/mine.tfm"), "slice_z00_z02/mine.tfm: was not written"),
        (create("register_pairwise/slice_z07_z08/transform.json"), "slice_z07_z08: was not written"),
        (edit_record(lambda r: r.update(outcome="failed")), "run.json: the run failed"),
        (edit_record(lambda r: r["tasks"][0].update(state="Failed")), "task stack: Failed"),
        (edit_record(lambda r: r["outputs"].pop()), "report.html: is not recorded"),
        (edit_record(lambda r: r["outputs"].clear()), f"{VOLUME}: is not recorded"),
        (edit_record(lambda r: r["outputs"][0].update(path="../notes")), "'../notes' lies outside"),
        (edit_record(lambda r: r["outputs"][0].update(path="/etc/passwd")), "'/etc/passwd' lies outside"),
        (edit_record(lambda r: r["inputs"][0].update(path="/etc/x.csv")), "'/etc/x.csv' is none that a run"),
        (edit_record(lambda r: r["inputs"][0].update(path="../../key.pem")), "'../../key.pem' is none"),
        (edit_record(lambda r: r["inputs"][0].update(path="../a\x1b[2J.csv")), "is none that a run"),
        (edit_record(lambda r: r["inputs"].clear()), "names no slice among its inputs"),
        (link_out, "'report.html' lies outside"),
        (pipe, "report.html: cannot be read"),
        (forge_label(5, 1), "slot 01: is interpolated, but provenance holds 1"),
        (forge_label(4, 3), "slot 01: is interpolated, but provenance holds 3"),
        (forge_label(0, 2), "slot 00: is measured, but provenance holds 2"),
        (forge_label(12, 1), "gap at planes 12 to 19: is gap, but provenance holds 1"),
        (forge_voxels, "gap at planes 12 to 19: holds voxels that nobody measured"),
        (forge_half_width(5, np.nan), "slot 01: is interpolated, but uncertainty.ome.zarr says otherwise"),
        (forge_half_width(0, 3.0), "slot 00: is measured, but uncertainty.ome.zarr says otherwise"),
        (forge_half_width(12, 0.0), "gap at planes 12 to 19: is gap, but uncertainty.ome.zarr says"),
        (forge_text("slice_config_final.csv", "true,false,zmorph", ",,"), "slot 01: the trail says not"),
        (forge_text("slice_config_final.csv", "02,true", "02,false"), "slot 02: the trail excludes it"),
        (forge_text("stack/stacking_decisions.csv", "01,interpolated", "01,measured"), "slot 01: the trail"),
        (forge_text("stack/stacking_decisions.csv", "20,23", "20,99"), "planes 20 to 99 of a volume"),
        (forge_text("stack/stacking_decisions.csv", "slot_state", "state"), "wanted a column 'slot_state'"),
    ],
)  # fmt: skip
def test_what_was_done_to_an_output_is_said(out: Path, tamper: Tamper, said: str) -> None:
    tamper(out)
    problems = verify(out).problems
    assert any(said in problem for problem in problems), problems
    assert all(len(problem.splitlines()) == 1 for problem in problems)


def test_one_byte_is_one_problem(out: Path) -> None:
    flip_a_byte("report.html")(out)
    assert verify(out).problems == ("report.html: was altered",)


def test_settings_are_held_against_those_wanted(out: Path) -> None:
    assert verify(out, settings=ReconstructSettings()).problems == ()
    wanted = ReconstructSettings(stack=StackSettings(blend_depth_um=30.0))
    assert verify(out, settings=wanted).problems == (
        "run.json: setting stack.blend_depth_um was 50.0, not 30.0",
    )


def test_an_acquisition_that_moved_is_found_where_it_is_said_to_be(tmp_path: Path, out: Path) -> None:
    out = out.rename(tmp_path / "result")
    (problem,) = verify(out).problems
    assert problem.startswith(f"inputs: none is in {tmp_path}; --inputs ")
    assert verify(out, tmp_path / "mouse").problems == ()
    assert verify(out, check_inputs=False).problems == ()
    other = small_acquisition(tmp_path / "rat")
    assert "input ../slice_z00.ome.zarr: was altered" in verify(out, other).problems


def test_transforms_set_by_hand_are_inputs(tmp_path: Path, out: Path) -> None:
    by_hand = out.parent / "manual" / "slice_z00_z02.tfm"
    by_hand.parent.mkdir()
    by_hand.write_text("#Insight Transform File V1.0\n")
    name = f"manual/{by_hand.name}"
    assert verify(out).problems == (f"input {name}: is there, but the run did not know it",)
    record = json.loads((out / "run.json").read_text())
    record["inputs"].append({"path": f"../{name}", "fingerprint": fingerprint(by_hand)})
    (out / "run.json").write_text(json.dumps(record))
    assert verify(out).problems == ()
    result = out.rename(tmp_path / "result")
    assert verify(result, tmp_path / "mouse").problems == ()
    by_hand.write_text("#Insight Transform File V1.0\n#Transform 0\n")
    assert verify(result, tmp_path / "mouse").problems == (f"input ../{name}: was altered",)


def test_shifts_that_lie_elsewhere_stay_there_when_the_acquisition_moves(tmp_path: Path, out: Path) -> None:
    shifts = tmp_path / "stage.csv"
    shifts.write_text("fixed_id,moving_id\n")
    record = json.loads((out / "run.json").read_text())
    record["inputs"].append({"path": "../../stage.csv", "fingerprint": fingerprint(shifts)})
    (out / "run.json").write_text(json.dumps(record))
    moved = (tmp_path / "mouse").rename(tmp_path / "moved")
    found = verify(moved / out.relative_to(tmp_path / "mouse"), moved)
    assert found.problems == ()
    shifts.write_text("fixed_id,moving_id,\n")
    assert verify(moved / out.relative_to(tmp_path / "mouse"), moved).problems == (
        "input ../../stage.csv: was altered",
    )


@pytest.mark.parametrize("content", [None, "", "{", "{}", "[]", "\x00", '{"outcome": "completed"}'])
def test_without_a_readable_record_nothing_can_be_said(out: Path, content: str | None) -> None:
    (out / "run.json").unlink()
    if content is not None:
        (out / "run.json").write_text(content)
    with pytest.raises(RecordError, match=r"run\.json"):
        verify(out)
