"""NIfTI [1]_, written plane by plane; its header is nibabel's.

References
----------
.. [1] Cox RW, Ashburner J, Breman H, et al. (2004). A (sort of) new image data format standard: NIfTI-1.
   Human Brain Mapping 25, 33.
"""

from __future__ import annotations

import gzip
import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.orientation import ras_directions
from soct_core.errors import BadInputError
from soct_core.export.source import Exported
from soct_core.storage.atomic import published

UNSTATED = "SPL"
"""How axes are taken to run where nobody said it: then the world of ITK and of the volume are the same."""
MARK = b"soct-flows"
_OF_LABELS = 1002
_MOST_SIDE = 2**15 - 1
"""Of NIfTI-1; longer images become NIfTI-2."""
_FAST = 1
"""Level of gzip. Speckle hardly compresses."""


def ras_affine(image: Exported) -> NDArray[np.float64]:
    """From voxel indices (x, y, z) to mm along right, anterior, superior; (4, 4)."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1.0
    directions = ras_directions(image.orientation or UNSTATED)
    for column, k in enumerate((2, 1, 0)):
        row, sign = directions[k]
        affine[row, column] = sign * image.voxel_size_um[k] / 1000
        affine[row, 3] = sign * image.origin_um[k] / 1000
    return affine


def write_nifti(final: Path, image: Exported) -> None:
    """Write `.nii`, or `.nii.gz`, atomically.

    Raises
    ------
    BadInputError
        If nibabel is not installed.
    OutputError
        If the disk refuses.
    """
    dtype = np.dtype(np.float32) if image.dtype == np.float16 else image.dtype
    header = _header(image, dtype)
    with published(final) as partial, ExitStack() as stack:
        file: Any = stack.enter_context(partial.open("wb"))
        if final.name.endswith(".gz"):
            # Without name and time: the same export has the same bytes.
            file = stack.enter_context(gzip.GzipFile("", "wb", _FAST, file, mtime=0))
        file.write(_bytes_of(header))
        for block in image.blocks():
            file.write(np.ascontiguousarray(block, dtype=dtype.newbyteorder("<")).tobytes())


def is_export(path: Path) -> bool:
    """Whether a NIfTI file is an earlier export of this program."""
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "rb") as file:
        return MARK in file.read(540)


def _bytes_of(header: Any) -> bytes:
    """The header and what follows up to the first voxel."""
    head = io.BytesIO()
    header.write_to(head)
    return head.getvalue().ljust(int(header["vox_offset"]), b"\0")


def _header(image: Exported, dtype: np.dtype[Any]) -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise BadInputError("nibabel is not installed; wanted: pip install '.[export]'") from error
    large = max(image.shape) > _MOST_SIDE
    header = (nibabel.Nifti2Header if large else nibabel.Nifti1Header)(endianness="<")  # type: ignore[no-untyped-call]
    header.set_data_dtype(dtype)
    header.set_data_shape(image.shape[::-1])
    affine = ras_affine(image)
    # 1: the world of a scanner; 2: the axes are someone's guess.
    code = 2 if image.orientation is None else 1
    header.set_qform(affine, code)
    header.set_sform(affine, code)
    header.set_xyzt_units("mm")
    header["magic"] = b"n+2" if large else b"n+1"
    header["vox_offset"] = header.sizeof_hdr + 4
    header["descrip"] = MARK + f" {image.name}, {image.orientation or 'orientation not stated'}".encode()[:69]
    if image.is_label:
        header["intent_code"] = _OF_LABELS
        header["intent_name"] = b"provenance"
    return header
