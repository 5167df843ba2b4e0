"""Lazy (z, y, x) volumes: OME-Zarr images read plane by plane, and windows onto them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import EllipsisType
from typing import Any

import numcodecs.blosc
import numpy as np
import zarr
from numpy.typing import NDArray

from soct_core.arrays import Zyx
from soct_core.errors import ReadError, VolumeError
from soct_core.planes.padding import reaches_all_edges
from soct_core.volume.absent_chunks import ChunkGrid, absent_chunks, chunk_key
from soct_core.volume.checked_blosc import use_checked_blosc
from soct_core.volume.header_checks import check_group, check_level
from soct_core.volume.imaged import Imaged, ImagedMask, survey
from soct_core.volume.metadata import read_image_metadata

Index = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]

# Tasks run side by side in processes; chunks one after the other need the least memory, too.
zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
numcodecs.blosc.set_nthreads(1)
use_checked_blosc()


class Volume:
    """A lazy (z, y, x) array on disk; slicing reads only the chunks it needs. Made by `open_volume`.

    Voxels in a chunk that was lost read as NaN, or as 0 in a volume of integers; see `imaged`.

    Parameters
    ----------
    path : Path
        The `.ome.zarr` directory.
    array : zarr.Array
        Level 0; its last three axes are (z, y, x).
    lead : int
        How many axes of length 1 come before those.
    voxel_size_um : (float, float, float)
        Along (z, y, x), in µm.
    origin_um : (float, float, float)
        Where voxel (0, 0, 0) lies in the world, in µm; zeros where the image does not say.

    Raises
    ------
    ReadError
        While slicing: if the disk or the network fails.
    VolumeError
        While slicing: if a chunk is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from soct_core.volume import open_volume
    >>> from soct_core.volume.writing import write_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "slice_z00.ome.zarr")
    ...     write_image(path, np.arange(24, dtype=np.uint16).reshape(2, 3, 4), (10.0, 1.5, 1.5))
    ...     volume = open_volume(path)
    ...     deepest, everything = volume[-1], np.asarray(volume)
    >>> volume
    Volume(slice_z00.ome.zarr, shape=(2, 3, 4), uint16, (10.0, 1.5, 1.5) µm)
    >>> deepest.shape, deepest[0].tolist(), everything.shape, bool(volume.imaged[...].all())
    ((3, 4), [12, 13, 14, 15], (2, 3, 4), True)
    """

    def __init__(
        self,
        path: Path,
        array: zarr.Array[Any],
        lead: int,
        voxel_size_um: Zyx,
        origin_um: Zyx = (0.0, 0.0, 0.0),
    ) -> None:
        self.path = path
        self.voxel_size_um = voxel_size_um
        self.origin_um = origin_um
        self._array = array
        self._lead = (0,) * lead
        self._reaches_all_edges = False

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self._array.shape[len(self._lead) :]
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._array.dtype).newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, int, int]:
        """Shape of what is decompressed as one, (z, y, x)."""
        z, y, x = self._array.chunks[len(self._lead) :]
        return z, y, x

    @property
    def chunk_count(self) -> int:
        return int(np.prod([-(-n // step) for n, step in zip(self.shape, self.chunks, strict=True)]))

    @property
    def imaged(self) -> ImagedMask:
        """Which voxels were imaged, lazily: those inside the padding and in no lost chunk."""
        return ImagedMask(self.shape, self.chunks, self.find_imaged)

    def check_links(self) -> None:
        """Refuse, by a VolumeError that names it, a chunk that is a link to nothing; lists directories."""
        _ = self._absent

    def lost_chunks(self) -> list[str]:
        """Chunks that are absent amid tissue, each by its file and, in a shard, its place in the grid.

        Reads what lies around absent chunks.

        Raises
        ------
        ReadError, VolumeError
            If a chunk cannot be read.
        """
        lost = self.find_imaged().lost
        return [] if lost is None else [self._name(tuple(map(int, chunk))) for chunk in np.argwhere(lost)]

    def _name(self, chunk: tuple[int, ...]) -> str:
        place = (*self._lead, *chunk)
        shards = self._array.shards
        if shards is None:
            return f"{self._array.path}/{chunk_key(self._array, place)}"
        ratio = (shard // step for shard, step in zip(shards, self._array.chunks, strict=True))
        file = chunk_key(self._array, tuple(i // n for i, n in zip(place, ratio, strict=True)))
        return f"{chunk} in {self._array.path}/{file}"

    @cached_property
    def _absent(self) -> ChunkGrid | None:
        absent = absent_chunks(self._array, self.path)
        return None if absent is None else absent[self._lead]

    @cached_property
    def _surveyed(self) -> Imaged:
        fill = 0.0 if self._array.fill_value is None else float(self._array.fill_value)
        seen = self._read, self.shape, self.chunks, self._absent, fill
        return survey(*seen, is_padded=not self._reaches_all_edges)

    def know_imaged(self, found: Imaged) -> None:
        """Take for known what `find_imaged` found elsewhere."""
        self._surveyed = found

    def find_imaged(self) -> Imaged:
        """What was imaged, looked for where it is not known yet."""
        if self._absent is None and self._reaches_all_edges:
            return Imaged(None, None)
        return self._surveyed

    def __getitem__(self, index: Index) -> NDArray[Any]:
        absent = self._absent
        values = self._read(index)
        if not self._reaches_all_edges and isinstance(index, int | slice | EllipsisType):
            # Planes that are read anyway spare most volumes the search for padding.
            self._reaches_all_edges = bool(values.size) and reaches_all_edges(values)
        lost = None if absent is None else self.find_imaged().lost
        if lost is None:
            return values
        there = ImagedMask(self.shape, self.chunks, lambda: Imaged(None, lost))
        nothing = self.dtype.type(np.nan if self.dtype.kind == "f" else 0)
        return np.where(there[index], values, nothing)

    def _read(self, index: Index) -> NDArray[Any]:
        wanted = index if isinstance(index, tuple) else (index,)
        try:
            data = self._array[(*self._lead, *wanted)]
        except OSError as error:
            raise ReadError(f"{self.path}: cannot be read at {index}: {error}") from error
        except IndexError:
            raise
        except Exception as error:  # every codec has its own kinds for a damaged chunk
            raise VolumeError(f"{self.path}: cannot be read at {index}: {_first_line(error)}") from error
        return np.asarray(data, dtype=self.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def __repr__(self) -> str:
        return f"Volume({self.path.name}, shape={self.shape}, {self.dtype}, {self.voxel_size_um} µm)"


def open_volume(path: str | Path, voxel_size_um: Zyx | None = None) -> Volume:
    """Open level 0 of an OME-Zarr image (NGFF 0.4 or 0.5) without reading its voxels.

    Parameters
    ----------
    path : str or Path
        The `.ome.zarr` directory.
    voxel_size_um : (float, float, float), optional
        Along (z, y, x), in µm; counts instead of what the file says.

    Returns
    -------
    Volume
        Axes (z, y, x), any real dtype; singleton t and c are dropped; `.voxel_size_um` is (z, y, x) in µm.

    Raises
    ------
    VolumeError
        If there is no readable image, its axes, units, shape or dtype are not usable, or one of its chunks
        is a link to nothing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from soct_core.volume import open_volume
    >>> from soct_core.volume.writing import write_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "slice_z00.ome.zarr")
    ...     write_image(path, np.zeros((2, 3, 4), np.float32), (10.0, 1.5, 1.5))
    ...     volume = open_volume(path)
    ...     coarser = open_volume(path, voxel_size_um=(10.0, 3.0, 3.0))
    >>> volume.shape, volume.dtype, volume.voxel_size_um, coarser.voxel_size_um
    ((2, 3, 4), dtype('float32'), (10.0, 1.5, 1.5), (10.0, 3.0, 3.0))
    """
    path = Path(path)
    if not path.is_dir():
        raise VolumeError(f"{path}: no such OME-Zarr directory")
    check_group(path)
    try:
        # Consolidated metadata of an image that was extended later hides its arrays.
        group = zarr.open_group(path, mode="r", use_consolidated=False)
        attributes = group.attrs.asdict()
    except Exception as error:  # zarr raises many kinds on damaged metadata
        raise VolumeError(f"{path}: is not a readable zarr group: {_first_line(error)}") from error
    metadata = read_image_metadata(attributes, str(path), voxel_size_um)
    check_level(path, metadata.path)
    array = _level(group, metadata.path, path)
    lead = len(metadata.axes) - 3
    if array.ndim != len(metadata.axes) or any(n != 1 for n in array.shape[:lead]):
        raise VolumeError(
            f"{path}: shape {array.shape} with axes {','.join(metadata.axes)}, wanted z,y,x with t and c of 1"
        )
    volume = Volume(path, array, lead, metadata.voxel_size_um, metadata.translation_um)
    volume.check_links()
    return volume


def _level(group: zarr.Group, name: str, path: Path) -> zarr.Array[Any]:
    try:
        level = group[name]
    except Exception as error:
        raise VolumeError(f"{path}: level {name!r} cannot be opened: {_first_line(error)}") from error
    if not isinstance(level, zarr.Array):
        raise VolumeError(f"{path}: level {name!r} is no array")
    return level


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def same_voxel_size(a: Zyx, b: Zyx) -> bool:
    """Whether two voxel sizes agree to a millionth."""
    return bool(np.allclose(a, b, rtol=1e-6, atol=0.0))
