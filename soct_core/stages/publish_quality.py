"""Stage `publish_quality`: the slice config with all scores, and the page that shows them."""

from __future__ import annotations

import time

from schemas.assessment import QualityPageJob, QualityPageOutcome
from schemas.quality import SliceQuality
from soct_core import slice_config
from soct_core.acquisition.slices import find_acquisition, slice_table
from soct_core.file_names import ASSESSED_CONFIG, QUALITY_PAGE, AssessmentFiles, ComparisonFiles
from soct_core.quality.config import excluded_by, with_quality
from soct_core.report.quality_page import render_quality
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.records import read_record

VERSION = "1"


def reads(job: QualityPageJob) -> list[str]:
    """Content that the outcome depends on."""
    slices = [AssessmentFiles.standard(job.output, i) for i in job.slices]
    paths = [path for files in slices for path in (files.quality, files.reportlet)]
    paths += [ComparisonFiles.standard(job.output, *ids).reportlet for ids in job.pairs]
    config = [] if job.config is None else [fingerprint(job.config)]
    return config + [fingerprint(path) if path.exists() else "" for path in paths]


def run(job: QualityPageJob) -> QualityPageOutcome:
    """Write config and page under the output of the assessment.

    Raises
    ------
    SoctError
        If the config or a quality cannot be read, or an output cannot be written.
    """
    started = time.perf_counter()
    qualities = {
        i: read_record(AssessmentFiles.standard(job.output, i).quality, SliceQuality) for i in job.slices
    }
    table = with_quality(slice_table(find_acquisition(job.acquisition)), qualities, exclude=job.exclude)
    config, page = job.output / ASSESSED_CONFIG, job.output / QUALITY_PAGE
    slice_config.write(config, table)
    publish_text(page, render_quality(job, qualities))
    return QualityPageOutcome(
        config=config,
        page=page,
        excluded=excluded_by(table),
        written=(config, page),
        seconds=time.perf_counter() - started,
    )
