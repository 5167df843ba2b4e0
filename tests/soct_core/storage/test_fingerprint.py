"""Fingerprints follow content and names alone, and tell when what they were taken of has changed."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import pytest
from text_store import store

from soct_core.errors import BadInputError, ReadError
from soct_core.storage import fingerprint as module
from soct_core.storage import fingerprint_memo
from soct_core.storage.fingerprint import fingerprint, first_changed, snapshot_inputs


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


def test_what_never_ends_is_not_hashed(tmp_path: Path) -> None:
    folder = tmp_path / "slice"
    folder.mkdir()
    (folder / "again").symlink_to(folder)
    (folder / "once_more").symlink_to(folder)
    with pytest.raises(BadInputError, match="link to a directory that holds it"):
        fingerprint(folder)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInputError, match="pipe or device"):
        fingerprint(tmp_path / "pipe")


def test_a_file_that_the_host_fails_to_read_is_not_said_to_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> dict[str, str]:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    monkeypatch.setattr(module, "files_of", failing)
    with pytest.raises(ReadError, match=r"plan\.json: cannot be read: Too many open files"):
        module.first_changed({tmp_path / "plan.json": ("", "")})
