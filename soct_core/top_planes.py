"""The trusted part of a slice: a lazy view of its first planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.volume import Sliceable


class TopPlanes:
    """The first `planes` planes of a volume, (z, y, x); reads nothing until sliced."""

    def __init__(self, volume: Sliceable, planes: int) -> None:
        self._volume = volume
        self.shape = (min(planes, volume.shape[0]), volume.shape[1], volume.shape[2])
        self.dtype = volume.dtype
        stored = getattr(volume, "stored", None)
        self.stored = None if stored is None else TopPlanes(stored, planes)

    def __getitem__(self, index: int | slice | tuple[Any, ...]) -> NDArray[Any]:
        first, *rest = index if isinstance(index, tuple) else (index,)
        depth = self.shape[0]
        if isinstance(first, slice):
            wanted = range(*first.indices(depth))
            # A negative stop of a descending slice means "before plane 0".
            stop = None if wanted.stop < 0 else wanted.stop
            first = slice(wanted.start, stop, wanted.step) if wanted else slice(0, 0)
        elif not -depth <= first < depth:
            raise IndexError(f"plane {first} of {depth}")
        else:
            first = first % depth
        return np.asarray(self._volume[(first, *rest)])
