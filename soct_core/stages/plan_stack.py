"""Stage `plan_stack`: where every slice goes, and the parts in which the volume is written."""

from __future__ import annotations

import time

from schemas.handoffs import PlannedStack, StackJob, StackPartJob
from soct_core.file_names import PARTS_FOLDER, PLAN_PATH, PUBLISHED_PATH
from soct_core.stacking.plan_file import plan_of, slices_of_part
from soct_core.stacking.preparation import prepare, read_contents
from soct_core.stacking.published import read_published
from soct_core.storage.atomic import publish_text, remove
from soct_core.storage.fingerprint import fingerprint

VERSION = "13"
"""Of all that a volume is made by: that of the stack."""


def reads(job: StackJob) -> list[str]:
    """Content that the plan depends on: also what is published, to be continued.

    By what it says and not by its fingerprint: it is no input, and is written anew before the run ends.
    """
    published = read_published(job.output / PUBLISHED_PATH)
    return [*read_contents(job), "" if published is None else published.model_dump_json()]


def run(job: StackJob) -> PlannedStack:
    """Solve the poses of all slices and cut the volume into parts.

    Raises
    ------
    SoctError
        If an input is broken or the disk refuses.
    """
    started = time.perf_counter()
    prepared = prepare(job, VERSION)
    plan, path = plan_of(prepared.stack, prepared.contents), job.output / PLAN_PATH
    publish_text(path, plan.model_dump_json(indent=1) + "\n")
    _remove_parts_of_others(job)
    paths = job.measured | job.interpolated
    jobs = tuple(
        StackPartJob(
            index=index,
            plan=path,
            slices={i: paths[i] for i in shown},
            uncertainties={i: job.uncertainties[i] for i in shown if i in job.uncertainties},
            output=job.output,
            voxel_size_um=job.voxel_size_um,
            choice=job.choice,
        )
        for index, shown in enumerate(slices_of_part(plan, part) for part in range(len(plan.parts)))
    )
    return PlannedStack(plan=path, parts=jobs, written=(path,), seconds=time.perf_counter() - started)


def _remove_parts_of_others(job: StackJob) -> None:
    mine, folder = fingerprint(job.output / PLAN_PATH), job.output / PARTS_FOLDER
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name != mine or job.fresh:
            remove(path)
