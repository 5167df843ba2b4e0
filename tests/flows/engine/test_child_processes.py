"""Workers stay bare, so that a script needs no guard."""

from __future__ import annotations

import multiprocessing.spawn as spawn
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tiny_slices import small_acquisition

from flows.engine.child_processes import bare_workers


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
