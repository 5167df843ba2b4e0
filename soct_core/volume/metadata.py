"""NGFF [1]_ image metadata, versions 0.4 and 0.5: axes, units, scales, translations.

Everything read is checked; all lengths are in µm.

References
----------
.. [1] Moore J, Allan C, Besson S, et al. (2021). OME-NGFF: a next-generation file format for expanding
   bioimaging data-access strategies. Nature Methods 18, 1496-1498. doi:10.1038/s41592-021-01326-w
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from soct_core.arrays import Zyx
from soct_core.errors import VolumeError

NgffVersion = Literal["0.4", "0.5"]

MICROMETRES_PER_UNIT = {
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "meter": 1e6,
}
VOXEL_RANGE_UM = (1e-6, 1e7)
"""Voxel sizes that are believed, a picometre to ten metres. Chosen by hand, to refuse nonsense only."""
_WANTED_UNIT = " or ".join((", ".join(list(MICROMETRES_PER_UNIT)[:-1]), "meter"))


@dataclass(frozen=True)
class ImageMetadata:
    """Level 0 of a multiscale image."""

    path: str
    """Path of the level-0 array within the group."""
    axes: tuple[str, ...]
    voxel_size_um: Zyx
    translation_um: Zyx


def read_image_metadata(
    attributes: Mapping[str, Any], name: str, voxel_size_um: Zyx | None = None
) -> ImageMetadata:
    """Read the first multiscale image of a group's attributes.

    `voxel_size_um`, (z, y, x), overrides scales and units. `name` is used in messages.

    Raises
    ------
    VolumeError
        If there is no multiscale image, its axes are not (z, y, x) with leading singleton
        t and c, or a spatial axis has no known unit and no voxel size was given.
    """
    ome = attributes.get("ome", attributes)
    try:
        multiscale = ome["multiscales"][0]
        names, units = _axes(multiscale, name)
        dataset = multiscale["datasets"][0]
        path = dataset["path"]
        if not isinstance(path, str):
            raise VolumeError(f"{name}: datasets[0].path is {str(path)[:80]!r}, wanted text")
        scale, offset = _compose(
            [*dataset["coordinateTransformations"], *multiscale.get("coordinateTransformations", ())],
            len(names),
            name,
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise VolumeError(f"{name}: holds no readable multiscale image ({repr(error)[:120]})") from error
    space = [names.index(axis) for axis in "zyx"]
    if voxel_size_um is None:
        factors = [_unit_factor(names[i], units[i], name) for i in space]
        size = tuple(scale[i] * factor for i, factor in zip(space, factors, strict=True))
        origin = tuple(offset[i] * factor for i, factor in zip(space, factors, strict=True))
    else:
        size, origin = voxel_size_um, (0.0, 0.0, 0.0)
    low, high = VOXEL_RANGE_UM
    if not all(low <= s <= high for s in size):
        wanted = f"finite and positive, from {low:g} to {high:g}"
        raise VolumeError(f"{name}: voxel size {size} µm (z, y, x), wanted {wanted}")
    if not all(math.isfinite(o) for o in origin):
        raise VolumeError(f"{name}: translation {origin} µm (z, y, x), wanted finite")
    return ImageMetadata(path, names, (size[0], size[1], size[2]), (origin[0], origin[1], origin[2]))


def image_attributes(
    version: NgffVersion,
    name: str,
    levels: Sequence[tuple[str, Zyx, Zyx]],
    *,
    label: bool = False,
) -> dict[str, Any]:
    """Group attributes of an image; `levels` are (path, scale, translation), in µm.

    A label image also names itself as one, for viewers that list labels.
    """
    multiscale = {
        "name": name,
        "axes": [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"],
        "datasets": [
            {
                "path": path,
                "coordinateTransformations": [
                    {"type": "scale", "scale": list(scale)},
                    {"type": "translation", "translation": list(translation)},
                ],
            }
            for path, scale, translation in levels
        ],
        "type": "local mean" if not label else "local least trusted",
    }
    content: dict[str, Any] = {"multiscales": [multiscale]}
    if label:
        content["image-label"] = {"source": {"image": "../../"}}
    return versioned(version, content)


def versioned(version: NgffVersion, content: dict[str, Any]) -> dict[str, Any]:
    """Wrap metadata where the version wants it: under `ome` in 0.5, inside each item in 0.4."""
    if version == "0.5":
        return {"ome": {"version": version, **content}}
    for item in (*content.get("multiscales", ()), *filter(None, [content.get("image-label")])):
        item["version"] = version
    return content


def _axes(multiscale: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], list[str | None]]:
    axes = multiscale["axes"]
    names = tuple(str(axis["name"]) for axis in axes)
    if names not in {("z", "y", "x"), ("c", "z", "y", "x"), ("t", "z", "y", "x"), ("t", "c", "z", "y", "x")}:
        raise VolumeError(f"{name}: axes {','.join(names)[:80]}, wanted z,y,x (behind singleton t, c)")
    return names, [axis.get("unit") for axis in axes]


def _unit_factor(axis: str, unit: str | None, name: str) -> float:
    if unit is None:
        raise VolumeError(
            f"{name}: axis {axis} has no unit, wanted {_WANTED_UNIT}; "
            "give --voxel-size-um Z Y X if you know the voxel size"
        )
    if not isinstance(unit, str) or unit not in MICROMETRES_PER_UNIT:
        raise VolumeError(f"{name}: axis {axis} has unit {str(unit)[:80]!r}, wanted {_WANTED_UNIT}")
    return MICROMETRES_PER_UNIT[unit]


def _compose(
    transformations: Sequence[Mapping[str, Any]], ndim: int, name: str
) -> tuple[list[float], list[float]]:
    """Fold scales and translations, applied in order, into one of each."""
    scale, offset = [1.0] * ndim, [0.0] * ndim
    for transformation in transformations:
        kind = transformation.get("type")
        if kind == "identity":
            continue
        if kind not in ("scale", "translation"):
            raise VolumeError(f"{name}: transformation {str(kind)[:80]!r}, wanted scale or translation")
        values = _numbers(transformation[kind], ndim, f"{name}: {kind}")
        if kind == "scale":
            scale = [a * b for a, b in zip(scale, values, strict=True)]
            offset = [a * b for a, b in zip(offset, values, strict=True)]
        else:
            offset = [a + b for a, b in zip(offset, values, strict=True)]
    return scale, offset


def _numbers(seen: object, count: int, what: str) -> list[float]:
    if not isinstance(seen, list | tuple) or len(seen) != count:
        raise VolumeError(f"{what} {str(seen)[:80]}, wanted {count} numbers, one an axis")
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e300 for n in seen):
        raise VolumeError(f"{what} {str(seen)[:80]}, wanted {count} finite numbers")
    return [float(n) for n in seen]
