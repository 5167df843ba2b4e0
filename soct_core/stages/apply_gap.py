"""Stage `apply_gap`: a missing slice of other slices, made by the motion that a run found."""

from __future__ import annotations

import time

import numpy as np

from schemas.applied import ApplyGapJob, ApplyGapOutcome
from soct_core.affine import Affine2D
from soct_core.file_names import InterpolationFiles
from soct_core.planes.measured import read_measured
from soct_core.stages.interpolate_missing_slice import GapToFill, interpolate_slice
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import Volume, open_volume
from soct_core.volume.views import padded_to_common_shape, seen_through, trusted_part
from soct_core.volume.writing import ImageSpec, image_writer
from soct_core.zmorph.morph import Morph

VERSION = "1"


def reads(job: ApplyGapJob) -> list[str]:
    """Content that the outcome depends on."""
    return [fingerprint(job.before), fingerprint(job.after)]


def run(job: ApplyGapJob) -> ApplyGapOutcome:
    """Write the slice; no gate is asked, for the run has asked them.

    Raises
    ------
    SoctError
        If a slice cannot be read or the output cannot be written.
    """
    started = time.perf_counter()
    before, after = (open_volume(path, job.voxel_size_um, job.choice) for path in (job.before, job.after))
    files = InterpolationFiles(InterpolationFiles.standard(job.output, job.slice_id).volume)
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
    trusted = trusted_part(seen_through(before, job.window_before), job.usable_before)
    above, below = padded_to_common_shape(trusted, seen_through(after, job.window_after))
    edge_above, where_above = read_measured(above, above.shape[0] - 1)
    edge_below, where_below = read_measured(below, 0)
    motion = Affine2D(job.matrix, job.translation, job.center)
    morph = Morph(edge_above, edge_below, motion, job.settings, (where_above, where_below))
    shape = job.output_z, above.shape[1], above.shape[2]
    spec = ImageSpec(shape, np.dtype(above.dtype), before.voxel_size_um, job.origin_um, job.ngff_version)
    with image_writer(files.volume, spec) as (image, _):
        for plane in morph.planes(job.output_z):
            image.append(plane)
