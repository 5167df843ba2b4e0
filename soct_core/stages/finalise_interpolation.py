"""Stage `finalise_interpolation`: finish the audit trail."""

from __future__ import annotations

from schemas.handoffs import FinalisedTrail, FinaliseJob
from soct_core.acquisition.slices import find_acquisition, slice_table
from soct_core.file_names import FINAL_NAME
from soct_core.slice_config.finalise import finalise
from soct_core.storage.fingerprint import fingerprint

VERSION = "4"


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
    return FinalisedTrail(path=path, written=(path,))
