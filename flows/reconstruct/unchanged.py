"""A run that would find everything made: known from the seal of the last one, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.engine.places import Places
from flows.engine.seal import asked_of, unbroken_seal
from schemas.handoffs import RunResult, VoxelSize
from schemas.settings import ReconstructSettings
from soct_core.errors import BadInputError
from soct_core.file_names import SEAL_PATH
from soct_core.run.leftovers import remove_leftovers
from soct_core.run.lock import run_lock
from soct_core.run.record import RunFacts, write_run_record
from soct_core.storage.fingerprint_memo import remembering
from soct_core.storage.own_files import refuse_foreign_within
from soct_core.storage.safe_paths import refuse_output_among_inputs, refuse_unusable_place


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
    output = places.output
    try:
        refuse_unusable_place(output)
        refuse_output_among_inputs(output, places.acquisition)
        refuse_foreign_within(output)
    except BadInputError:
        return None  # The run itself says so.
    if not (output / SEAL_PATH).is_file():
        return None
    with run_lock(output, command) as not_promised, remembering(output):
        found = None if not_promised else unbroken_seal(places, request.digest())
        if found is None:
            return None
        seal, outputs = found
        try:
            result = places.read(seal.result, RunResult)
        except ValueError:
            return None
        remove_leftovers(output)
        inputs = [places.acquisition / one.path for one in seal.inputs]
        facts = RunFacts(
            acquisition=request.name,
            output=output,
            inputs=[*inputs, *filter(None, [request.shifts])],
            settings=request.settings,
            started=started,
            command=command,
            gaps=result.gaps,
            warnings=result.warnings,
            doubts=result.doubts,
            outputs=outputs,
            tasks=seal.records(),
            errors=(),
        )
        write_run_record(facts, "completed")
    return result
