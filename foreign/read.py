"""Read a run by every reader of this environment: `python foreign/read.py FOLDER`, made by foreign/made.py.

Each is used as its own documentation has it. Runs in an environment of its own, without this project. Prints
a table, reader by result. Exit code 1 if a reader finds what is wrong and not known to be its own doing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

OF_THEIRS = {
    (
        "napari-ome-zarr",
        "translation",
    ): "not the translation: it takes the first transformation of a level alone",
    ("iohub", "labels"): "not opened: it wants `omero` of an image without channels",
}
"""What a reader gets wrong of any file, by reader and fact, or by reader and image."""


@dataclass
class Seen:
    """What a reader found; None where it says nothing of a fact."""

    voxels: Any
    scale: Sequence[float] | None = None
    translation: Sequence[float] | None = None
    window: Sequence[float] | None = None
    colours: dict[int, Sequence[float]] | None = field(default=None)
    """RGBA from 0 to 255, by label."""


Reader = Callable[[Path, str], Seen]
READERS: dict[str, Reader] = {}


def reader(package: str) -> Callable[[Reader], Reader]:
    """Note a reader under the name of its package."""

    def note(function: Reader) -> Reader:
        READERS[package] = function
        return function

    return note


@reader("zarr")
def _(path: Path, what: str) -> Seen:
    import zarr

    image: Any = zarr.open(str(path / "0"), mode="r")
    return Seen(image[...])


@reader("ome-zarr")
def _(path: Path, what: str) -> Seen:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader as Nodes

    (node, *_) = (n for n in Nodes(parse_url(path, mode="r"))() if n.zarr.basename() == path.name)
    scale, translation = (step[step["type"]] for step in node.metadata["coordinateTransformations"][0])
    window = node.metadata.get("contrast_limits")
    colours = {k: np.multiply(v, 255) for k, v in node.metadata.get("color", {}).items()}
    return Seen(node.data[0].compute(), scale, translation, window and window[0], colours or None)


@reader("ngff-zarr")
def _(path: Path, what: str) -> Seen:
    import ngff_zarr

    found = ngff_zarr.from_ngff_zarr(str(path))
    image, omero = found.images[0], found.metadata.omero
    window = omero.channels[0].window if omero else None
    scale, translation = ([of[axis] for axis in "zyx"] for of in (image.scale, image.translation))
    return Seen(np.asarray(image.data), scale, translation, window and (window.start, window.end))


@reader("bioio-ome-zarr")
def _(path: Path, what: str) -> Seen:
    from bioio_ome_zarr import Reader as Image

    image = Image(str(path))
    size = image.physical_pixel_sizes
    return Seen(np.squeeze(image.get_image_data("TCZYX")), (size.Z, size.Y, size.X))


@reader("ngio")
def _(path: Path, what: str) -> Seen:
    import ngio

    if what == "labels":
        container = ngio.open_ome_zarr_container(path.parents[1], mode="r")
        image: Any = container.get_label("provenance", path="0")
    else:
        image = ngio.open_ome_zarr_container(path, mode="r").get_image(path="0")
    size, channels = image.pixel_size, getattr(image.meta, "channels_meta", None)
    shown = channels.channels[0].channel_visualisation if channels and what != "labels" else None
    window = None if shown is None else (shown.start, shown.end)
    return Seen(np.asarray(image.get_as_numpy()), (size.z, size.y, size.x), image.dataset.translation, window)


@reader("tensorstore")
def _(path: Path, what: str) -> Seen:
    import tensorstore

    driver = "zarr3" if (path / "zarr.json").exists() else "zarr"
    store = {"driver": "file", "path": str(path / "0")}
    return Seen(np.asarray(tensorstore.open({"driver": driver, "kvstore": store}).result().read().result()))


@reader("iohub")
def _(path: Path, what: str) -> Seen:
    from iohub.ngff import open_ome_zarr

    with open_ome_zarr(path, layout="fov", mode="r") as image:
        window = image.metadata.omero.channels[0].window
        scale, translation = image.get_effective_scale("0"), image.get_effective_translation("0")
        return Seen(image["0"].numpy(), scale, translation, (window["start"], window["end"]))


@reader("napari-ome-zarr")
def _(path: Path, what: str) -> Seen:
    from napari_ome_zarr import napari_get_reader

    place = path.parents[1] if what == "labels" else path
    layers = napari_get_reader(str(place))(str(place))
    (levels, said, *_) = next(layer for layer in layers if (layer[2] == "labels") == (what == "labels"))
    colours = (
        {k: np.multiply(v, 255) for k, v in said.get("colormap", {}).items()} if what == "labels" else None
    )
    data = levels[0] if isinstance(levels, list) else levels
    return Seen(
        np.asarray(data), said["scale"], said["affine"].translate, said.get("contrast_limits"), colours
    )


def main() -> int:
    """Exit code 0 if all readers that are installed find what is there, but for what is their own doing."""
    p = argparse.ArgumentParser(description="Read a run by every reader of this environment.")
    p.add_argument("folder", type=Path)
    folder = p.parse_args().folder
    warnings.simplefilter("ignore")
    logging.disable()
    wrong = 0
    print("| reader | NGFF | interpolated slice | volume | labels |\n| --- | --- | --- | --- | --- |")
    for package, function in READERS.items():
        try:
            seen = version(package)
        except PackageNotFoundError:
            continue
        for number in ("0.4", "0.5"):
            if number == "0.5" and int(version("zarr")[0]) < 3 and package != "tensorstore":
                continue
            cells = [
                _result(package, function, folder / number, what) for what in ("slice", "stack", "labels")
            ]
            wrong += sum(cell.startswith("wrong") for cell in cells)
            print(f"| {package} {seen} | {number} | {' | '.join(cells)} |", flush=True)
    return 1 if wrong else 0


def _result(package: str, function: Reader, acquisition: Path, what: str) -> str:
    said = json.loads((acquisition / f"{what}.json").read_text())
    try:
        # Some print what they open.
        with contextlib.redirect_stdout(io.StringIO()):
            seen = function(acquisition / said["path"], what)
    except Exception as error:
        if (package, what) in OF_THEIRS:
            return OF_THEIRS[package, what]
        return f"wrong: {type(error).__name__}: {str(error)[:150]}".replace("\n", " ")
    facts = {"voxels": _same_voxels(seen.voxels, np.load(acquisition / f"{what}.npy"))}
    for name in ("scale", "translation", "window"):
        found, wanted = getattr(seen, name), said[name]
        if found is not None and wanted is not None:
            facts[name] = np.allclose(np.asarray(found, float)[-len(wanted) :], wanted)
    if seen.colours is not None:
        wanted = {int(value): rgba for value, rgba in said["colours"].items()}
        facts["colours"] = all(
            np.allclose(seen.colours[value], rgba, atol=1) for value, rgba in wanted.items()
        )
    good = ", ".join(name for name, right in facts.items() if right)
    bad = [name for name, right in facts.items() if not right]
    theirs = [OF_THEIRS[package, name] for name in bad if (package, name) in OF_THEIRS]
    ours = [name for name in bad if (package, name) not in OF_THEIRS]
    text = good if not theirs else f"{good}; {'; '.join(theirs)}"
    return f"wrong: {', '.join(ours)}; {text}" if ours else text


def _same_voxels(found: Any, wanted: Any) -> bool:
    values = np.squeeze(np.asarray(found))
    return values.shape == wanted.shape and values.dtype == wanted.dtype and bool((values == wanted).all())


if __name__ == "__main__":
    sys.exit(main())
