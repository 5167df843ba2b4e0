"""ITK transform files (`.tfm`) that open in ITK and SimpleITK with the pipeline's meaning."""

from __future__ import annotations

from pathlib import Path

from schemas.pairwise import RigidTransform
from soct_core.storage.atomic import publish_text


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


def _numbers(*values: float) -> str:
    return " ".join(repr(float(value)) for value in values)
