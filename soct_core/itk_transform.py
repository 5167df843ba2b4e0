"""ITK transform files (`.tfm`) that open in ITK and SimpleITK with the pipeline's meaning."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from schemas.pairwise import RigidTransform
from soct_core.atomic import published


def write_tfm(path: Path, transform: RigidTransform) -> None:
    """Write the transform in physical coordinates, µm, of planes with origin 0 and their spacing.

    `sitk.Resample(moving, fixed, sitk.ReadTransform(path))` then lays moving over fixed, as
    for planes whose spacing is the voxel size, (x, y).
    """
    _, spacing_y, spacing_x = transform.voxel_size_um
    (a, b), (c, d) = transform.matrix
    physical = sitk.AffineTransform(2)
    # S A S^-1 with S = diag(spacing): the matrix in µm where pixels are not square.
    physical.SetMatrix((a, b * spacing_x / spacing_y, c * spacing_y / spacing_x, d))
    physical.SetTranslation((transform.translation[0] * spacing_x, transform.translation[1] * spacing_y))
    physical.SetCenter((transform.center[0] * spacing_x, transform.center[1] * spacing_y))
    with published(path) as partial:
        # SimpleITK chooses the format by the ending.
        written = partial.with_name(f"{partial.name}.tfm")
        sitk.WriteTransform(physical, str(written))
        written.rename(partial)
