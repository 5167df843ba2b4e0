"""Stage `finalise_interpolation`: finish the audit trail."""

from __future__ import annotations

from schemas.jobs import FinaliseJob
from schemas.outcomes import FinalisedTrail
from soct_core.acquisition import find_acquisition, slice_table
from soct_core.finalisation import FINAL_NAME, finalise
from soct_core.fingerprint import fingerprint

VERSION = "3"


def reads(job: FinaliseJob) -> list[str]:
    """Content that the outcome depends on."""
    config = [] if job.config is None else [fingerprint(job.config)]
    found = find_acquisition(job.acquisition).slices
    return [*config, *map(str, found), *map(fingerprint, job.fragments)]


def run(job: FinaliseJob) -> FinalisedTrail:
    """Merge all fragments into the config; nothing is written if one of them is broken.

    Raises
    ------
    FragmentError, SliceConfigError, OutputError
    """
    path = job.output / FINAL_NAME
    table = slice_table(find_acquisition(job.acquisition))
    finalise(table, job.fragments, path, job.notes)
    return FinalisedTrail(path=path, artefacts=(path,))
