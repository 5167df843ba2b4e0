"""Stage `detect_gaps`: which slices are used, and what is missing between them."""

from __future__ import annotations

from schemas.handoffs import DetectedGaps, DetectGapsJob
from soct_core.acquisition.slices import find_acquisition, slice_table, used_slices
from soct_core.gaps import detect_single_gaps
from soct_core.storage.fingerprint import fingerprint

VERSION = "3"


def reads(job: DetectGapsJob) -> list[str]:
    """Content that the outcome depends on."""
    return [] if job.config is None else [fingerprint(job.config)]


def run(job: DetectGapsJob) -> DetectedGaps:
    """Detect gaps among the slices that are used and present.

    Raises
    ------
    AcquisitionError, SliceConfigError
        If the acquisition or its config cannot be used.
    """
    acquisition = find_acquisition(job.acquisition)
    table = slice_table(acquisition)
    used = used_slices(acquisition, table, allow_missing=job.allow_missing)
    excluded = sorted({int(i) for i in table["slice_id"]} - set(used))
    return DetectedGaps(used=used, excluded=tuple(excluded), gaps=detect_single_gaps(used))
