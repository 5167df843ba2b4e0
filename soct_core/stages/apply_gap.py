"""Stage `apply_gap`: a missing slice of other slices, made by the motion that a run found."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial

import numpy as np

from schemas.applied import ApplyGapJob, ApplyGapOutcome, KnownDisplacement, KnownMotion
from schemas.handoffs import InterpolationJob
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.errors import RecordError
from soct_core.file_names import InterpolationFiles
from soct_core.stacking.regrid import Regrid
from soct_core.stages.interpolate_missing_slice import GapToFill, interpolate_slice
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import Volume, open_volume
from soct_core.volume.views import padded_to_common_shape, seen_through, trusted_part
from soct_core.volume.writing import ImageSpec, write_in_blocks
from soct_core.zmorph.displacement import Displacement
from soct_core.zmorph.morph import Morph
from soct_core.zmorph.refinement import refinement_of
from soct_core.zmorph.sides import Side

VERSION = "6"
_SAME = 1e-3
"""Relative. Other processors round otherwise; another displacement differs by more."""


def reads(job: ApplyGapJob) -> list[str]:
    """Content that the outcome depends on."""
    known = [] if job.displacement is None else [job.displacement.gap.before, job.displacement.gap.after]
    return [fingerprint(path) for path in (job.before, job.after, *known)]


def run(job: ApplyGapJob) -> ApplyGapOutcome:
    """Write the slice; no gate is asked, for the run has asked them.

    Raises
    ------
    SoctError
        If a slice cannot be read, the output cannot be written, or the displacement of the run is not
        found again.
    """
    started = time.perf_counter()
    files = InterpolationFiles(InterpolationFiles.standard(job.output, job.slice_id).volume)
    before, after = _sides(job)
    if job.method == "zmorph":
        _morph(before, after, job, files)
    else:
        gap = GapToFill(
            job.slice_id, job.usable_before, job.output_z, job.window_before, job.window_after, job.origin_um
        )
        interpolate_slice(before, after, gap, files, job.settings, job.ngff_version)
    return ApplyGapOutcome(
        slice_id=job.slice_id,
        volume=files.volume,
        written=(files.volume,),
        seconds=time.perf_counter() - started,
    )


def _morph(before: Volume, after: Volume, job: ApplyGapJob, files: InterpolationFiles) -> None:
    above, below = _seen(before, after, job)
    motion = _affine(job.motion)
    # Sources are as deep as the noise of these slices asks; their displacement is that of the run.
    settings = job.settings.model_copy(update={"deformation": "affine", "uncertainty": False})
    refined = refinement_of(above, below, motion, settings, job.output_z)
    if job.displacement is not None:
        refined = replace(refined, displacement=_found_again(job.displacement))
    above, below = padded_to_common_shape(above, below)
    sides = Side(above, refined.planes, above=True), Side(below, refined.planes)
    morph = Morph(*sides, motion, settings, refined)
    shape = job.output_z, above.shape[1], above.shape[2]
    spec = ImageSpec(shape, np.dtype(above.dtype), before.voxel_size_um, job.origin_um, job.ngff_version)
    write_in_blocks(files.volume, spec, partial(morph.voxels, job.output_z))


def _found_again(known: KnownDisplacement) -> Displacement:
    """The displacement of the run, for pixels of the other slices."""
    gap = known.gap
    above, below = _seen(*_sides(gap), gap)
    refined = refinement_of(above, below, _affine(known.motion), gap.settings, gap.output_z)
    found = refined.displacement
    measured = (0.0, 0.0) if found is None else (found.share, found.rms_px)
    wanted = known.share, known.rms_px
    same = (math.isclose(a, b, rel_tol=_SAME) for a, b in zip(measured, wanted, strict=True))
    if found is None or not all(same):
        raise RecordError(
            f"{gap.output}: the displacement of slice {gap.slice_id:02d} is not found again: "
            f"{measured[1]:.3g} px over {measured[0]:.0%} of the tissue, wanted {wanted[1]:.3g} px over "
            f"{wanted[0]:.0%}; its slices or this program have changed since, so reconstruct once more"
        )
    return Regrid(known.ratio).displacement(found, known.rest)


def _sides(gap: InterpolationJob) -> tuple[Volume, Volume]:
    before, after = (open_volume(path, gap.voxel_size_um, gap.choice) for path in (gap.before, gap.after))
    return before, after


def _seen(before: Volume, after: Volume, gap: InterpolationJob) -> tuple[Sliceable, Sliceable]:
    """What is used of both sides of a gap."""
    above = trusted_part(seen_through(before, gap.window_before), gap.usable_before)
    return above, seen_through(after, gap.window_after)


def _affine(motion: KnownMotion) -> Affine2D:
    return Affine2D(motion.matrix, motion.translation, motion.center)
