"""Stage `interpolate_missing_slice`: fill one single gap, or record why it stays one."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.common_space import Window
from schemas.diagnostics import InterpolationDiagnostics, IntervalModel, made_as
from schemas.handoffs import InterpolationJob, InterpolationOutcome
from schemas.manifest_fragment import ManifestFragment
from schemas.settings import InterpolationSettings, NgffVersion
from schemas.stack_plan import Block
from soct_core.arrays import Sliceable, Zyx
from soct_core.baselines import WEIGHTED_SIGMA_Z, Baseline, baseline_diagnostics
from soct_core.errors import AcquisitionError
from soct_core.file_names import InterpolationFiles, named_interpolated_id, named_slice_id
from soct_core.one_thread import give_back_memory
from soct_core.reportlets.gap import gap_reportlet
from soct_core.reportlets.gap_planes import GapPlanes
from soct_core.reportlets.preview import preview_of, preview_png
from soct_core.reportlets.write import write_reportlet
from soct_core.slice_config.fragments import read_fragment, write_fragment
from soct_core.storage.atomic import publish_bytes, publish_text, remove
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.records import read_record
from soct_core.storage.replacing import refuse_to_replace
from soct_core.volume import Volume, open_volume
from soct_core.volume.chunk_cache import unpacked_once
from soct_core.volume.reading import same_voxel_size
from soct_core.volume.views import seen_through, trusted_part
from soct_core.volume.writing import ImageSpec, image_made_as, write_in_blocks
from soct_core.zmorph.gate_list import GATES
from soct_core.zmorph.interpolate import morph_diagnostics, prepare_morph
from soct_core.zmorph.uncertainty import HalfWidths, interval_model

VERSION = "16"
Render = Callable[[Block], NDArray[Any]]


@dataclass(frozen=True)
class _Writer:
    """Writes what is made of a gap, box by box."""

    files: InterpolationFiles
    spec: ImageSpec
    shown: GapPlanes

    def volume(self, render: Render) -> None:
        """Write the interpolated slice."""

        def watched(box: Block) -> NDArray[Any]:
            values = render(box)
            self.shown.see(values, box, self.spec.shape)
            return values

        write_in_blocks(self.files.volume, self.spec, watched)

    def uncertainty(self, path: Path, render: Render) -> IntervalModel:
        """Write half widths of the interval of each voxel."""
        totals = []

        def watched(box: Block) -> NDArray[Any]:
            values = render(box)
            self.shown.see_uncertainty(values, box, self.spec.shape)
            totals.append(float(values.sum(dtype=np.float64)))
            return values

        made = uncertainty_of(self.spec.made_as)
        write_in_blocks(path, replace(self.spec, dtype=np.dtype(np.float32), made_as=made), watched)
        return interval_model(math.fsum(totals) / math.prod(self.spec.shape))


def uncertainty_of(made: str) -> str:
    """What the uncertainty of an interpolation says that it is."""
    return f"uncertainty of the {made}"


@dataclass(frozen=True)
class GapToFill:
    """Which slice is missing, and which part of its neighbours is used."""

    slice_id: int | None = None
    usable_before: int | None = None
    """Trusted planes of the slice before; all by default. Its last is the boundary plane."""
    output_z: int | None = None
    """Planes to make; by default as many as the trusted planes of before."""
    window_before: Window | None = None
    """Window of the slice before onto a common canvas; the result then lies on that canvas too."""
    window_after: Window | None = None
    origin_um: Zyx | None = None
    """Where the first voxel of the result lies in the world; by default right below the trusted planes."""


def reads(job: InterpolationJob) -> list[str]:
    """Content that the outcome depends on."""
    return [fingerprint(job.before), fingerprint(job.after)]


def run(job: InterpolationJob) -> InterpolationOutcome:
    """Interpolate between two measured slices, unless the one above reaches far enough down.

    Raises
    ------
    SoctError
        If a slice cannot be read or an output cannot be written. A failed gate is no error.
    """
    if job.output_z < 1:
        return InterpolationOutcome(slice_id=job.slice_id, result="already_covered")
    files = InterpolationFiles.standard(job.output, job.slice_id)
    diagnostics = interpolate_slice(
        open_volume(job.before, job.voxel_size_um, job.choice),
        open_volume(job.after, job.voxel_size_um, job.choice),
        GapToFill(
            job.slice_id,
            job.usable_before,
            job.output_z,
            job.window_before,
            job.window_after,
            job.origin_um,
        ),
        files,
        job.settings,
        job.ngff_version,
    )
    return _outcome(diagnostics, job.slice_id, files)


def interpolate_slice(
    before: Volume,
    after: Volume,
    gap: GapToFill,
    files: InterpolationFiles,
    settings: InterpolationSettings,
    version: NgffVersion = "0.5",
) -> InterpolationDiagnostics:
    """Interpolate between two stores and write what is wanted of it.

    Raises
    ------
    AcquisitionError
        If voxel sizes differ, or the output would replace what is no image.
    VolumeError, OutputError
        If a store cannot be read or written.
    """
    if not same_voxel_size(before.voxel_size_um, after.voxel_size_um):
        raise AcquisitionError(
            f"{after.path}: voxel size {after.voxel_size_um} µm, "
            f"but {before.path.name} has {before.voxel_size_um}"
        )
    usable = before.shape[0] if gap.usable_before is None else gap.usable_before
    above, under = unpacked_once(before, after)
    trusted = trusted_part(seen_through(above, gap.window_before), usable)
    below = seen_through(under, gap.window_after)
    nz_out = trusted.shape[0] if gap.output_z is None else gap.output_z
    refuse_foreign_output(files.volume, (before.path, after.path))
    shown = GapPlanes(row=trusted.shape[1] // 2)
    spec = ImageSpec(
        (nz_out, max(trusted.shape[1], below.shape[1]), max(trusted.shape[2], below.shape[2])),
        np.dtype(trusted.dtype),
        before.voxel_size_um,
        _below(before, usable) if gap.origin_um is None else gap.origin_um,
        version,
        made_as=made_as(gap.slice_id, str(before.path), str(after.path)),
    )
    writer = _Writer(files, spec, shown)
    found = _fill(trusted, below, nz_out, settings, writer)
    if found.interpolation_failed:
        # A volume of an earlier attempt must not outlive a hard skip.
        remove(files.volume)
    if files.uncertainty is not None and found.uncertainty is None:
        remove(files.uncertainty)
    diagnostics = _with_names(found, (before.path, after.path), gap.slice_id, files)
    if files.preview is not None:
        z_to_x = before.voxel_size_um[0] / before.voxel_size_um[2]
        publish_bytes(files.preview, preview_png(trusted, below, shown, diagnostics, z_to_x))
    if files.reportlet is not None:
        write_reportlet(files.reportlet, lambda: gap_reportlet(trusted, below, shown, diagnostics))
    if files.diagnostics is not None:
        publish_text(files.diagnostics, diagnostics.model_dump_json(indent=2) + "\n")
    if files.fragment is not None and gap.slice_id is not None:
        write_fragment(files.fragment, ManifestFragment.from_diagnostics(diagnostics, gap.slice_id))
    return diagnostics


def refuse_to_replace_others(
    before: Path, after: Path, slice_id: int | None, files: InterpolationFiles, *, overwrite: bool = False
) -> None:
    """Refuse outputs that are there and are no earlier result of this very interpolation.

    Raises
    ------
    AcquisitionError
        Also where the volume would bear the name of a measured slice, or that of another interpolated one.
    """
    for image in filter(None, (files.volume, files.uncertainty)):
        if named_slice_id(image) is not None:
            raise AcquisitionError(f"{image}: is the name of a measured slice, wanted another path")
    if files.uncertainty is not None and files.uncertainty.resolve() == files.volume.resolve():
        raise AcquisitionError(f"{files.uncertainty}: is the interpolated slice itself, wanted another path")
    other = named_interpolated_id(files.volume)
    if slice_id is not None and other not in (None, slice_id):
        raise AcquisitionError(
            f"{files.volume}: is named after slice {other:02d}, but --slice-id says {slice_id:02d}"
        )
    mine = made_as(slice_id, str(before), str(after))
    what = f"an earlier {mine}"
    checks: tuple[tuple[Path | None, Callable[[Path], bool]], ...] = (
        (files.volume, lambda path: image_made_as(path) == mine),
        (files.uncertainty, lambda path: image_made_as(path) == uncertainty_of(mine)),
        (files.diagnostics, lambda path: read_record(path, InterpolationDiagnostics).made_as == mine),
        (files.fragment, lambda path: read_fragment(path).slice_id == slice_id),
        (files.preview, lambda path: preview_of(path) == mine),
    )
    for path, is_same in checks:
        # Whoever publishes a file refuses a directory in its place.
        if path is None or path in (files.volume, files.uncertainty) or not path.is_dir():
            refuse_to_replace(path, is_same, what, overwrite=overwrite)


def _with_names(
    found: InterpolationDiagnostics,
    neighbours: tuple[Path, Path],
    slice_id: int | None,
    files: InterpolationFiles,
) -> InterpolationDiagnostics:
    """The diagnostics with the slice and the files that they speak of."""
    document = files.diagnostics or files.volume
    before, after = (_relative(path, document) for path in neighbours)
    made = None if found.interpolation_failed else _relative(files.volume, document)
    half = None
    if found.uncertainty is not None and files.uncertainty is not None:
        half = _relative(files.uncertainty, document)
    names = {
        "slice_before_path": before,
        "slice_after_path": after,
        "output_path": made,
        "uncertainty_path": half,
    }
    return found.model_copy(update={"slice_id": slice_id, **names})


def _relative(path: Path, document: Path) -> str:
    """A path as a document beside others names it, so that both can be moved together."""
    return Path(os.path.relpath(path.absolute(), document.absolute().parent)).as_posix()


def _below(before: Volume, planes: int) -> Zyx:
    z, y, x = before.origin_um
    return z + planes * before.voxel_size_um[0], y, x


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


def _fill(
    trusted: Sliceable,
    below: Sliceable,
    nz_out: int,
    settings: InterpolationSettings,
    writer: _Writer,
) -> InterpolationDiagnostics:
    started = time.perf_counter()
    if settings.method != "zmorph":
        sigma = WEIGHTED_SIGMA_Z if settings.method == "weighted" else 0.0
        writer.volume(Baseline(trusted, below, nz_out, sigma).voxels)
        return baseline_diagnostics(settings, nz_out, settings.method, time.perf_counter() - started)
    morph, trial = prepare_morph(trusted, below, settings, nz_out)
    interval = None
    if morph is not None:
        give_back_memory()
        writer.volume(partial(morph.voxels, nz_out))
        if settings.uncertainty and writer.files.uncertainty is not None:
            interval = writer.uncertainty(writer.files.uncertainty, HalfWidths(morph, nz_out).voxels)
    found = morph_diagnostics(trial, morph, settings, nz_out, time.perf_counter() - started)
    return found.model_copy(update={"uncertainty": interval})


def _outcome(
    diagnostics: InterpolationDiagnostics, slice_id: int, files: InterpolationFiles
) -> InterpolationOutcome:
    """What the flow needs to know of an interpolation."""
    failed = diagnostics.interpolation_failed
    reportlet = files.reportlet if files.reportlet is not None and files.reportlet.exists() else None
    uncertainty = None if diagnostics.uncertainty is None else files.uncertainty
    places = (None if failed else files.volume, uncertainty, files.diagnostics, files.fragment, reportlet)
    decided = (name for check in diagnostics.gates if not check.passed for name in GATES[check.gate].settings)
    return InterpolationOutcome(
        slice_id=slice_id,
        result="hard_skip" if failed else "interpolated",
        reason=diagnostics.fallback_reason,
        detail=diagnostics.detail,
        decided_by=tuple(dict.fromkeys(decided)),
        accepted_by_hand=diagnostics.gate == "accepted_by_hand",
        brightness_step=diagnostics.brightness_step,
        volume=None if failed else files.volume,
        uncertainty=uncertainty,
        fragment=files.fragment,
        diagnostics=files.diagnostics,
        written=tuple(path for path in places if path is not None),
        seconds=diagnostics.seconds,
    )
