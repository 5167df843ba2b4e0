"""Stage `stack_part`: one part of the volume, from the plan and the slices that it shows."""

from __future__ import annotations

import time
from functools import partial

from schemas.handoffs import StackPart, StackPartJob, StackPartOutcome
from schemas.image_choice import ImageChoice
from schemas.stack_plan import StackPlan
from soct_core.file_names import part_path
from soct_core.stacking.plan_file import parted_volume
from soct_core.stacking.uncertainty import PartedUncertainty
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.own_files import make_own_folder
from soct_core.storage.records import read_record
from soct_core.volume import open_volume

VERSION = "13"


def reads(job: StackPartJob) -> list[str]:
    """Content that the part depends on."""
    return [fingerprint(path) for path in (job.plan, *job.slices.values(), *job.uncertainties.values())]


def run(job: StackPartJob) -> StackPartOutcome:
    """Write the blocks of one part, with what lies above them in the pyramid.

    Raises
    ------
    SoctError
        If a slice cannot be read or the disk refuses.
    """
    started = time.perf_counter()
    plan = read_record(job.plan, StackPlan)
    measured = {one.slice_id for one in plan.slices if one.state == "measured"}
    volumes = {
        i: open_volume(path, plan.voxel_size_um, job.choice if i in measured else ImageChoice())
        for i, path in job.slices.items()
    }
    name = part_path(fingerprint(job.plan), job.index)
    make_own_folder(job.output, name.rpartition("/")[0])
    folder = job.output / name
    blocks, volume = plan.parts[job.index], parted_volume(plan, volumes)
    known = {i: open_volume(path) for i, path in job.uncertainties.items()}
    uncertainty = PartedUncertainty.of(volume, known)
    beside = None if uncertainty is None else partial(uncertainty.write, blocks)
    volume.write_part(blocks, folder, beside)
    part = StackPart(index=job.index, folder=folder, content=fingerprint(folder))
    return StackPartOutcome(part=part, written=(folder,), seconds=time.perf_counter() - started)
