"""Stage `interpolate_missing_slice`: fill one single gap, or record why it stays one."""

from __future__ import annotations

from schemas.jobs import InterpolationJob
from schemas.outcomes import InterpolationOutcome
from soct_core.fingerprint import fingerprint
from soct_core.interpolation import InterpolationFiles, interpolate_slice, outcome_of
from soct_core.volume import open_volume

VERSION = "6"


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
        open_volume(job.before, job.voxel_size_um),
        open_volume(job.after, job.voxel_size_um),
        job.slice_id,
        files,
        job.settings,
        usable_before=job.usable_before,
        output_z=job.output_z,
        version=job.ngff_version,
        windows=(job.window_before, job.window_after),
    )
    return outcome_of(diagnostics, job.slice_id, files)
