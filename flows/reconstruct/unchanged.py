"""A run that would find everything made: known from the seal of the last one, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.engine.places import Places
from flows.engine.seal import asked_of, known_run
from schemas.handoffs import RunResult, VoxelSize
from schemas.settings import ReconstructSettings
from soct_core.run.record import RunFacts, write_run_record


@dataclass(frozen=True)
class Asked:
    """What a reconstruction is asked for, before anything is opened."""

    places: Places
    name: str
    """What the acquisition is called."""
    settings: ReconstructSettings
    shifts: Path | None
    voxel_size_um: VoxelSize | None
    allow_missing: bool

    def digest(self) -> str:
        """Of what is asked for, of the program that is asked, and of which files there are."""
        outside = [] if self.shifts is None else [self.shifts]
        options = self.name, str(self.voxel_size_um), str(self.allow_missing)
        return asked_of(self.places.acquisition, outside, self.settings.model_dump_json(), *options)


def result_if_unchanged(request: Asked, command: str) -> RunResult | None:
    """What a run would return, if it would find everything made; its record is written as it would be.

    Raises
    ------
    OutputBusyError
        If another run is at work there.
    """
    places, started = request.places, datetime.now(UTC)
    with known_run(request, RunResult, command) as found:
        if found is None:
            return None
        result = found.result
        inputs = [places.acquisition / one.path for one in found.seal.inputs]
        facts = RunFacts(
            acquisition=request.name,
            output=places.output,
            inputs=[*inputs, *filter(None, [request.shifts])],
            settings=request.settings,
            started=started,
            command=command,
            gaps=result.gaps,
            warnings=result.warnings,
            doubts=result.doubts,
            outputs=found.outputs,
            tasks=found.seal.records(),
            errors=(),
        )
        write_run_record(facts, "completed")
    return result
