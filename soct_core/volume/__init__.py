"""OME-Zarr images: read lazily, viewed, written with their pyramid and provenance label.

Which slice an image is, and where it goes, does not belong here.
"""

from soct_core.volume.opening import open_volume
from soct_core.volume.reading import Volume

__all__ = ["Volume", "open_volume"]
