"""NGFF [1]_ image metadata as written: axes in µm, scales, how to show the image, colours of labels.

References
----------
.. [1] Moore J, Allan C, Besson S, et al. (2021). OME-NGFF: a next-generation file format for expanding
   bioimaging data-access strategies. Nature Methods 18, 1496-1498. doi:10.1038/s41592-021-01326-w
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from schemas.orientation import from_to, letter_of
from soct_core.arrays import Zyx
from soct_core.volume.display import Display
from soct_core.volume.provenance import LABEL_COLOURS, LABEL_NAMES

NgffVersion = Literal["0.4", "0.5"]


def image_attributes(
    version: NgffVersion,
    name: str,
    levels: Sequence[tuple[str, Zyx, Zyx]],
    *,
    orientation: str | None = None,
    shown: Display | None = None,
) -> dict[str, Any]:
    """Group attributes of an image; `levels` are (path, scale, translation), in µm.

    Parameters
    ----------
    orientation
        To which side z, y and x run; written as RFC-4 has it, beside the axes.
    shown
        How viewers are to show it; None for a label image, which also names itself as one and its colours.
    """
    multiscale = {
        "name": name,
        "axes": [_axis(axis, orientation[i] if orientation else None) for i, axis in enumerate("zyx")],
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
        "type": "local least trusted" if shown is None else "local mean",
    }
    content: dict[str, Any] = {"multiscales": [multiscale]}
    if shown is None:
        content["image-label"] = _label()
    else:
        content["omero"] = _omero(name, shown)
    return versioned(version, content)


def versioned(version: NgffVersion, content: dict[str, Any]) -> dict[str, Any]:
    """Wrap metadata where the version wants it: under `ome` in 0.5, inside each item in 0.4."""
    if version == "0.5":
        return {"ome": {"version": version, **content}}
    for item in (*content.get("multiscales", ()), *filter(None, [content.get("image-label")])):
        item["version"] = version
    return content


def orientation_of(multiscale: Mapping[str, Any]) -> str | None:
    """To which side z, y and x run, where the axes say it as they are written here."""
    found = {}
    for axis in multiscale.get("axes", ()):
        said = axis.get("orientation")
        if isinstance(said, dict) and said.get("type") == "anatomical":
            found[str(axis.get("name")).lower()] = letter_of(str(said.get("value")))
    letters = [found.get(name) for name in "zyx"]
    return None if None in letters else "".join(filter(None, letters))


def _axis(name: str, side: str | None) -> dict[str, Any]:
    axis: dict[str, Any] = {"name": name, "type": "space", "unit": "micrometer"}
    return axis if side is None else axis | {"orientation": {"type": "anatomical", "value": from_to(side)}}


def _omero(name: str, shown: Display) -> dict[str, Any]:
    window = {"start": shown.start, "end": shown.end, "min": shown.least, "max": shown.most}
    channel = {"label": name, "color": "FFFFFF", "active": True, "window": window}
    # iohub opens no image whose rendering settings lack `defaultT`.
    rendering = {"model": "greyscale", "defaultT": 0, "defaultZ": shown.plane}
    return {"channels": [channel], "rdefs": rendering}


def _label() -> dict[str, Any]:
    labels = sorted(LABEL_COLOURS)
    return {
        "source": {"image": "../../"},
        "colors": [{"label-value": label, "rgba": list(LABEL_COLOURS[label])} for label in labels],
        "properties": [{"label-value": label, "name": LABEL_NAMES[label]} for label in labels],
    }
