"""Publication is all or nothing, and fingerprints follow content alone."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from soct_core.errors import OutputError
from soct_core.storage import fingerprint as module
from soct_core.storage import fingerprint_memo
from soct_core.storage.atomic import publish_bytes, publish_text, published, remove
from soct_core.storage.fingerprint import fingerprint, first_changed, snapshot_inputs


def store(folder: Path, files: dict[str, str]) -> Path:
    """A directory that holds the files, by relative name."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


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


def test_a_fingerprint_of_a_file_is_its_content_not_its_name_or_time(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("same")
    shutil.copy(one, two)
    os.utime(two, (1, 1))
    assert fingerprint(one) == fingerprint(two)
    two.write_text("Same")
    assert fingerprint(one) != fingerprint(two)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"zarr.json": "{}", "0/c/0": "chunk!", "0/c/1": "empty"}, id="content"),
        pytest.param({"zarr.json": "{}", "0/c/0": "chunk", "0/c/2": "empty"}, id="name"),
        pytest.param({"zarr.json": "{}", "0/c/0": "chunk"}, id="missing"),
        pytest.param({"zarr.json": "{}", "0/c/0": "chunk", "0/c/1": "empty", "0/c/2": ""}, id="added"),
        pytest.param({"zarr.json": "{}", "0/c/0": "empty", "0/c/1": "chunk"}, id="swapped"),
        pytest.param({"zarr.json": "{}", "0/c/0": "chunke", "0/c/1": "mpty"}, id="bytes over the border"),
    ],
)
def test_a_fingerprint_of_a_store_changes_with_content_and_with_names(
    tmp_path: Path, other: dict[str, str]
) -> None:
    before = store(tmp_path / "a", {"zarr.json": "{}", "0/c/0": "chunk", "0/c/1": "empty"})
    assert fingerprint(before) != fingerprint(store(tmp_path / "b", other))


def test_a_change_within_the_process_is_seen_at_once(tmp_path: Path) -> None:
    path = store(tmp_path / "a", {"0/c/0": "chunk"})
    seen = {fingerprint(path)}
    for content in ("chunK", "chunk2", ""):
        store(path, {"0/c/0": content})
        seen.add(fingerprint(path))
    assert len(seen) == 4


def test_unchanged_content_has_the_same_fingerprint_when_files_are_written_again(tmp_path: Path) -> None:
    files = {"zarr.json": "{}", "0/c/0": "chunk"}
    path = store(tmp_path / "a", files)
    first = fingerprint(path)
    shutil.rmtree(path)
    # The other order gives other inodes and other times.
    store(path, dict(reversed(files.items())))
    os.utime(path / "zarr.json", (10, 10))
    assert fingerprint(path) == first
    assert fingerprint(store(tmp_path / "elsewhere", files)) == first


def test_nothing_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fingerprint(tmp_path / "absent")


def test_a_change_within_one_tick_of_the_clock_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"1234")
    now = file.stat().st_mtime_ns
    inode = file.stat().st_ino
    # A file system whose clock does not tick meanwhile: nothing but the content tells the two apart.
    monkeypatch.setattr(fingerprint_memo, "stat_of", lambda path: (4, now, now, inode))
    monkeypatch.setattr(module, "stat_of", fingerprint_memo.stat_of)
    first = fingerprint(file)
    with snapshot_inputs() as witness:
        fingerprint(file)
    file.write_bytes(b"5678")
    assert fingerprint(file) != first
    assert first_changed(witness) == file


def test_a_settled_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"1234")
    later = time.time_ns() + 10**10
    monkeypatch.setattr(time, "time_ns", lambda: later)
    found = fingerprint(file)
    with snapshot_inputs() as witness:
        fingerprint(file)
    reads: list[str] = []
    real = fingerprint_memo._read
    monkeypatch.setattr(fingerprint_memo, "_read", lambda path: (reads.append(path), real(path))[1])
    assert fingerprint(file) == found
    assert first_changed(witness) is None
    assert reads == []


@pytest.mark.parametrize("settled", [True, False])
def test_what_was_witnessed_is_told_from_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: bool
) -> None:
    slices = [store(tmp_path / name, {"0/c": "voxels", "zarr.json": "{}"}) for name in "ab"]
    if settled:
        later = time.time_ns() + 10**10
        monkeypatch.setattr(time, "time_ns", lambda: later)
    with snapshot_inputs() as witness:
        for path in slices:
            fingerprint(path)
    fingerprint(store(tmp_path / "unseen", {"x": "y"}))
    assert first_changed(witness) is None
    # Touched, but the same: no change.
    os.utime(slices[0] / "0" / "c", ns=(0, 0))
    assert first_changed(witness) is None
    before = (slices[1] / "0" / "c").stat()
    (slices[1] / "0" / "c").write_text("Voxels")
    os.utime(slices[1] / "0" / "c", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert first_changed(witness) == slices[1]
    (slices[1] / "0" / "c").write_text("voxels")
    assert first_changed(witness) is None
    shutil.rmtree(slices[0])
    assert first_changed(witness) == slices[0]
