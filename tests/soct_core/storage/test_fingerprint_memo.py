"""The memo spares reading, and is never believed where a change could hide from it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from soct_core.file_names import FINGERPRINTS_FOLDER, STATE_FOLDER
from soct_core.storage import fingerprint_memo
from soct_core.storage.file_tree import files_of
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.fingerprint_memo import FingerprintMemo, memo, remembering

HOUR_NS = 3600 * 10**9


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "slice.ome.zarr"
    (folder / "0" / "c").mkdir(parents=True)
    (folder / "zarr.json").write_text("{}")
    for name in "ab":
        (folder / "0" / "c" / name).write_text(f"chunk {name}")
    return folder


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read, as they are."""
    names: list[str] = []
    real = fingerprint_memo._read

    def noted(path: str) -> object:
        names.append(Path(path).name)
        return real(path)

    monkeypatch.setattr(fingerprint_memo, "_read", noted)
    return names


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let it be so many nanoseconds later than it is."""
    real = time.time_ns

    def pass_by(ns: int) -> None:
        monkeypatch.setattr("soct_core.storage.fingerprint_memo.time.time_ns", lambda: real() + ns)

    return pass_by


def taken(store: Path, output: Path, *, believe: bool = True) -> str:
    """The fingerprint, as a new process would take it."""
    with remembering(output, believe=believe):
        return fingerprint(store)


def test_an_unchanged_store_is_not_read_again_by_the_next_process(
    tmp_path: Path, store: Path, read: list[str], later: Callable[[int], None]
) -> None:
    later(HOUR_NS)
    first = taken(store, tmp_path)
    assert sorted(read) == ["a", "b", "zarr.json"]
    read.clear()
    assert taken(store, tmp_path) == first
    assert read == []
    assert taken(store, tmp_path / "another output") == first
    assert len(read) == 3


@pytest.mark.parametrize("keep_times", [False, True], ids=["new times", "times set back"])
def test_only_what_changed_is_read_again(
    tmp_path: Path, store: Path, read: list[str], later: Callable[[int], None], keep_times: bool
) -> None:
    later(HOUR_NS)
    first = taken(store, tmp_path)
    chunk = store / "0" / "c" / "a"
    before = chunk.stat()
    time.sleep(0.02)  # beyond the tick of the clock that stamps files
    chunk.write_text("CHUNK a")
    if keep_times:
        os.utime(chunk, ns=(before.st_atime_ns, before.st_mtime_ns))
    read.clear()
    assert taken(store, tmp_path) != first
    assert read == ["a"]


@pytest.mark.parametrize("ahead_ns", [0, -HOUR_NS], ids=["just now", "by a clock that was ahead"])
def test_a_file_touched_as_it_is_hashed_is_not_remembered(
    tmp_path: Path, store: Path, read: list[str], later: Callable[[int], None], ahead_ns: int
) -> None:
    later(ahead_ns)
    first = taken(store, tmp_path)
    chunk = store / "0" / "c" / "a"
    stat = chunk.stat()
    chunk.write_text("CHUNK a")
    os.utime(chunk, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    read.clear()
    assert taken(store, tmp_path) != first
    assert len(read) == 3


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch, later: Callable[[int], None]
) -> None:
    later(HOUR_NS)
    real = fingerprint_memo.stat_of
    calls: dict[str, int] = {}

    def moving(path: str) -> object:
        calls[path] = calls.get(path, 0) + 1
        size, modified, changed, inode = real(path)
        return size, modified, changed + calls[path], inode

    monkeypatch.setattr(fingerprint_memo, "stat_of", moving)
    taken(store, tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / FINGERPRINTS_FOLDER).exists()


def test_fresh_believes_nothing_but_remembers(
    tmp_path: Path, store: Path, read: list[str], later: Callable[[int], None]
) -> None:
    later(HOUR_NS)
    first = taken(store, tmp_path)
    read.clear()
    assert taken(store, tmp_path, believe=False) == first
    assert len(read) == 3
    read.clear()
    taken(store, tmp_path)
    assert read == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95.",
        b"[]",
        b'{"store": "/elsewhere", "files": {}}',
        b'{"store": 3, "files": {"0/c/a": {"stat": [1, 2, 3], "content": ""}}}',
    ],
)
def test_a_broken_or_foreign_memo_is_not_believed(
    tmp_path: Path, store: Path, read: list[str], later: Callable[[int], None], content: bytes
) -> None:
    later(HOUR_NS)
    first = taken(store, tmp_path)
    (place,) = (tmp_path / FINGERPRINTS_FOLDER).iterdir()
    assert json.loads(place.read_bytes())["store"] == str(store)
    place.write_bytes(content)
    read.clear()
    assert taken(store, tmp_path) == first
    assert len(read) == 3


def test_the_memo_of_another_store_is_not_believed(
    tmp_path: Path, store: Path, read: list[str], later: Callable[[int], None]
) -> None:
    later(HOUR_NS)
    first = taken(store, tmp_path)
    (place,) = (tmp_path / FINGERPRINTS_FOLDER).iterdir()
    content = json.loads(place.read_bytes())
    for file in content["files"].values():
        file["content"] = "0" * 32
    place.write_text(json.dumps(content | {"store": "/elsewhere"}))
    read.clear()
    assert taken(store, tmp_path) == first
    assert len(read) == 3
    # As its own memo it would have been believed.
    place.write_text(json.dumps(content))
    assert taken(store, tmp_path) != first


@pytest.mark.parametrize(("modified", "changed", "settled"), [(0, 0, True), (1, 0, False), (0, 1, False)])
def test_a_file_is_settled_when_both_its_times_are_past(modified: int, changed: int, settled: bool) -> None:
    now = 10**18
    past = (now - HOUR_NS, now - 1)
    assert fingerprint_memo.is_settled((1, past[modified], past[changed], 1), now) is settled


def test_a_linked_file_stays_known_and_a_changed_one_does_not(
    tmp_path: Path, store: Path, read: list[str], later: Callable[[int], None]
) -> None:
    later(HOUR_NS)
    output = tmp_path / "output"
    with remembering(output):
        first = fingerprint(store)
        new = tmp_path / "new"
        shutil.copytree(store, new, copy_function=lambda a, b: Path(b).hardlink_to(a))
        shutil.rmtree(store)
        new.rename(store)
        (store / "zarr.json").unlink()
        (store / "zarr.json").write_text("[]")
        memo().inherit(store, files_of(store), [store])
        read.clear()
        assert fingerprint(store) != first
    assert read == ["zarr.json"]
    read.clear()
    taken(store, output)
    assert read == []


def test_renewal_forgives_no_new_content(tmp_path: Path, store: Path, later: Callable[[int], None]) -> None:
    later(HOUR_NS)
    with remembering(tmp_path):
        first = fingerprint(store)
        (store / "0" / "c" / "a").write_text("CHUNK a")
        os.utime(store / "0" / "c" / "a", ns=(1, 1))
        memo().inherit(store, files_of(store), [store])
        assert fingerprint(store) != first


def test_a_memo_without_a_folder_writes_nothing(tmp_path: Path, store: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    FingerprintMemo(None).hashes(store, files_of(store))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_memo_that_cannot_be_written_costs_nothing_but_time(
    tmp_path: Path, store: Path, later: Callable[[int], None]
) -> None:
    later(HOUR_NS)
    (tmp_path / STATE_FOLDER).write_text("in the way")
    assert taken(store, tmp_path) == fingerprint(store)
