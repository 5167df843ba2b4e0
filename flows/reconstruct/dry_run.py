"""What a run would do, and why: nothing is started, nothing is written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rich.console import Console

from flows.engine import tasks
from flows.engine.caching import cache_entry, why_not_known
from flows.engine.runners import worker_count
from flows.reconstruct.unchanged import Asked
from schemas.handoffs import FinalisedTrail, Job
from schemas.printable import printable
from soct_core.errors import one_line
from soct_core.file_names import FINAL_NAME, VOLUME_PATH
from soct_core.run.estimate import estimate, size_text
from soct_core.run.plan import Planner, with_previews
from soct_core.stages import detect_gaps
from soct_core.storage.fingerprint_memo import remembering

_UPSTREAM = "it needs what a task above makes"


@dataclass
class Look:
    """What was found out of the tasks of a run."""

    request: Asked
    todo: dict[str, str] = field(default_factory=dict)
    """Why, by the name of the task run."""
    known: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """What known tasks took, by the first word of their names."""

    def at(self, bound: tasks.BoundTask[Any, Any], named: list[tuple[str, Any]]) -> list[Any]:
        """The outcomes of tasks that are known; the others would run."""
        outcomes = []
        for name, job in named:
            outcome = self._one(bound, name, job)
            if outcome is not None:
                outcomes.append(outcome)
        return outcomes

    def after(self, names: Iterator[str]) -> None:
        """Tasks that would run after others that would."""
        self.todo |= dict.fromkeys(names, _UPSTREAM)

    def _one(self, bound: tasks.BoundTask[Any, Any], name: str, job: Job) -> Any:
        places = self.request.places
        entry = cache_entry(places, name, partial(bound.key, job, places), bound.outcome_type)
        if not entry.known:
            self.todo[name] = why_not_known(entry)
            return None
        self.known += 1
        outcome = places.read(entry.known, bound.outcome_type)
        self.seconds.setdefault(name.split()[0], []).append(float(getattr(outcome, "seconds", 0.0)))
        return outcome


def print_dry_run(console: Console, request: Asked, planner: Planner, workers: int | None) -> None:
    """Print what would run and why, what would be read and written, and what it may take."""
    with remembering(request.places.output, keep=False):
        look, planes = _looked_at(request, planner)
    for line in _lines(look, planner, planes, worker_count(workers)):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _looked_at(request: Asked, planner: Planner) -> tuple[Look, int]:
    look = Look(request)
    look.at(tasks.detect_gaps, [("detect gaps", planner.detect_gaps_job())])
    found = detect_gaps.run(planner.detect_gaps_job())
    planner.use(found)
    gaps = planner.interpolation_jobs(found)
    filled = look.at(tasks.interpolate_missing_slice, gaps)
    pending = {job.slice_id for _, job in gaps} - {outcome.slice_id for outcome in filled}
    pairs = look.at(tasks.register_pair, planner.pair_jobs(filled, pending))
    if pending:
        look.after(f"preview z{slice_id:02d}" for slice_id in sorted(pending))
        look.after(f"register the pairs of z{slice_id:02d}" for slice_id in sorted(pending))
    filled = with_previews(filled, look.at(tasks.render_preview, planner.preview_jobs(filled)))
    trail: list[FinalisedTrail] = []
    if not pending:
        finalise = planner.finalise_job(found, filled)
        trail = look.at(tasks.finalise_interpolation, [("finalise audit trail", finalise)])
    if trail and not any(name.startswith("register") for name in look.todo):
        look.at(tasks.stack, [("stack", planner.stack_job(trail[0].path, filled, pairs))])
    elif "stack" not in look.todo:
        look.after(iter(["stack"] if trail else ["finalise audit trail", "stack"]))
    if look.todo:
        look.after(iter(["report"]))
    slots = planner.slots
    last = max(planner.measured)
    return look, slots.top(last) + planner.usable_planes(last)


def _lines(look: Look, planner: Planner, planes: int, workers: int) -> Iterator[str]:
    places = look.request.places
    if not look.todo:
        yield f"nothing would run: {look.known} tasks are known, and their outputs are whole"
        return
    yield f"these tasks would run, and why ({look.known} others are known and whole):"
    width = max(map(len, look.todo))
    yield from (f"  {name:<{width}}  {why}" for name, why in look.todo.items())
    read = sum(v.dtype.itemsize * math.prod(v.shape) for v in planner.volumes.values())
    inputs, output = (one_line(str(path)) for path in (places.acquisition, places.output))
    yield f"reads   {len(planner.inputs)} inputs in {inputs}, {size_text(read)} of voxels"
    yield f"writes  into {output}: {VOLUME_PATH}, {FINAL_NAME}, report.html, run.json, and what tasks leave"
    counts = {
        kind: sum(name.split()[0] == kind for name in look.todo)
        for kind in ("interpolate", "register", "stack")
    }
    counts["register"] += 2 * sum(name.startswith("register the pairs") for name in look.todo)
    took = estimate(planner.volumes, planes, counts, look.seconds, workers)
    yield f"takes   {took.text}; {workers} workers"
