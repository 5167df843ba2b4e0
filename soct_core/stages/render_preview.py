"""Stage `render_preview`: the picture of one interpolation; neither is made again because of the other."""

from __future__ import annotations

from schemas.diagnostics import InterpolationDiagnostics
from schemas.handoffs import PreviewJob, PreviewOutcome
from soct_core.file_names import preview_path
from soct_core.reportlets.gap_planes import read_gap_planes
from soct_core.reportlets.preview import preview_png
from soct_core.storage.atomic import publish_bytes
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.records import read_record
from soct_core.volume import open_volume
from soct_core.volume.views import seen_through, trusted_part

VERSION = "7"


def reads(job: PreviewJob) -> list[str]:
    """Content that the outcome depends on."""
    found = read_record(job.diagnostics, InterpolationDiagnostics).model_dump_json(exclude={"seconds"})
    volumes = (job.before, job.after, job.made)
    return [found, *(fingerprint(path) for path in volumes if path is not None)]


def run(job: PreviewJob) -> PreviewOutcome:
    """Draw before, after and what was made between them, or why nothing was.

    Raises
    ------
    SoctError
        If a file cannot be read or the picture cannot be written.
    """
    before = open_volume(job.before, job.voxel_size_um, job.choice)
    after = open_volume(job.after, job.voxel_size_um, job.choice)
    path = job.output / preview_path(job.slice_id)
    trusted = trusted_part(seen_through(before, job.window_before), job.usable_before)
    made = None if job.made is None else open_volume(job.made)
    picture = preview_png(
        trusted,
        seen_through(after, job.window_after),
        read_gap_planes(made, trusted.shape[1] // 2),
        read_record(job.diagnostics, InterpolationDiagnostics),
        before.voxel_size_um[0] / before.voxel_size_um[2],
    )
    publish_bytes(path, picture)
    return PreviewOutcome(slice_id=job.slice_id, preview=path, written=(path,))
