"""Stage `measure_slice`: the figures of one slice alone."""

from __future__ import annotations

import time

from schemas.assessment import MeasureJob, MeasureOutcome
from soct_core.file_names import AssessmentFiles
from soct_core.quality.measure import measure_slice
from soct_core.quality.planes import LookedAt
from soct_core.reportlets.quality import slice_reportlet
from soct_core.reportlets.write import write_reportlet
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import open_volume

VERSION = "2"


def reads(job: MeasureJob) -> list[str]:
    """Content that the outcome depends on."""
    return [fingerprint(job.path)]


def run(job: MeasureJob) -> MeasureOutcome:
    """Measure one slice and write its figures.

    Raises
    ------
    SoctError
        If the slice cannot be read or an output cannot be written.
    """
    started = time.perf_counter()
    volume = open_volume(job.path, job.voxel_size_um, job.settings.input)
    looked_at = LookedAt.of(volume.shape[0], volume.voxel_size_um[0], job.settings)
    figures = measure_slice(volume, job.slice_id, looked_at)
    files = AssessmentFiles.standard(job.output, job.slice_id)
    publish_text(files.figures, figures.model_dump_json(indent=2) + "\n")
    pictures = write_reportlet(files.reportlet, lambda: slice_reportlet(volume, looked_at))
    return MeasureOutcome(
        slice_id=job.slice_id,
        figures=files.figures,
        written=(files.figures, *pictures),
        seconds=time.perf_counter() - started,
    )
