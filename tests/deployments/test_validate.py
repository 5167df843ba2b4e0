"""`python -m deployments.validate`: what is wrong, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from deployment_files import write
from prefect_service import CHECKOUT

from deployments import validate


def test_validate_says_what_is_wrong_and_exits_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(CHECKOUT)
    write(folder, "a.toml")
    assert validate.main([str(folder)]) == 0
    write(folder, "b.toml", "enabled = 7")
    assert validate.main([str(folder)]) == 2
    assert "b.toml: setting 'enabled': got 7" in capsys.readouterr().err
    assert validate.main([str(folder / "none")]) == 2
