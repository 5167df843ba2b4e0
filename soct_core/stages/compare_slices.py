"""Stage `compare_slices`: how alike two slices are where they face each other."""

from __future__ import annotations

import time

from schemas.assessment import CompareJob, CompareOutcome
from schemas.common_space import Window
from soct_core.file_names import ComparisonFiles
from soct_core.quality.compare import compare_faces
from soct_core.quality.planes import Field, LookedAt, both_show, lower_face, upper_face
from soct_core.reportlets.quality import comparison_reportlet
from soct_core.reportlets.write import write_reportlet
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import Volume, open_volume
from soct_core.volume.views import seen_through

VERSION = "1"


def reads(job: CompareJob) -> list[str]:
    """Content that the outcome depends on."""
    return [fingerprint(job.upper), fingerprint(job.lower)]


def run(job: CompareJob) -> CompareOutcome:
    """Compare two slices and write their figures. Unlike slices are a result, not an error.

    Raises
    ------
    SoctError
        If a slice cannot be read or an output cannot be written.
    """
    started = time.perf_counter()
    size, choice = job.voxel_size_um, job.settings.input
    above, below = (open_volume(path, size, choice) for path in (job.upper, job.lower))
    looked = [
        LookedAt.of(volume.shape[0], volume.voxel_size_um[0], job.settings) for volume in (above, below)
    ]
    upper = lower_face(seen_through(above, job.window_upper), looked[0])
    lower = upper_face(seen_through(below, job.window_lower), looked[1], upper.factor)
    if job.window_upper is not None and job.window_lower is not None:
        fields = _field(job.window_upper, above), _field(job.window_lower, below)
        upper, lower = both_show((upper, lower), fields)
    compared = compare_faces(upper, lower, (job.upper_id, job.lower_id))
    files = ComparisonFiles.standard(job.output, job.upper_id, job.lower_id)
    publish_text(files.figures, compared.figures.model_dump_json(indent=2) + "\n")
    pictures = write_reportlet(files.reportlet, lambda: comparison_reportlet(upper, lower, compared))
    return CompareOutcome(
        upper_id=job.upper_id,
        lower_id=job.lower_id,
        figures=files.figures,
        written=(files.figures, *pictures),
        seconds=time.perf_counter() - started,
    )


def _field(window: Window, volume: Volume) -> Field:
    (x, y), (_, height, width) = window.offset, volume.shape
    return slice(y, y + height), slice(x, x + width)
