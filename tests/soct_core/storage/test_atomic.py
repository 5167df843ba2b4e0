"""Publication is all or nothing: a whole file or directory, or what was there before."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from text_store import store

from soct_core.errors import OutputError
from soct_core.storage.atomic import publish_bytes, publish_text, published, remove, sync_directory


def contents(folder: Path) -> dict[str, str]:
    """Every file below a directory, hidden ones too."""
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_file_appears_whole_and_makes_its_directory(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "er" / "a.txt"
    with published(final) as partial:
        partial.write_text("whole")
        assert partial.parent == final.parent
        assert not final.exists()
    assert contents(tmp_path) == {"deep/er/a.txt": "whole"}


def test_a_directory_replaces_an_older_one_completely(tmp_path: Path) -> None:
    final = store(tmp_path / "a.zarr", {"0/c/0": "old", "extra": "old"})
    with published(final) as partial:
        store(partial, {"0/c/0": "new"})
        assert contents(final) == {"0/c/0": "old", "extra": "old"}
    assert contents(tmp_path) == {"a.zarr/0/c/0": "new"}


def test_a_directory_replaces_another_where_the_kernel_cannot_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soct_core.storage.atomic.ctypes.CDLL", lambda *_, **__: object())
    final = store(tmp_path / "a.zarr", {"old": "old"})
    with published(final) as partial:
        store(partial, {"new": "new"})
    assert contents(tmp_path) == {"a.zarr/new": "new"}


def test_a_file_replaces_another(tmp_path: Path) -> None:
    publish_text(tmp_path / "a.csv", "old and longer\n")
    publish_text(tmp_path / "a.csv", "é\r\n")
    publish_bytes(tmp_path / "b.png", b"\x00\xff")
    assert (tmp_path / "a.csv").read_bytes() == "é\r\n".encode()
    assert (tmp_path / "b.png").read_bytes() == b"\x00\xff"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OutputError])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, error: type[BaseException]
) -> None:
    final = tmp_path / "a.csv"
    publish_text(final, "old")
    with pytest.raises(error, match="on the way"), published(final) as partial:
        partial.write_text("half of the n")
        raise error("on the way")
    assert contents(tmp_path) == {"a.csv": "old"}


def test_an_error_leaves_the_old_directory_and_nothing_beside_it(tmp_path: Path) -> None:
    final = store(tmp_path / "a.zarr", {"0/c": "old"})
    with pytest.raises(ZeroDivisionError), published(final) as partial:
        store(partial, {"0/c": "new"})
        raise ZeroDivisionError
    assert contents(tmp_path) == {"a.zarr/0/c": "old"}


def test_an_error_of_the_disk_becomes_an_output_error_with_the_final_name(tmp_path: Path) -> None:
    final = tmp_path / "a.csv"
    with pytest.raises(OutputError, match=r"a\.csv: cannot be written: disk is full"), published(final):
        raise OSError(28, "disk is full")


def test_making_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError), published(tmp_path / "a.csv"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        publish_text(tmp_path / "taken" / "a.csv", "text")


def test_remove_takes_what_is_there_and_never_what_a_link_points_at(tmp_path: Path) -> None:
    target = store(tmp_path / "target", {"kept": "kept"})
    link = tmp_path / "link"
    link.symlink_to(target, target_is_directory=True)
    for path in (link, tmp_path / "absent", store(tmp_path / "folder", {"a/b": "gone"})):
        remove(path)
    assert contents(tmp_path) == {"target/kept": "kept"}
    assert not link.is_symlink()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Device and inode of everything that is synced, in order."""
    seen, real = [], os.fsync

    def fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        seen.append((found.st_dev, found.st_ino))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_every_file_and_every_directory_that_got_a_name_is_synced(
    tmp_path: Path, synced: list[tuple[int, int]]
) -> None:
    final = tmp_path / "new" / "er" / "a.zarr"
    with published(final) as partial:
        store(partial, {"0/c/0": "chunk", "zarr.json": "{}"})
    wanted = [final, *final.rglob("*"), final.parent, final.parent.parent, tmp_path]
    assert {(path.stat().st_dev, path.stat().st_ino) for path in wanted} == set(synced)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_sync_directories_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "fsync", refusing_directories(code))
    publish_text(tmp_path / "new" / "a.csv", "text")
    assert contents(tmp_path) == {"new/a.csv": "text"}
    assert not sync_directory(tmp_path)


def test_a_disk_that_fails_to_sync_a_directory_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refusing_directories(errno.EIO))
    with pytest.raises(OutputError, match="Input/output error"):
        publish_text(tmp_path / "a.csv", "text")


def refusing_directories(code: int):
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    return fsync


def test_two_renames_of_which_the_second_fails_leave_the_old_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soct_core.storage.atomic.ctypes.CDLL", lambda *_, **__: object())
    final, real = store(tmp_path / "a.zarr", {"old": "old"}), Path.rename

    def rename(path: Path, target: Path) -> Path:
        if target == final and "-old" not in path.name:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OutputError, match="busy"), published(final) as partial:
        store(partial, {"new": "new"})
    assert contents(tmp_path) == {"a.zarr/old": "old"}


@pytest.mark.parametrize("there", [True, False])
def test_a_directory_never_goes_where_a_link_leads(tmp_path: Path, there: bool) -> None:
    theirs = tmp_path / "theirs"
    if there:
        store(theirs, {"kept": "kept"})
    final = tmp_path / "out" / "a.zarr"
    final.parent.mkdir()
    final.symlink_to(theirs)
    with pytest.raises(OutputError, match=r"a\.zarr: is a link, wanted"), published(final) as partial:
        store(partial, {"new": "new"})
    assert final.is_symlink()
    assert contents(tmp_path) == ({"theirs/kept": "kept"} if there else {})
