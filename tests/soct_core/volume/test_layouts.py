"""What is no image of NGFF 0.4 or 0.5 is told by its name, and images behind one another are told apart."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from handmade_ngff import DATA, attributes, axis, made_by_hand, multiscale

from schemas.image_choice import ImageChoice
from soct_core.errors import VolumeError
from soct_core.volume import open_volume
from soct_core.volume.metadata import read_image_metadata

LEVELS = [{"path": "0"}]
ANISOTROPIC = ["t", "c", "z", "y", "x"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"multiscales": [{"version": "0.1", "datasets": LEVELS}]}, "NGFF 0.1"),
        ({"multiscales": [{"version": "0.2", "datasets": LEVELS}]}, "NGFF 0.2"),
        ({"multiscales": [{"version": "0.3", "axes": ANISOTROPIC, "datasets": LEVELS}]}, "NGFF 0.3"),
        ({"multiscales": [{"datasets": LEVELS}]}, "no axes, as NGFF 0.1 and 0.2"),
        ({"multiscales": [{"axes": ANISOTROPIC, "datasets": LEVELS}]}, "as NGFF 0.3"),
        ({"ome": {"version": "0.6", "multiscales": [multiscale()]}}, "NGFF 0.6"),
        ({"ome": {"version": "0.6.dev3", "multiscales": [{"coordinateSystems": []}]}}, r"RFC-5"),
        ({"ome": {"version": 5, "multiscales": [multiscale()]}}, "NGFF 5"),
    ],
)
def test_other_versions_are_named_and_the_remedy_too(found: dict[str, Any], said: str) -> None:
    with pytest.raises(VolumeError, match=rf"^a: .*{said}.*wanted NGFF 0.4 or 0.5; write it anew"):
        read_image_metadata(found, "a", (1.0, 1.0, 1.0))


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.5.2", "0.5-dev1", None])
def test_the_version_may_be_fine_or_unsaid(version: str | None) -> None:
    image = multiscale() | ({} if version is None else {"version": version})
    assert read_image_metadata({"multiscales": [image]}, "a").axes == ("z", "y", "x")


@pytest.mark.parametrize("kind", ["plate", "well"])
def test_plates_are_no_images(tmp_path: Path, kind: str) -> None:
    zarr.create_group(tmp_path / "slice_z00.ome.zarr").attrs["ome"] = {"version": "0.5", kind: {}}
    with pytest.raises(
        VolumeError, match=rf"slice_z00\.ome\.zarr: is a {kind} \(HCS layout\), wanted one image"
    ):
        open_volume(tmp_path / "slice_z00.ome.zarr")


@pytest.mark.parametrize("name", ["slice_z00.ome.zarr.zip", "slice_z00.ozx", "slice_z00.ome.zarr"])
def test_a_zipped_image_is_called_zipped(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as file:
        file.writestr("zarr.json", "{}")
    with pytest.raises(VolumeError, match=r"is a zipped OME-Zarr, wanted a directory; unzip it: python -m"):
        open_volume(tmp_path / name)


def test_a_link_to_nothing_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "slice_z00.ome.zarr").symlink_to(tmp_path / "gone")
    with pytest.raises(VolumeError, match=r"slice_z00\.ome\.zarr: is a link to nothing"):
        open_volume(tmp_path / "slice_z00.ome.zarr")


def collection(folder: Path, images: int, version: str = "0.4") -> Path:
    """Images in the bioformats2raw layout; image k holds DATA + k."""
    store = folder / "collection.ome.zarr"
    group = zarr.create_group(store, zarr_format=2 if version == "0.4" else 3)
    layout = {"bioformats2raw.layout": 3}
    group.attrs.update(layout if version == "0.4" else {"ome": {"version": version, **layout}})
    group.create_group("OME")
    for k in range(images):
        (folder / str(k)).mkdir()
        made_by_hand(folder / str(k), DATA + k, version=version).rename(store / str(k))
    return store


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_only_image_of_a_collection_is_opened(tmp_path: Path, version: str) -> None:
    volume = open_volume(collection(tmp_path, 1, version))
    np.testing.assert_array_equal(volume[...], DATA)
    assert (volume.voxel_size_um, volume.lost_chunks()) == ((10.0, 2.5, 2.5), [])


def test_of_several_images_of_a_collection_one_must_be_chosen(tmp_path: Path) -> None:
    store = collection(tmp_path, 3)
    with pytest.raises(VolumeError, match=r"bioformats2raw layout\), 0, 1, 2, wanted one; give --image N"):
        open_volume(store)
    np.testing.assert_array_equal(open_volume(store, choice=ImageChoice(image=2))[...], DATA + 2)
    with pytest.raises(VolumeError, match="0, 1, 2, but --image says 3"):
        open_volume(store, choice=ImageChoice(image=3))


def test_of_several_multiscales_the_first_is_read_and_said(tmp_path: Path) -> None:
    store = made_by_hand(tmp_path, image=multiscale(name="raw"))
    group = zarr.open_group(store, mode="a")
    group.create_array("other", data=DATA + 1)
    group.attrs["multiscales"] = [*group.attrs["multiscales"], multiscale(path="other", name="filtered")]
    volume = open_volume(store)
    np.testing.assert_array_equal(volume[...], DATA)
    assert volume.remarks == ("hold 2 images (raw, filtered); the first is read, --image N picks another",)
    np.testing.assert_array_equal(open_volume(store, choice=ImageChoice(image=1))[...], DATA + 1)
    with pytest.raises(VolumeError, match="holds images 0 to 1, but --image says 2"):
        open_volume(store, choice=ImageChoice(image=2))


def test_the_second_image_of_one_is_not_the_first(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="holds one image, but --image says 1"):
        read_image_metadata(
            attributes("0.5", multiscale([*map(axis, "zyx")])), "a", None, ImageChoice(image=1)
        )
