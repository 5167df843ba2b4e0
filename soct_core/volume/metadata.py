"""NGFF [1]_ image metadata as read, versions 0.4 and 0.5: axes, units, scales, translations.

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
from typing import Any

from schemas.image_choice import ImageChoice
from soct_core.arrays import Zyx
from soct_core.errors import VolumeError
from soct_core.volume.layouts import multiscale_of

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
_SYNONYMS = {
    "um": "micrometer",
    "\u00b5m": "micrometer",
    "\u03bcm": "micrometer",
    "mm": "millimeter",
    "nm": "nanometer",
}
_REMEDY = "give --voxel-size-um Z Y X if you know the voxel size"
_WANTED_UNIT = " or ".join((", ".join(list(MICROMETRES_PER_UNIT)[:-1]), "meter"))


@dataclass(frozen=True)
class ImageMetadata:
    """The finest level of a multiscale image."""

    paths: tuple[str, ...]
    """Path of its array within the group; of several where the metadata do not tell which is the finest."""
    axes: tuple[str, ...]
    """In lower case."""
    voxel_size_um: Zyx
    translation_um: Zyx
    remarks: tuple[str, ...] = ()
    """What is to be said about how it was read; a plural verb first."""


def read_image_metadata(
    attributes: Mapping[str, Any],
    name: str,
    voxel_size_um: Zyx | None = None,
    choice: ImageChoice = ImageChoice(),  # noqa: B008
) -> ImageMetadata:
    """Read a multiscale image of a group's attributes, the first unless another was chosen.

    `voxel_size_um`, (z, y, x), overrides scales and units. `name` is used in messages.

    Raises
    ------
    VolumeError
        If there is no multiscale image of NGFF 0.4 or 0.5, its axes are not (z, y, x) behind t and c, or
        a spatial axis has no scale or no known unit and no voxel size was given.
    """
    ome = attributes.get("ome", attributes)
    if not isinstance(ome, Mapping):
        raise VolumeError(f"{name}: ome is {str(ome)[:80]!r}, wanted an object")
    multiscale, said = multiscale_of(ome, name, choice)
    try:
        names, units = _axes(multiscale, name)
        levels = [
            _level(dataset, multiscale, names, name, is_sized=voxel_size_um is not None)
            for dataset in multiscale["datasets"]
        ]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise VolumeError(f"{name}: holds no readable multiscale image ({repr(error)[:120]})") from error
    if not levels:
        raise VolumeError(f"{name}: its multiscale image has no datasets, wanted one at least")
    space = [names.index(axis) for axis in "zyx"]
    finest = min(math.prod(abs(level.scale[i]) for i in space) for level in levels)
    best = [level for level in levels if math.prod(abs(level.scale[i]) for i in space) == finest] or levels
    if voxel_size_um is None:
        _refuse_lost_units(names, units, best[0].scale, name)
        found = [_unit_factor(names[i], units[i], name) for i in space]
        size = tuple(best[0].scale[i] * factor for i, (factor, _) in zip(space, found, strict=True))
        origin = tuple(best[0].offset[i] * factor for i, (factor, _) in zip(space, found, strict=True))
        said += tuple(dict.fromkeys(remark for _, remark in found if remark))
    else:
        size, origin = voxel_size_um, (0.0, 0.0, 0.0)
    low, high = VOXEL_RANGE_UM
    if not all(low <= s <= high for s in size):
        wanted = f"finite and positive, from {low:g} to {high:g}"
        raise VolumeError(f"{name}: voxel size {size} µm (z, y, x), wanted {wanted}")
    if not all(math.isfinite(o) for o in origin):
        raise VolumeError(f"{name}: translation {origin} µm (z, y, x), wanted finite")
    paths = tuple(level.path for level in best)
    return ImageMetadata(paths, names, (size[0], size[1], size[2]), (origin[0], origin[1], origin[2]), said)


def refuse_other_order(axes: Sequence[str], dimension_names: Sequence[object] | None, name: str) -> None:
    """Refuse an array whose own names of its dimensions contradict the axes of the image.

    Raises
    ------
    VolumeError
    """
    if dimension_names is None:
        return
    own = [None if n is None else str(n).lower() for n in dimension_names]
    if len(own) != len(axes) or any(n not in (None, axis) for n, axis in zip(own, axes, strict=True)):
        seen = ",".join(str(n) for n in dimension_names)[:80]
        raise VolumeError(
            f"{name}: the array calls its dimensions {seen}, but the axes of the image are {','.join(axes)}; "
            "wanted the same, correct the one that is wrong"
        )


@dataclass(frozen=True)
class _Level:
    path: str
    scale: list[float]
    offset: list[float]


def _level(
    dataset: Mapping[str, Any],
    multiscale: Mapping[str, Any],
    axes: Sequence[str],
    name: str,
    *,
    is_sized: bool,
) -> _Level:
    path = dataset["path"]
    if not isinstance(path, str):
        raise VolumeError(f"{name}: datasets[].path is {str(path)[:80]!r}, wanted text")
    own = dataset.get("coordinateTransformations") or ()
    if not is_sized and not any(t.get("type") in ("scale", "identity") for t in own):
        raise VolumeError(
            f"{name}: level {path[:80]!r} has no scale in coordinateTransformations, wanted one; {_REMEDY}"
        )
    after = multiscale.get("coordinateTransformations") or ()
    return _Level(path, *_compose([*own, *after], len(axes), name))


def _axes(multiscale: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], list[str | None]]:
    axes = multiscale["axes"]
    # iohub writes them in upper case.
    names = tuple(str(axis["name"]).lower() for axis in axes)
    if names not in {("z", "y", "x"), ("c", "z", "y", "x"), ("t", "z", "y", "x"), ("t", "c", "z", "y", "x")}:
        raise VolumeError(f"{name}: axes {','.join(names)[:80]}, wanted z,y,x (behind t, c)")
    return names, [axis.get("unit") for axis in axes]


def _refuse_lost_units(
    axes: Sequence[str], units: Sequence[object], scale: Sequence[float], name: str
) -> None:
    space = [i for i, axis in enumerate(axes) if axis in "zyx"]
    if all(units[i] is None and scale[i] == 1.0 for i in space):
        seen = "scale 1 and no unit, as some versions of ome-zarr write"
        raise VolumeError(f"{name}: {seen}: the voxel size was lost; {_REMEDY}")


def _unit_factor(axis: str, unit: object, name: str) -> tuple[float, str]:
    """µm of a unit, and what is to be said of it."""
    if unit is None:
        raise VolumeError(f"{name}: axis {axis} has no unit, wanted {_WANTED_UNIT}; {_REMEDY}")
    if isinstance(unit, str) and (meant := _SYNONYMS.get(unit)):
        return MICROMETRES_PER_UNIT[meant], f"say unit {unit!r}, which NGFF does not know; read as {meant}"
    if not isinstance(unit, str) or unit not in MICROMETRES_PER_UNIT:
        raise VolumeError(
            f"{name}: axis {axis} has unit {str(unit)[:80]!r}, wanted {_WANTED_UNIT}; {_REMEDY}"
        )
    return MICROMETRES_PER_UNIT[unit], ""


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
        values = _numbers(transformation.get(kind), ndim, f"{name}: {kind}")
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
