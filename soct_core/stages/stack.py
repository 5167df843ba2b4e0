"""Stage `stack`: join the parts of the volume, write those that are missing, and say where slices went."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.handoffs import StackJob, StackOutcome, StackPart
from schemas.stack_plan import Block
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.file_names import (
    DECISIONS_PATH,
    PARTS_FOLDER,
    PLAN_PATH,
    PUBLISHED_PATH,
    STACK_REPORTLET_PATH,
    UNCERTAINTY_PATH,
    VOLUME_PATH,
)
from soct_core.reportlets.stack import stack_reportlet
from soct_core.reportlets.write import write_reportlet
from soct_core.stacking.assembly import Stack, decisions_table
from soct_core.stacking.plan_file import describes, is_plan_of, plan_of
from soct_core.stacking.preparation import Prepared, prepare, read_contents
from soct_core.stacking.published import write_published
from soct_core.stages import plan_stack
from soct_core.storage.atomic import publish_text, remove
from soct_core.storage.file_tree import files_of
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.fingerprint_memo import memo

VERSION = plan_stack.VERSION


def reads(job: StackJob) -> list[str]:
    """Content that the outcome depends on."""
    return read_contents(job)


def run(job: StackJob) -> StackOutcome:
    """Join all slices to one volume.

    Where slices were only appended to what is published, all that is published stays as it is.

    Raises
    ------
    SoctError
        If an input is broken or the disk refuses.
    """
    started = time.perf_counter()
    prepared = prepare(job, VERSION)
    stack, path = prepared.stack, job.output / VOLUME_PATH
    former = stack.volume.plan.former
    parts = _whole(job.parts, prepared)
    written = {part.index for part in parts}
    missing = [b for i, blocks in enumerate(stack.volume.parts) if i not in written for b in blocks]
    stack.volume.join([part.folder for part in parts], missing, path)
    sources = [part.folder for part in parts]
    memo().inherit(path, files_of(path), [path, *sources])
    beside = _join_uncertainty(job, stack, parts, missing)
    plan = job.output / PLAN_PATH
    # Tasks of this run have read the plan: a second attempt, which goes on from the volume of the first,
    # must not write another.
    if prepared.plan is None or not describes(prepared.plan, stack, prepared.contents):
        content = plan_of(stack, prepared.contents, look=False)
        publish_text(plan, content.model_dump_json(indent=1) + "\n")
    decisions, record = job.output / DECISIONS_PATH, job.output / PUBLISHED_PATH
    table = decisions_table(prepared.given, stack.assembled, stack.intensity.factors)
    publish_text(decisions, STACKING_DECISIONS.to_csv(table))
    # Last: a record that does not match the volume beside it is not believed.
    known = None if beside is None else fingerprint(beside)
    write_published(record, stack.to_publish, prepared.contents, fingerprint(path), known)
    _forget(job, parts)
    pictures = write_reportlet(job.output / STACK_REPORTLET_PATH, lambda: stack_reportlet(path))
    return StackOutcome(
        volume=path,
        uncertainty=beside,
        decisions=decisions,
        shape=stack.volume.grid.image[0].shape,
        kept_planes=0 if former is None else former.planes,
        matched_cuts=stack.intensity.matched if job.recipe.stack.match_intensity else None,
        unmatched_cuts=stack.intensity.unmatched,
        written=(path, *([] if beside is None else [beside]), decisions, record, plan, *pictures),
        seconds=time.perf_counter() - started,
    )


def _join_uncertainty(
    job: StackJob, stack: Stack, parts: Sequence[StackPart], missing: Sequence[Block]
) -> Path | None:
    """Join what belongs beside the volume, or remove what an earlier run left there."""
    path = job.output / UNCERTAINTY_PATH
    if stack.uncertainty is None:
        remove(path)
        return None
    stack.uncertainty.join([part.folder for part in parts], missing, path)
    return path


def _whole(parts: Iterable[StackPart], prepared: Prepared) -> list[StackPart]:
    """Parts of this very volume that are as they were written."""
    if not _is_planned(prepared):
        return []
    return [part for part in parts if part.folder.is_dir() and fingerprint(part.folder) == part.content]


def _is_planned(prepared: Prepared) -> bool:
    plan = prepared.plan
    return plan is not None and is_plan_of(plan, prepared.stack, prepared.contents)


def _forget(job: StackJob, parts: Iterable[StackPart]) -> None:
    """Remove the parts: their files have other names by now."""
    remove(job.output / PARTS_FOLDER)
    memo().forget([part.folder for part in parts])
