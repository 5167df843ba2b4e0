"""Lazy (z, y, x) volumes: of an image on disk, the chunks asked for are read. `opening` makes them."""

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
from soct_core.errors import ReadError, VolumeError, first_line
from soct_core.planes.padding import fills_frame
from soct_core.volume.absent_chunks import ChunkGrid, absent_chunks, chunk_key
from soct_core.volume.bounded_codecs import use_bounded_codecs
from soct_core.volume.checked_blosc import use_checked_blosc
from soct_core.volume.imaged import Imaged, ImagedMask, survey, without_fill

Index = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]

# Tasks run side by side in processes; chunks one after the other need the least memory, too.
zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
numcodecs.blosc.set_nthreads(1)
use_checked_blosc()
use_bounded_codecs()


class Volume:
    """A lazy (z, y, x) array on disk; slicing reads only the chunks it needs. Made by `open_volume`.

    Voxels in a chunk that was lost read as NaN, or as the fill value in a volume of integers. They count as
    not measured; see `imaged`.

    Parameters
    ----------
    path : Path
        The `.ome.zarr` directory.
    array : zarr.Array
        Level 0; its last three axes are (z, y, x).
    lead : tuple of int
        Index along the axes before those: which time and channel.
    voxel_size_um : (float, float, float)
        Along (z, y, x), in µm.
    origin_um : (float, float, float)
        Where voxel (0, 0, 0) lies in the world, in µm; zeros where the image does not say.
    remarks : tuple of str
        What is to be said about how it was read, a plural verb first ("say unit 'um', ...").

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
        lead: tuple[int, ...],
        voxel_size_um: Zyx,
        origin_um: Zyx = (0.0, 0.0, 0.0),
        remarks: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        self.voxel_size_um = voxel_size_um
        self.origin_um = origin_um
        self.remarks = remarks
        self._array = array
        self._lead = lead
        self._lead_chunk = tuple(i // n for i, n in zip(lead, array.chunks[: len(lead)], strict=True))
        self._fills_frame = False

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self._array.shape[len(self._lead) :]
        return z, y, x

    @property
    def ndim(self) -> int:
        return 3

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
        place = (*self._lead_chunk, *chunk)
        shards = self._array.shards
        if shards is None:
            return f"{self._array.path}/{chunk_key(self._array, place)}"
        ratio = (shard // step for shard, step in zip(shards, self._array.chunks, strict=True))
        file = chunk_key(self._array, tuple(i // n for i, n in zip(place, ratio, strict=True)))
        return f"{chunk} in {self._array.path}/{file}"

    @cached_property
    def _absent(self) -> ChunkGrid | None:
        absent = absent_chunks(self._array, self.path)
        return None if absent is None else absent[self._lead_chunk]

    @property
    def _fill(self) -> Any:
        return 0 if self._array.fill_value is None else self._array.fill_value

    @cached_property
    def _surveyed(self) -> Imaged:
        seen = self._read, self.shape, self.chunks, self._absent, float(self._fill)
        return survey(*seen, is_padded=not self._fills_frame)

    def know_imaged(self, found: Imaged) -> None:
        """Take for known what `find_imaged` found elsewhere."""
        self._surveyed = found

    def see_planes(self, planes: NDArray[Any]) -> None:
        """Look at whole planes that were read anyway: they spare most volumes the search for padding."""
        if not self._fills_frame:
            self._fills_frame = bool(planes.size) and fills_frame(without_fill(planes, float(self._fill)))

    def find_imaged(self) -> Imaged:
        """What was imaged, looked for where it is not known yet."""
        if self._absent is None and self._fills_frame:
            return Imaged(None, None)
        return self._surveyed

    def __getitem__(self, index: Index) -> NDArray[Any]:
        absent = self._absent
        values = self._read(index)
        if isinstance(index, int | slice | EllipsisType):
            self.see_planes(values)
        lost = None if absent is None else self.find_imaged().lost
        if lost is None:
            return values
        there = ImagedMask(self.shape, self.chunks, lambda: Imaged(None, lost))
        nothing = np.nan if self.dtype.kind == "f" else self._fill
        return np.where(there[index], values, self.dtype.type(nothing))

    def _read(self, index: Index) -> NDArray[Any]:
        wanted = index if isinstance(index, tuple) else (index,)
        try:
            data = self._array[(*self._lead, *wanted)]
        except OSError as error:
            raise ReadError(f"{self.path}: cannot be read at {index}: {error}") from error
        except (IndexError, MemoryError):
            raise
        except Exception as error:  # every codec has its own kinds for a damaged chunk
            raise VolumeError(f"{self.path}: cannot be read at {index}: {first_line(error)}") from error
        return np.asarray(data, dtype=self.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def __repr__(self) -> str:
        return f"Volume({self.path.name}, shape={self.shape}, {self.dtype}, {self.voxel_size_um} µm)"


def same_voxel_size(a: Zyx, b: Zyx) -> bool:
    """Whether two voxel sizes agree to a millionth."""
    return bool(np.allclose(a, b, rtol=1e-6, atol=0.0))
