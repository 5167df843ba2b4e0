"""The door to the product's own state: nothing is followed, emptied or waited for that is not its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from soct_core.errors import ForeignFileError
from soct_core.storage.own_files import open_own, publish_own, read_own, refuse_foreign_within

NAME = ".soct/deep/record.json"
PRECIOUS = b"their only copy"


def link(place: Path, precious: Path) -> None:
    place.symlink_to(precious)


def dangling(place: Path, precious: Path) -> None:
    place.symlink_to(precious.with_name("not there yet"))


def second_name(place: Path, precious: Path) -> None:
    place.hardlink_to(precious)


def pipe(place: Path, _: Path) -> None:
    os.mkfifo(place)


def directory(place: Path, _: Path) -> None:
    place.mkdir()


def unix_socket(place: Path, _: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        folder = os.open(place.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{folder}/{place.name}")
        os.close(folder)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "theirs"
    path.write_bytes(PRECIOUS)
    return path


@pytest.mark.parametrize("flags", [os.O_RDWR | os.O_CREAT, os.O_WRONLY])
@pytest.mark.parametrize("put", [link, dangling, second_name, pipe, directory, unix_socket])
def test_what_is_not_its_own_is_not_written_to(
    tmp_path: Path, precious: Path, put: Callable[[Path, Path], None], flags: int
) -> None:
    place = tmp_path / "out" / NAME
    place.parent.mkdir(parents=True)
    put(place, precious)
    with pytest.raises(ForeignFileError, match=r"record\.json: is (a|taken)"):
        open_own(tmp_path / "out", NAME, flags)
    assert precious.read_bytes() == PRECIOUS
    assert not precious.with_name("not there yet").exists()


@pytest.mark.parametrize("put", [link, pipe, directory, unix_socket])
def test_what_is_not_its_own_is_not_read(
    tmp_path: Path, precious: Path, put: Callable[[Path, Path], None]
) -> None:
    place = tmp_path / "out" / NAME
    place.parent.mkdir(parents=True)
    put(place, precious)
    with pytest.raises(ForeignFileError, match=r"record\.json: is "):
        read_own(tmp_path / "out", NAME, 100)


@pytest.mark.parametrize("linked", [".soct", ".soct/deep"])
def test_no_folder_on_the_way_is_followed(tmp_path: Path, linked: str) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "deep").mkdir(parents=True)
    (theirs / "record.json").write_bytes(PRECIOUS)
    (theirs / "deep" / "record.json").write_bytes(PRECIOUS)
    place = tmp_path / "out" / linked
    place.parent.mkdir(parents=True)
    place.symlink_to(theirs)
    for act in (
        lambda: read_own(tmp_path / "out", NAME, 100),
        lambda: publish_own(tmp_path / "out", NAME, "ours"),
        lambda: open_own(tmp_path / "out", NAME, os.O_RDWR | os.O_CREAT),
        lambda: refuse_foreign_within(tmp_path / "out"),
    ):
        with pytest.raises(ForeignFileError, match=f"{linked}: is a link, wanted a directory"):
            act()
    assert {p.read_bytes() for p in theirs.rglob("*.json")} == {PRECIOUS}


def test_its_own_comes_back_through_a_link_above_the_output(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    publish_own(tmp_path / "out", NAME, "ours")
    assert read_own(tmp_path / "out", NAME, 4) == b"ours"
    with pytest.raises(OSError, match="larger than 3 bytes"):
        read_own(tmp_path / "out", NAME, 3)
    refuse_foreign_within(tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["stack", "stack/3d_volume.ome.zarr", "register_pairwise/slice_z00_z01", ".soct/lock"]
)
def test_an_output_with_a_place_taken_is_refused_before_it_is_used(tmp_path: Path, name: str) -> None:
    place = tmp_path / "out" / name
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path)
    with pytest.raises(ForeignFileError, match=f"{name}: is a link"):
        refuse_foreign_within(tmp_path / "out")


def test_an_absent_or_usual_output_is_fine(tmp_path: Path) -> None:
    refuse_foreign_within(tmp_path / "out")
    publish_own(tmp_path / "out", NAME, "ours")
    (tmp_path / "out" / "stack").mkdir()
    (tmp_path / "out" / "notes").symlink_to(tmp_path)
    refuse_foreign_within(tmp_path / "out")
