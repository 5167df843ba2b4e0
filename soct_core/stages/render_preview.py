"""Stage `render_preview`: the picture of one interpolation, apart from it, so that either comes alone."""

from __future__ import annotations

from schemas.diagnostics import InterpolationDiagnostics
from schemas.jobs import PreviewJob
from schemas.outcomes import PreviewOutcome
from soct_core.atomic import publish_bytes
from soct_core.fingerprint import fingerprint
from soct_core.gap_sight import sight_of
from soct_core.interpolation import preview_place
from soct_core.pair_records import read_record
from soct_core.plane_window import seen_through
from soct_core.preview import preview_png
from soct_core.top_planes import TopPlanes
from soct_core.volume import open_volume

VERSION = "2"


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
    before = open_volume(job.before, job.voxel_size_um)
    after = open_volume(job.after, job.voxel_size_um)
    path = preview_place(job.output, job.slice_id)
    trusted = TopPlanes(seen_through(before, job.window_before), job.usable_before)
    made = None if job.made is None else open_volume(job.made)
    picture = preview_png(
        trusted,
        seen_through(after, job.window_after),
        sight_of(made, trusted.shape[1] // 2),
        read_record(job.diagnostics, InterpolationDiagnostics),
        before.voxel_size_um[0] / before.voxel_size_um[2],
    )
    publish_bytes(path, picture)
    return PreviewOutcome(slice_id=job.slice_id, preview=path, artefacts=(path,))
