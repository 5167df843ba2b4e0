"""Headers that claim too much, name what must not run, or point elsewhere, are refused at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest

from soct_core.errors import BadInputError, VolumeError
from soct_core.simulation.simulate import open_reference
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

Change = Callable[[dict[str, Any]], object]


def image(folder: Path, version: Any = "0.5") -> Path:
    path = folder / "slice_z01.ome.zarr"
    write_image(path, np.arange(120, dtype=np.uint16).reshape(4, 6, 5), (10.0, 5.0, 5.0), version)
    return path


def edit(path: Path, change: Change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def put(key: str, value: object) -> Change:
    return lambda header: header.update({key: value})


def grid(*shape: int) -> Change:
    return lambda header: header["chunk_grid"]["configuration"].update(chunk_shape=list(shape))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("shape", [10_000, 10_000, 10_000]), "claims 1000000000000 voxels"),
        (put("shape", [2**24, 2**24, 2**24]), "voxels"),
        (put("shape", [1, 2**20, 2**12]), "pixels a plane"),
        (grid(2**11, 2**11, 2**11), "bytes a chunk"),
        (lambda h: (h.update(shape=[1, 2**14, 2**14]), grid(1, 1, 1)(h)), "chunks a plane"),
        (lambda h: (h.update(shape=[2**24, 1, 1]), grid(1, 1, 1)(h)), "claims 16777216 chunks"),
        (grid(0, 6, 5), "chunks (0, 6, 5), wanted 1 to"),
        (grid(-4, 6, 5), "chunks (-4, 6, 5), wanted 1 to"),
        (put("shape", [4.0, 6, 5]), "shape (4.0, 6, 5)"),
        (put("data_type", "string"), "dtype string"),
        (put("data_type", "float8"), "dtype float8"),
        (lambda h: h["codecs"].append({"name": "numcodecs.pickle"}), "codec 'numcodecs.pickle'"),
        (put("codecs", [{"name": "vlen-utf8"}]), "codec 'vlen-utf8'"),
        (put("chunk_grid", {"name": "rectilinear"}), "wanted a regular one"),
    ],
)
def test_v3_claims_are_refused(tmp_path: Path, change: Change, said: str) -> None:
    path = image(tmp_path)
    edit(path / "0" / "zarr.json", change)
    with pytest.raises(VolumeError) as error:
        open_volume(path)
    assert said in str(error.value)
    assert "slice_z01.ome.zarr" in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("shape", [10_000, 10_000, 10_000]), "claims 1000000000000 voxels"),
        (put("dtype", "|O"), "dtype |O"),
        (put("dtype", [["a", "<u2"]]), "dtype"),
        (put("compressor", {"id": "pickle"}), "codec 'pickle'"),
        (put("filters", [{"id": "pickle", "protocol": 5}]), "codec 'pickle'"),
        (put("filters", [{"id": "vlen-array"}]), "codec 'vlen-array'"),
        (put("filters", "pickle"), "filters"),
    ],
)
def test_v2_claims_are_refused_before_a_codec_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, said: str
) -> None:
    path = image(tmp_path, "0.4")
    edit(path / "0" / ".zarray", change)
    monkeypatch.setattr(numcodecs.Pickle, "__init__", lambda *_, **__: pytest.fail("was made"))
    with pytest.raises(VolumeError) as error:
        open_volume(path)
    assert said in str(error.value)


@pytest.mark.parametrize("level", ["../..", "..", "/etc", "", ".", "0/../../x", "out", "out/in", "0\n"])
def test_a_level_outside_of_the_image_is_refused(tmp_path: Path, level: str) -> None:
    path = image(tmp_path)
    image(tmp_path / "elsewhere").rename(tmp_path / "elsewhere" / "in")
    (path / "out").symlink_to(tmp_path / "elsewhere")
    edit(
        path / "zarr.json",
        lambda h: h["attributes"]["ome"]["multiscales"][0]["datasets"][0].update(path=level),
    )
    with pytest.raises(VolumeError, match="slice_z01"):
        open_volume(path)


def test_every_cut_of_a_chunk_is_refused_and_none_ends_the_process(tmp_path: Path) -> None:
    """In a process of its own: unchecked, Blosc would take this one down."""
    code = """
import sys
from pathlib import Path
from soct_core.errors import BadInputError
from soct_core.volume import open_volume
for image in sys.argv[1:]:
    chunk = max((p for p in Path(image, "0").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    whole = chunk.read_bytes()
    for cut in range(len(whole)):
        chunk.write_bytes(whole[:cut])
        try:
            open_volume(image)[0]
        except BadInputError:
            continue
        raise SystemExit(f"{image}: {cut} bytes were read")
    chunk.write_bytes(whole)
    open_volume(image)[0]
"""
    images = [str(image(tmp_path / version, version)) for version in ("0.4", "0.5")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code, *images], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


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


def test_an_npz_may_not_claim_more_than_it_holds_nor_be_a_pickle(tmp_path: Path) -> None:
    size = np.array([10.0, 5.0, 5.0])
    np.savez(tmp_path / "p.npz", volume=np.array([[[print]]], dtype=object), voxel_size_um=size)
    with pytest.raises(BadInputError, match=r"volume\.npy claims to be object"):
        open_reference(tmp_path / "p.npz")
    np.savez(tmp_path / "v.npz", volume=np.zeros((2, 3, 4), np.uint8), voxel_size_um=size)
    assert open_reference(tmp_path / "v.npz")[0].shape == (2, 3, 4)
    content = (tmp_path / "v.npz").read_bytes()
    (tmp_path / "v.npz").write_bytes(content.replace(b"(2, 3, 4)", b"(9, 9, 9)"))
    with pytest.raises(BadInputError, match=r"v\.npz"):
        open_reference(tmp_path / "v.npz")
