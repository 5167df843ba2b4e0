"""ITK transform files (`.tfm`) that open in ITK and SimpleITK with the pipeline's meaning."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import numpy as np

from schemas.pairwise import RigidTransform
from schemas.small_file import read_small
from soct_core.affine import Affine2D
from soct_core.errors import TransformError, unreadable
from soct_core.storage.atomic import publish_text

MAX_TFM_BYTES = 2**16
"""A limit chosen by hand, far above the few lines of a transform."""
_KINDS = {
    "AffineTransform": (6, 2),
    "MatrixOffsetTransformBase": (6, 2),
    "Euler2DTransform": (3, 2),
    "CenteredRigid2DTransform": (5, 0),
    "Similarity2DTransform": (4, 2),
    "TranslationTransform": (2, 0),
    "IdentityTransform": (0, 0),
}
"""Kinds of ITK transforms that are a matrix and a shift: how many parameters and fixed parameters."""


def write_tfm(path: Path, transform: RigidTransform) -> None:
    """Write the transform in physical coordinates, µm, of planes with origin 0 and their spacing.

    `sitk.Resample(moving, fixed, sitk.ReadTransform(path))` then lays moving over fixed, as
    for planes whose spacing is the voxel size, (x, y).
    """
    _, y, x = transform.voxel_size_um
    (a, b), (c, d) = transform.matrix
    # S A S^-1 with S = diag(spacing): the matrix in µm where pixels are not square.
    matrix = (a, b * x / y, c * y / x, d)
    translation = (transform.translation[0] * x, transform.translation[1] * y)
    center = (transform.center[0] * x, transform.center[1] * y)
    lines = (
        "#Insight Transform File V1.0",
        "#Transform 0",
        "Transform: AffineTransform_double_2_2",
        f"Parameters: {_numbers(*matrix, *translation)}",
        f"FixedParameters: {_numbers(*center)}",
    )
    publish_text(path, "\n".join(lines) + "\n")


def read_tfm(path: Path) -> Affine2D:
    """Read a transform file of ITK or SimpleITK: text, 2D, a matrix and a shift.

    Parameters
    ----------
    path
        Of any name. A composite is read too: its last transform comes first, as in ITK.

    Returns
    -------
    Affine2D
        In the units of the file, for a pair µm; x-y order.

    Raises
    ------
    TransformError
        If the file cannot be read, or holds something else.
    """
    try:
        text = read_small(path, MAX_TFM_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error, TransformError) from error
    except UnicodeDecodeError as error:
        raise TransformError(f"{path}: is not text, wanted an ITK transform file (.tfm)") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or not lines[0].startswith("#Insight Transform File"):
        seen = repr(lines[0][:40]) if lines else "nothing"
        raise TransformError(f"{path}: begins with {seen}, wanted '#Insight Transform File V1.0'")
    blocks: list[dict[str, str]] = []
    for line in lines[1:]:
        key, colon, value = line.partition(":")
        if colon and key == "Transform":
            blocks.append({})
        if colon and not line.startswith("#") and blocks:
            blocks[-1][key] = value.strip()
    simple = [block for block in blocks if not block["Transform"].startswith("CompositeTransform_")]
    if not simple:
        raise TransformError(f"{path}: holds no transform")
    return reduce(Affine2D.compose, (_of_block(path, block) for block in simple))


def _of_block(path: Path, block: dict[str, str]) -> Affine2D:
    kind, _, numbers = block["Transform"].partition("_")
    if not numbers.endswith("_2_2"):
        raise TransformError(f"{path}: transform {block['Transform']!r}, wanted one of 2D (..._2_2)")
    if kind not in _KINDS:
        raise TransformError(f"{path}: transform {kind}, wanted one of {', '.join(_KINDS)}")
    counts = _KINDS[kind]
    values = _values(path, block, "Parameters", counts[0])
    center = _values(path, block, "FixedParameters", counts[1])
    if kind in ("AffineTransform", "MatrixOffsetTransformBase"):
        return Affine2D.of(values[:4], values[4:], center)
    if kind == "TranslationTransform":
        return Affine2D.of(np.eye(2), values)
    if kind == "IdentityTransform":
        return Affine2D.identity()
    scale = 1.0
    if kind == "Similarity2DTransform":
        scale, *values = values
    if kind == "CenteredRigid2DTransform":
        center, values = values[1:3], [values[0], *values[3:]]
    angle, *shift = values
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Affine2D.of(scale * turn, shift, center)


def _values(path: Path, block: dict[str, str], name: str, count: int) -> Sequence[float]:
    text = block.get(name, "")
    try:
        values = [float(word) for word in text.split()]
    except ValueError as error:
        raise TransformError(f"{path}: {name}: {text[:80]!r}, wanted {count} numbers") from error
    # Kinds without a centre may have fixed parameters of no meaning.
    if len(values) != count and not (name == "FixedParameters" and count == 0):
        raise TransformError(f"{path}: {name}: {len(values)} numbers, wanted {count}")
    if not np.isfinite(values).all():
        raise TransformError(f"{path}: {name}: {text[:80]!r}, wanted finite numbers")
    return values


def _numbers(*values: float) -> str:
    return " ".join(repr(float(value)) for value in values)
