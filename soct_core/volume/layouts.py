"""What else a store may be: other versions of NGFF [1]_, other layouts, images behind one another.

What is not an image of NGFF 0.4 or 0.5 is refused by its own name, with what helps.

References
----------
.. [1] Moore J, Allan C, Besson S, et al. (2021). OME-NGFF: a next-generation file format for expanding
   bioimaging data-access strategies. Nature Methods 18, 1496-1498. doi:10.1038/s41592-021-01326-w
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.image_choice import ImageChoice
from soct_core.errors import VolumeError
from soct_core.storage.safe_paths import is_within

_READABLE = re.compile(r"0\.[45]([.-].*)?", re.ASCII)
_WANTED = "wanted NGFF 0.4 or 0.5"
_CONVERT = "write it anew as 0.5, by ome-zarr or ngff-zarr"
_HEADERS = ("zarr.json", ".zgroup")
_SHOWN = 10
"""Images in a message. Chosen by hand."""


def refuse_no_directory(path: Path) -> None:
    """Refuse what is not a directory, saying what it is.

    Raises
    ------
    VolumeError
        If it is absent, a link to nothing, a zipped store or another file.
    """
    if path.is_dir():
        return
    if path.is_symlink() and not path.exists():
        raise VolumeError(f"{path}: is a link to nothing")
    if path.is_file() and (path.suffix.lower() in (".zip", ".ozx") or zipfile.is_zipfile(path)):
        raise VolumeError(
            f"{path}: is a zipped OME-Zarr, wanted a directory; unzip it: python -m zipfile -e "
            f"{path.name} {path.name.removesuffix('.zip').removesuffix('.ozx').removesuffix('.ome.zarr')}"
            ".ome.zarr"
        )
    raise VolumeError(f"{path}: no such OME-Zarr directory")


def image_folder(path: Path, ome: Mapping[str, Any], choice: ImageChoice) -> str:
    """Where in a store the image lies: empty for the store itself, a number in the bioformats2raw layout.

    Raises
    ------
    VolumeError
        If it is a plate, a well, or holds several images of which none was chosen.
    """
    for kind, where in (("plate", "ROW/COLUMN/FIELD"), ("well", "FIELD")):
        if kind in ome and "multiscales" not in ome:
            wanted = f"wanted one image, such as one of its fields, {path.name}/{where}"
            raise VolumeError(f"{path}: is a {kind} (HCS layout), {wanted}")
    if "bioformats2raw.layout" not in ome or "multiscales" in ome:
        return ""
    names = (p.name for p in path.iterdir() if p.name.isascii() and p.name.isdecimal() and _is_group(p))
    found = sorted((name for name in names if is_within(path, name)), key=int)
    layout = f"{path}: is a collection of images (bioformats2raw layout)"
    if not found:
        raise VolumeError(f"{layout} that holds none, wanted an image")
    seen = ", ".join(found[:_SHOWN]) + ", ..." * (len(found) > _SHOWN)
    if choice.image is None and len(found) > 1:
        raise VolumeError(f"{layout}, {seen}, wanted one; give --image N to read one of them")
    name = found[0] if choice.image is None else str(choice.image)
    if name not in found:
        raise VolumeError(f"{layout}, {seen}, but --image says {name}")
    return name


def _is_group(path: Path) -> bool:
    return any((path / name).exists() for name in _HEADERS)


def multiscale_of(
    ome: Mapping[str, Any], name: str, choice: ImageChoice
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The multiscale image that was chosen, the first by default, and what is to be said about it.

    Raises
    ------
    VolumeError
        If there is none, or it is of a version that is not read.
    """
    images = ome.get("multiscales")
    if not isinstance(images, list) or not images:
        held = ", ".join(sorted(str(key)[:40] for key in ome)[:_SHOWN]) or "nothing"
        raise VolumeError(f"{name}: holds no multiscale image (its metadata hold {held}), {_WANTED}")
    number, said = choice.image or 0, tuple[str, ...]()
    if len(images) > 1:
        names = [str(i.get("name", "?"))[:40] if isinstance(i, Mapping) else "?" for i in images[:_SHOWN]]
        if number >= len(images):
            last = len(images) - 1
            raise VolumeError(f"{name}: holds images 0 to {last}, but --image says {number}")
        if choice.image is None:
            said = (
                f"hold {len(images)} images ({', '.join(names)}); the first is read, --image N picks another",
            )
    elif number:
        raise VolumeError(f"{name}: holds one image, but --image says {number}")
    image = images[number]
    if not isinstance(image, Mapping):
        raise VolumeError(f"{name}: multiscales[{number}] is {str(image)[:80]!r}, wanted an object")
    refuse_other_versions(ome.get("version", image.get("version")), image, name)
    return image, said


def refuse_other_versions(version: object, image: Mapping[str, Any], name: str) -> None:
    """Refuse metadata of a version that is not read; where none is stated, as its form betrays it.

    Raises
    ------
    VolumeError
    """
    if "coordinateSystems" in image:
        said = "" if version is None else f"{str(version)[:20]} "
        raise VolumeError(
            f"{name}: is NGFF {said}with coordinate systems (RFC-5, 0.6), {_WANTED}; {_CONVERT}"
        )
    if version is not None and not (isinstance(version, str) and _READABLE.fullmatch(version)):
        raise VolumeError(f"{name}: is NGFF {str(version)[:20]}, {_WANTED}; {_CONVERT}")
    axes = image.get("axes")
    if axes is None:
        raise VolumeError(f"{name}: has no axes, as NGFF 0.1 and 0.2 have none, {_WANTED}; {_CONVERT}")
    if isinstance(axes, list) and axes and all(isinstance(axis, str) for axis in axes):
        raise VolumeError(f"{name}: names its axes by words alone, as NGFF 0.3 does, {_WANTED}; {_CONVERT}")
