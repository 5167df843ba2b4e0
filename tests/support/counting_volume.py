"""A volume that remembers what was read of it, chunk by chunk."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray


class CountingVolume:
    """Slices like the array it wraps; whole planes are one chunk, `depth` of them together."""

    def __init__(self, data: NDArray[Any], depth: int = 1) -> None:
        self._data = data
        self.shape = data.shape
        self.dtype = data.dtype
        self.chunks = (depth, *data.shape[1:])
        self.planes: Counter[int] = Counter()
        """How often each plane was asked for."""
        self.chunk_reads: Counter[int] = Counter()
        """How often each chunk along z would have been decompressed."""

    def __getitem__(self, index: Any) -> NDArray[Any]:
        first = index[0] if isinstance(index, tuple) else index
        asked = np.atleast_1d(np.arange(self.shape[0])[first]).tolist()
        self.planes.update(asked)
        self.chunk_reads.update({plane // self.chunks[0] for plane in asked})
        return np.asarray(self._data[index])
