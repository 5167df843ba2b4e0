"""A mistyped option is one line, whatever the command."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

from flows.terminal.exit_codes import exit_code

COMMANDS = (
    *(f"flows.{name}" for name in ("interpolate", "finalise", "verify", "simulate", "report", "export")),
    "flows.reconstruct.__main__",
    "flows.apply.__main__",
    "flows.view.__main__",
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


def test_warnings_of_libraries_stay_off_the_terminal() -> None:
    # In a process of its own: threads of other tests set the filters of warnings too.
    code = (
        "import warnings\n"
        "from flows.terminal.exit_codes import exit_code\n"
        "raise SystemExit(exit_code(lambda: warnings.warn('numcodecs codecs', stacklevel=1)))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_memory_is_one_line_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    def greedy() -> None:
        raise MemoryError

    assert exit_code(greedy) == 1
    assert capsys.readouterr().err.startswith("error: out of memory; run the same command again")
