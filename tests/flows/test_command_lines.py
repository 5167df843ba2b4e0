"""What all command lines share, and scripts: one line for every mistake, and no guard needed."""

from __future__ import annotations

import importlib
import multiprocessing.spawn as spawn
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from recorded_output import recorded_output
from tiny_slices import small_acquisition

from flows.engine.child_processes import bare_workers
from flows.engine.result_storage import refuse_unwritable_home
from flows.terminal.exit_codes import exit_code
from flows.verify import main as verify
from schemas.settings import ReconstructSettings
from soct_core.errors import SettingsError
from soct_core.file_names import output_of
from soct_core.run.settings_file import load_settings

COMMANDS = (
    *(f"flows.{name}" for name in ("interpolate", "finalise", "verify", "view", "simulate", "report")),
    "flows.reconstruct.__main__",
    "deployments.sync",
    "deployments.validate",
)


@pytest.mark.parametrize("module", COMMANDS)
def test_a_mistyped_option_is_one_line(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(module).main(["here", "there", "anywhere", "--ouput", "x"])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.endswith(" --help says more\n")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("interpolation.alpha=interior", "is 'interpolation.alpha_sampling' meant?"),
        ("pairwise.alpha_sampling=interior", "is 'interpolation.alpha_sampling' meant?"),
        ("interpolation.max_iteration=9", "is 'interpolation.max_iterations' meant?"),
        ("interpolation.zzz=9", "interpolation has enabled, method, "),
        (
            "a=9",
            "there are slicing_interval_um, usable_depth_um, ngff_version, interpolation, pairwise, stack",
        ),
        ("interpolation.min_ncc_improvment=0.1", "is 'interpolation.min_ncc_improvement' meant?"),
        ("min_ncc_improvement=0.1", "is 'interpolation.min_ncc_improvement' meant?"),
        ("slicing_interval=200", "is 'slicing_interval_um' meant?"),
    ],
)
def test_an_unknown_setting_is_told_what_may_be_meant(override: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(ReconstructSettings, overrides=[override])
    assert said in str(error.value)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("FALSE", False)])
def test_true_and_false_however_they_are_written(text: str, value: bool) -> None:
    settings = load_settings(ReconstructSettings, overrides=[f"interpolation.preview={text}"])
    assert settings.interpolation.preview is value
    with pytest.raises(SettingsError, match=r"'interpolation\.preview': got 'yes', wanted a valid boolean"):
        load_settings(ReconstructSettings, overrides=["interpolation.preview=yes"])


def test_an_acquisition_stands_for_its_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recorded_output(tmp_path / "mouse")
    assert output_of(out) == out
    out.rename(tmp_path / "mouse" / "reconstruction")
    assert output_of(tmp_path / "mouse") == tmp_path / "mouse" / "reconstruction"
    verify([str(tmp_path / "mouse"), "--outputs-only"])
    assert "8 outputs" in capsys.readouterr().out


def test_a_home_that_prefect_cannot_write_to_is_named_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "file" / ".prefect"))
    assert exit_code(refuse_unwritable_home) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}/file/.prefect: cannot be written: ")
    assert "PREFECT_HOME" in error
    assert error.count("\n") == 1
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "new"))
    refuse_unwritable_home()
    assert list(tmp_path.joinpath("new").iterdir()) == []


def test_workers_stay_bare_as_long_as_anyone_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    script = ModuleType("__main__")
    script.__file__ = "/somewhere/script.py"
    monkeypatch.setitem(sys.modules, "__main__", script)
    usual = spawn.get_preparation_data
    first, second = bare_workers(), bare_workers()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not [key for key in spawn.get_preparation_data("x") if key.startswith("init_main")]
    second.__exit__(None, None, None)
    assert spawn.get_preparation_data is usual
    assert [key for key in usual("x") if key.startswith("init_main")]


def test_a_file_is_not_blamed_for_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[stack]\nz_refine = true\n")
    with pytest.raises(SettingsError, match=r"^setting 'foo' is unknown"):
        load_settings(ReconstructSettings, file, ["foo=1"])
    with pytest.raises(SettingsError, match=r"^setting 'stack': got 3, wanted settings by name"):
        load_settings(ReconstructSettings, overrides=["stack=3"])
    # Each alone would contradict a default; together they do not.
    file.write_text("[pairwise]\ntranslation_warn_px = 60.0\n")
    settings = load_settings(ReconstructSettings, file, ["pairwise.translation_error_px=80.0"])
    assert settings.pairwise.translation_warn_px == 60.0
    file.write_text("foo = 1\n")
    with pytest.raises(SettingsError, match=r"s\.toml: setting 'foo' is unknown"):
        load_settings(ReconstructSettings, file)


def test_a_script_without_a_guard_runs_once(prefect_server: None, tmp_path: Path) -> None:
    from prefect.settings import get_current_settings

    acquisition = small_acquisition(tmp_path / "mouse")
    script = tmp_path / "script.py"
    script.write_text(
        "from flows.reconstruct import reconstruct\n"
        "print('once', flush=True)\n"
        f"print(reconstruct({str(acquisition)!r}).stack.shape)\n"
    )
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={"PATH": "", **settings},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "once"
    assert done.stdout.count("once") == 1
