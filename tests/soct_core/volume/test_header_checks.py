"""Headers that claim too much, name what must not run, or point elsewhere, are refused at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import pytest
from small_image import image

from soct_core.errors import VolumeError
from soct_core.volume import open_volume

Change = Callable[[dict[str, Any]], object]


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
