"""`soct`: every command under one name, at once, wherever it is called."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from flows.soct import main
from flows.terminal.commands import COMMANDS, called
from schemas.settings import ReconstructSettings
from soct_core.run.settings_template import settings_template

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_says_how_it_is_called(
    command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/soct"])
    with pytest.raises(SystemExit) as ended:
        main([command.name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: soct {command.name} ")
    assert importlib.util.find_spec(command.module) is not None


def test_help_shows_the_pipeline_and_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert "detect gaps -> interpolate" in said
    assert all(f"  {command.name} " in said for command in COMMANDS)


def test_an_unknown_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["reconstuct", "ACQ"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: there is no command 'reconstuct', wanted one of init")


def test_what_is_printed_is_what_the_user_can_type(monkeypatch: pytest.MonkeyPatch) -> None:
    assert called("assess") == "python -m flows.assess"
    monkeypatch.setattr(sys, "argv", ["/opt/venv/bin/soct", "reconstruct"])
    assert called("assess") == "soct assess"


@pytest.mark.parametrize("how", [["-m", "flows.verify"], ["-c", "import sys; sys.argv[0] = 'soct'; X"]])
def test_modules_in_the_working_directory_hide_none_of_ours(tmp_path: Path, how: list[str]) -> None:
    for name in ("schemas.py", "soct_core.py"):
        (tmp_path / name).write_text("raise SystemExit('not ours')")
    how = [part.replace("X", "from flows.soct import main; sys.exit(main(['verify', '.']))") for part in how]
    options = ["-P"] if how[0] == "-c" else []
    ran = subprocess.run(
        [sys.executable, *options, *how, "."],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: run.json: ") or "run.json" in ran.stderr
    assert "not ours" not in ran.stderr


def test_version_needs_no_library() -> None:
    code = (
        "import sys; from flows.soct import main; main(['--version']); "
        "print(sorted({'numpy', 'prefect', 'pydantic', 'pandas'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_settings_file_to_start_from_changes_nothing_until_it_is_edited() -> None:
    text = settings_template(ReconstructSettings)
    assert ReconstructSettings.model_validate(tomllib.loads(text)) == ReconstructSettings()
    # Uncommented, all of it is valid, and still the default.
    lines = (
        line.removeprefix("# ") if " = " in line and line.count("=") == 1 and "`" not in line else line
        for line in text.splitlines()
    )
    all_set = tomllib.loads("\n".join(lines))
    assert ReconstructSettings.model_validate(all_set) == ReconstructSettings()
    assert all_set["interpolation"]["min_overlap_correlation"] == 0.3


def test_init_replaces_nothing_unasked(acquisition: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(acquisition)]) == 0
    assert "every setting, with its default" in capsys.readouterr().out
    assert main(["init", str(acquisition)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["init", str(acquisition), "--overwrite"]) == 0


def test_shells_complete_commands_and_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="of the requirements of this version; install them anew")
    assert main(["completion", "bash"]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("reconstruct", "--dask-address", "--slice-config-out"))
    with pytest.raises(SystemExit):
        main(["completion", "fish"])
