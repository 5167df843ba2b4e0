"""A run with nothing new is known without a server; whatever is new, gone or altered is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_slices import small_acquisition

from flows.engine.places import Places
from flows.reconstruct import one
from flows.reconstruct.__main__ import main as reconstruct_command
from flows.reconstruct.unchanged import Asked, result_if_unchanged
from flows.report import main as report_command
from schemas.handoffs import RunResult
from schemas.run_record import RunRecord
from schemas.settings import ReconstructSettings
from soct_core.run.settings_file import load_settings
from soct_core.run.verification import verify

Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory: pytest.TempPathFactory, prefect_server: None) -> tuple[Path, RunResult]:
    from flows.engine.runners import task_runner
    from flows.reconstruct import reconstruct

    acquisition = small_acquisition(tmp_path_factory.mktemp("unchanged") / "mouse")
    (acquisition / "slice_config.csv").write_text("slice_id,use,notes\n1,false,torn\n")
    result = reconstruct.with_options(task_runner=task_runner("threads", 2))(
        acquisition=acquisition, name="mouse"
    )
    return acquisition, result


@pytest.fixture
def finished_run(finished_once: tuple[Path, RunResult], tmp_path: Path) -> tuple[Path, RunResult]:
    """A copy of it elsewhere, to be changed."""
    acquisition, result = finished_once
    shutil.copytree(acquisition, tmp_path / "copy", symlinks=True)
    moved = result.model_dump_json().replace(str(acquisition), str(tmp_path / "copy"))
    return tmp_path / "copy", RunResult.model_validate_json(moved)


def known(
    acquisition: Path, *settings: str, allow_missing: bool = False, name: str = "mouse"
) -> RunResult | None:
    asked = Asked(
        Places.of(acquisition, None),
        name,
        load_settings(ReconstructSettings, None, settings),
        None,
        None,
        allow_missing,
    )
    return result_if_unchanged(asked, "the command")


def test_a_copy_with_nothing_new_returns_what_the_run_returned(finished_run: tuple[Path, RunResult]) -> None:
    acquisition, result = finished_run
    assert known(acquisition) == result
    record = RunRecord.model_validate_json((acquisition / "reconstruction" / "run.json").read_bytes())
    assert (record.outcome, record.command, record.gaps) == ("completed", "the command", result.gaps)
    assert all(task.cached for task in record.tasks)
    assert {"detect gaps", "stack", "report"} < {task.name for task in record.tasks}
    assert verify(acquisition / "reconstruction").problems == ()


def test_it_loads_neither_prefect_nor_the_tables(finished_run: tuple[Path, RunResult]) -> None:
    code = (
        "import sys; from flows.reconstruct.__main__ import main; code = main(sys.argv[1:]); "
        "print(code, sorted({'prefect', 'pandas', 'zarr', 'numpy'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(finished_run[0]), "--name", "mouse"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "0 []"
    assert "nothing new: " in ran.stdout
    assert ran.stderr == ""


def touched_slice(acquisition: Path) -> None:
    chunk = next(p for p in (acquisition / "slice_z02.ome.zarr").rglob("*") if p.is_file() and "c" in p.parts)
    chunk.write_bytes(chunk.read_bytes() + b"x")


def set_by_hand(acquisition: Path) -> None:
    (acquisition / "manual").mkdir()
    (acquisition / "manual" / "slice_z00_z02.tfm").touch()


def in_seal(acquisition: Path, old: str, new: str) -> None:
    seal = acquisition / "reconstruction" / ".soct" / "seal.json"
    assert old in seal.read_text()
    seal.write_text(seal.read_text().replace(old, new))


CHANGES: dict[str, Change] = {
    "a slice came": lambda a: shutil.copytree(a / "slice_z02.ome.zarr", a / "slice_z03.ome.zarr"),
    "a stray came": lambda a: (a / "slice_04.ome.zarr").mkdir(),
    "shifts came": lambda a: (a / "shifts_xy.csv").write_text("x"),
    "a slice went": lambda a: shutil.rmtree(a / "slice_z02.ome.zarr"),
    "a slice was touched": touched_slice,
    "the config was edited": lambda a: (a / "slice_config.csv").write_text("slice_id,use\n1,true\n"),
    "the config went": lambda a: (a / "slice_config.csv").unlink(),
    "a pair was set by hand": set_by_hand,
    "the report was altered": lambda a: (a / "reconstruction" / "report.html").write_text("x"),
    "the volume went": lambda a: shutil.rmtree(a / "reconstruction" / "stack" / "3d_volume.ome.zarr"),
    "the trail went": lambda a: (a / "reconstruction" / "slice_config_final.csv").unlink(),
    "the checksums went": lambda a: shutil.rmtree(a / "reconstruction" / ".soct" / "checksums"),
    "the seal is garbage": lambda a: (a / "reconstruction" / ".soct" / "seal.json").write_text("{"),
    "the seal is of another": lambda a: in_seal(a, "stack-", "stick-"),
    "the result leads out": lambda a: in_seal(a, "report.html", "../../report.html"),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_what_changed_is_seen(finished_run: tuple[Path, RunResult], change: str) -> None:
    acquisition, _ = finished_run
    CHANGES[change](acquisition)
    assert known(acquisition) is None


def test_what_is_asked_for_counts(
    finished_run: tuple[Path, RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    acquisition, result = finished_run
    assert known(acquisition, "stack.blend_depth_um=40") is None
    assert known(acquisition, allow_missing=True) is None
    assert known(acquisition, name="rat") is None
    from flows.engine import seal

    with monkeypatch.context() as patch:
        patch.setattr(seal, "_program", lambda: "another")
        assert known(acquisition) is None
    assert known(acquisition) == result


def test_a_report_rendered_again_is_the_report_of_the_run(
    finished_run: tuple[Path, RunResult], capsys: pytest.CaptureFixture[str]
) -> None:
    acquisition, result = finished_run
    before = result.report.read_bytes()
    assert report_command([str(acquisition)]) == 0
    assert result.report.read_bytes() != before
    assert verify(acquisition / "reconstruction").problems == ()
    assert known(acquisition) == result


def told(acquisition: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    before = {path: path.stat().st_mtime_ns for path in acquisition.rglob("*")}
    assert reconstruct_command([str(acquisition), "--name", "mouse", "--dry-run", *options]) == 0
    assert {path: path.stat().st_mtime_ns for path in acquisition.rglob("*")} == before
    return capsys.readouterr().out.splitlines()


def test_a_dry_run_says_what_would_run_and_writes_nothing(
    finished_run: tuple[Path, RunResult], capsys: pytest.CaptureFixture[str]
) -> None:
    acquisition, _ = finished_run
    assert told(acquisition, capsys)[1].startswith("nothing would run: ")
    (acquisition / "reconstruction" / "stack" / "stacking_decisions.csv").unlink()
    lines = told(acquisition, capsys)
    assert [line.split()[0] for line in lines if line.startswith("  ")] == ["stack", "report"]
    assert "an output of it is gone or was altered" in lines[2]
    lines = told(acquisition, capsys, "--set", "interpolation.min_overlap_correlation=0.4")
    assert lines[2].split(None, 2)[2] == "its inputs, its settings or the program changed"
    assert [line.split()[0] for line in lines[-3:]] == ["reads", "writes", "takes"]


def test_several_acquisitions_end_with_one_table_and_one_page(
    finished_run: tuple[Path, RunResult], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    acquisition, _ = finished_run
    monkeypatch.chdir(acquisition.parent)
    monkeypatch.setattr(one, "name_of", lambda _: "mouse")
    (acquisition.parent / "empty").mkdir()
    # What is refused stops none of the others.
    assert reconstruct_command([str(acquisition), "empty", str(acquisition)]) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert "holds no slice" in err
    table = [line.split() for line in out.splitlines() if "volume written" in line or "bad input" in line]
    assert [row[-1] for row in table] == [str(acquisition), "empty", str(acquisition)]
    assert (acquisition.parent / "group_report.html").stat().st_size > 1000


@pytest.mark.parametrize("option", [["--output", "x"], ["--demo"], ["--name", "x"], ["--accept", "3"]])
def test_what_belongs_to_one_acquisition_is_refused_for_several(option: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        reconstruct_command(["a", "b", *option])
    assert ended.value.code == 2
