"""Prefect's storage: refused where others can write to it, named where nobody can."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.engine.result_storage import refuse_open_storage, refuse_unwritable_home
from flows.terminal.exit_codes import exit_code
from soct_core.errors import BadInputError


@pytest.mark.parametrize(
    ("group", "members", "open_"),
    [("user", [], False), ("user", ["user"], False), ("user", ["eve"], True), ("lab", [], True)],
)
def test_a_group_that_holds_others_is_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, members: list[str], open_: bool
) -> None:
    from flows.engine import result_storage

    named = SimpleNamespace(gr_name=group, gr_mem=members)
    monkeypatch.setattr(result_storage.grp, "getgrgid", lambda gid: named)
    monkeypatch.setattr(result_storage.pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name="user"))
    tmp_path.chmod(0o775)
    assert result_storage._open_to(tmp_path.stat()) == ("is writable by others" if open_ else "")
    tmp_path.chmod(0o755)
    assert result_storage._open_to(tmp_path.stat()) == ""


@pytest.mark.parametrize(("mode", "open_"), [(0o700, False), (0o755, False), (0o757, True), (0o777, True)])
def test_a_cache_that_others_can_write_to_is_refused(tmp_path: Path, mode: int, open_: bool) -> None:
    from prefect.settings import PREFECT_HOME, PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    storage = tmp_path / "storage"
    storage.mkdir()
    storage.chmod(mode)
    tmp_path.chmod(0o755)
    with temporary_settings({PREFECT_HOME: tmp_path, PREFECT_LOCAL_STORAGE_PATH: storage}):
        if not open_:
            refuse_open_storage()
            return
        with pytest.raises(BadInputError, match="writable by others"):
            refuse_open_storage()


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


def test_without_a_home_directory_the_line_says_what_to_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    def nobody(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert exit_code(refuse_unwritable_home) == 1
    assert "HOME is not set" in (error := capsys.readouterr().err)
    assert "set PREFECT_HOME" in error
    assert error.count("\n") == 1


def test_a_home_that_is_made_under_umask_000_is_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_HOME, PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    home = tmp_path / "new" / "prefect"
    monkeypatch.setenv("PREFECT_HOME", str(home))
    before = os.umask(0)
    try:
        refuse_unwritable_home()
        (home / "storage").mkdir()  # as Prefect does
    finally:
        os.umask(before)
    with temporary_settings({PREFECT_HOME: home, PREFECT_LOCAL_STORAGE_PATH: home / "storage"}):
        refuse_open_storage()
        home.chmod(0o755)
        with pytest.raises(BadInputError, match=r"storage: .*writable by others"):
            refuse_open_storage()
