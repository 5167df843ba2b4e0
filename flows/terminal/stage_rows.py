"""What a live table knows of each stage: counts, seconds, and an honest estimate of what is left."""

from __future__ import annotations

from dataclasses import dataclass

STAGES = {
    "detect_gaps": "detect gaps",
    "interpolate_missing_slice": "interpolate",
    "render_preview": "previews",
    "finalise_interpolation": "finalise",
    "register_pair": "register pairs",
    "plan_stack": "plan stack",
    "stack_part": "stack parts",
    "stack": "stack",
    "render_report": "report",
}
"""Titles of the stages in the table, by the name of their task, in the order of a run."""
ONLY_IF_LARGE = {"plan_stack", "stack_part"}
"""Stages that only a volume of several parts goes through."""
ASSESS_STAGES = {
    "measure_slice": "measure slices",
    "compare_slices": "compare slices",
    "assess_slice": "assess slices",
    "publish_quality": "config and page",
}
"""The same of an assessment."""
APPLY_STAGES = {"apply_gap": "interpolate", "apply_stack": "stack"}
"""The same where the poses of a run are applied."""
_TELLING_FRACTION = 0.05


@dataclass
class StageRow:
    """One stage; `total` is None until it begins. Times are seconds on one clock."""

    title: str
    total: int | None = None
    done: int = 0
    cached: int = 0
    failed: int = 0
    hard_skipped: int = 0
    busy_seconds: float = 0.0
    """Seconds spent by the task runs that were not cached."""
    began: float = 0.0
    last: float = 0.0
    """When a task run ended last."""
    fraction: float | None = None
    """How far the stage reports to have come, 0 to 1; None if it reports nothing."""

    @property
    def running(self) -> bool:
        return self.total is not None and self.done < self.total

    def begin(self, total: int, now: float) -> None:
        """Begin the stage, or add task runs to it."""
        if self.total is None:
            self.began = now
        self.total, self.last, self.fraction = (self.total or 0) + total, now, None

    def end_one(self, state: str, seconds: float, now: float, *, hard_skip: bool) -> None:
        """Count one task run that ended."""
        self.done += 1
        self.last = now
        self.hard_skipped += hard_skip
        if state == "Cached":
            self.cached += 1
        else:
            self.busy_seconds += seconds
            self.failed += state != "Completed"

    def elapsed(self, now: float) -> float | None:
        """Seconds since it began; once it ended, those that it took."""
        if not self.total:
            return None
        return (now if self.running else self.last) - self.began

    def left(self, workers: int, now: float) -> float | None:
        """Seconds left, from what its task runs took so far; None while none has ended."""
        if self.total is None or not self.running:
            return None
        if self.fraction is not None:
            passed = now - self.began
            return passed / self.fraction - passed if self.fraction >= _TELLING_FRACTION else None
        made, remaining = self.done - self.cached, self.total - self.done
        if made == 0:
            return None
        mean = self.busy_seconds / made
        estimate = mean * remaining / min(workers, remaining) - (now - self.last)
        # An estimate of no time left, while it still runs, was wrong: then none is given.
        return estimate if estimate > 0 else None
