"""NGFF [1]_ image metadata as written: axes, scales and translations in µm.

References
----------
.. [1] Moore J, Allan C, Besson S, et al. (2021). OME-NGFF: a next-generation file format for expanding
   bioimaging data-access strategies. Nature Methods 18, 1496-1498. doi:10.1038/s41592-021-01326-w
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from soct_core.arrays import Zyx

NgffVersion = Literal["0.4", "0.5"]


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
