"""The interpolation stage: fill one missing slice from two stores, or record why not."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.common_space import Window
from schemas.diagnostics import InterpolationDiagnostics
from schemas.manifest_fragment import ManifestFragment
from schemas.outcomes import InterpolationOutcome
from schemas.settings import InterpolationSettings, NgffVersion
from schemas.slice_id import format_slice_id
from soct_core.acquisition import interpolated_name
from soct_core.atomic import publish_bytes, publish_text, remove
from soct_core.baselines import interpolate_baseline
from soct_core.errors import AcquisitionError
from soct_core.gap_sight import GapSight
from soct_core.manifest_fragment import fragment_name, write_fragment
from soct_core.ngff import Zyx
from soct_core.plane_window import seen_through
from soct_core.preview import preview_png
from soct_core.report.gap_look import gap_reportlet
from soct_core.report.leaving import gap_reportlet_name, leave
from soct_core.stale import PREVIEW_SUFFIX
from soct_core.top_planes import TopPlanes
from soct_core.volume import Sliceable, Volume, same_voxel_size
from soct_core.volume_writer import ImageSpec, image_writer, write_image
from soct_core.zmorph import morph_diagnostics, prepare_morph

STAGE = "interpolate_missing_slice"


@dataclass(frozen=True)
class InterpolationFiles:
    """Where the outputs of one interpolation go; None: not wanted."""

    volume: Path
    diagnostics: Path | None
    fragment: Path | None
    preview: Path | None
    reportlet: Path | None = None

    @classmethod
    def standard(cls, output: Path, slice_id: int) -> InterpolationFiles:
        """The places that a run uses, under its output directory; a preview is another stage's."""
        folder = output / STAGE
        stem = f"slice_z{format_slice_id(slice_id)}_interpolated"
        return cls(
            folder / interpolated_name(slice_id),
            folder / f"{stem}_diagnostics.json",
            folder / fragment_name(slice_id),
            None,
            folder / gap_reportlet_name(stem),
        )


def preview_place(output: Path, slice_id: int) -> Path:
    """Where a run puts the preview of an interpolation."""
    return output / STAGE / f"slice_z{format_slice_id(slice_id)}{PREVIEW_SUFFIX}"


def interpolate_slice(
    before: Volume,
    after: Volume,
    slice_id: int | None,
    files: InterpolationFiles,
    settings: InterpolationSettings,
    *,
    usable_before: int | None = None,
    output_z: int | None = None,
    version: NgffVersion = "0.5",
    windows: tuple[Window | None, Window | None] = (None, None),
) -> InterpolationDiagnostics:
    """Interpolate between two stores and write what is wanted of it.

    Parameters
    ----------
    usable_before
        Trusted planes of the slice before; all by default. Its last is the boundary plane.
    output_z
        Planes to make; by default as many as the trusted planes of before.
    windows
        Windows of (before, after) onto a common canvas, on which the result lies then.

    Raises
    ------
    AcquisitionError
        If voxel sizes differ.
    VolumeError, OutputError
        If a store cannot be read or written.
    """
    if not same_voxel_size(before.voxel_size_um, after.voxel_size_um):
        raise AcquisitionError(
            f"{after.path}: voxel size {after.voxel_size_um} µm, "
            f"but {before.path.name} has {before.voxel_size_um}"
        )
    usable = before.shape[0] if usable_before is None else usable_before
    trusted = TopPlanes(seen_through(before, windows[0]), usable)
    below = seen_through(after, windows[1])
    nz_out = trusted.shape[0] if output_z is None else output_z
    refuse_foreign_output(files.volume, (before.path, after.path))
    sight = GapSight(row=trusted.shape[1] // 2)
    found = _fill(trusted, below, before.voxel_size_um, nz_out, files, settings, version, sight)
    if found.interpolation_failed:
        # A volume of an earlier attempt must not outlive a hard skip.
        remove(files.volume)
    diagnostics = found.model_copy(
        update={
            "slice_id": slice_id,
            "slice_before_path": str(before.path),
            "slice_after_path": str(after.path),
            "output_path": None if found.interpolation_failed else str(files.volume),
        }
    )
    if files.preview is not None:
        z_to_x = before.voxel_size_um[0] / before.voxel_size_um[2]
        publish_bytes(files.preview, preview_png(trusted, below, sight, diagnostics, z_to_x))
    if files.reportlet is not None:
        leave(files.reportlet, lambda: gap_reportlet(trusted, below, sight, diagnostics))
    if files.diagnostics is not None:
        publish_text(files.diagnostics, diagnostics.model_dump_json(indent=2) + "\n")
    if files.fragment is not None and slice_id is not None:
        write_fragment(files.fragment, ManifestFragment.from_diagnostics(diagnostics, slice_id))
    return diagnostics


def refuse_foreign_output(output: Path, inputs: tuple[Path, ...]) -> None:
    """An output must replace nothing but an earlier image, and hold no input.

    Raises
    ------
    AcquisitionError
    """
    place = output.resolve()
    for path in inputs:
        around = (path.resolve(), *path.resolve().parents)
        if place in around or path.resolve() in place.parents:
            raise AcquisitionError(f"{output}: the output would land in an input, wanted another path")
    if not output.exists():
        return
    is_image = output.is_dir() and any((output / name).exists() for name in ("zarr.json", ".zgroup"))
    if not is_image:
        raise AcquisitionError(f"{output}: is there already and is no OME-Zarr image, wanted another path")


def outcome_of(
    diagnostics: InterpolationDiagnostics, slice_id: int, files: InterpolationFiles
) -> InterpolationOutcome:
    """What the flow needs to know of an interpolation."""
    failed = diagnostics.interpolation_failed
    look = files.reportlet if files.reportlet is not None and files.reportlet.exists() else None
    written = (None if failed else files.volume, files.diagnostics, files.fragment, look)
    return InterpolationOutcome(
        slice_id=slice_id,
        result="hard_skip" if failed else "interpolated",
        reason=diagnostics.fallback_reason,
        detail=diagnostics.detail,
        volume=None if failed else files.volume,
        fragment=files.fragment,
        diagnostics=files.diagnostics,
        artefacts=tuple(path for path in written if path is not None),
        seconds=diagnostics.seconds,
    )


def _fill(
    trusted: Sliceable,
    after: Sliceable,
    voxel_size_um: Zyx,
    nz_out: int,
    files: InterpolationFiles,
    settings: InterpolationSettings,
    version: NgffVersion,
    sight: GapSight,
) -> InterpolationDiagnostics:
    if settings.method != "zmorph":
        volume, found = interpolate_baseline(trusted, after, settings, nz_out, settings.method)
        write_image(files.volume, volume, voxel_size_um, version)
        deque(sight.watch(volume, nz_out), maxlen=0)
        return found
    started = time.perf_counter()
    morph, trial = prepare_morph(trusted, after, settings)
    if morph is not None:
        shape = nz_out, max(trusted.shape[1], after.shape[1]), max(trusted.shape[2], after.shape[2])
        spec = ImageSpec(shape, np.dtype(trusted.dtype), voxel_size_um, version=version)
        with image_writer(files.volume, spec) as (image, _):
            for plane in sight.watch(morph.planes(nz_out), nz_out):
                image.append(plane)
    return morph_diagnostics(trial, morph, settings, nz_out, time.perf_counter() - started)
