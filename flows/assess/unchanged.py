"""An assessment as it is asked for; and one that would find everything made, known without a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.places import Places
from flows.engine.seal import asked_of, known_run
from schemas.assessment import AssessResult
from schemas.handoffs import VoxelSize
from schemas.quality import QualitySettings
from soct_core.errors import BadInputError
from soct_core.file_names import CONFIG_NAME, DEFAULT_ASSESSMENT
from soct_core.run.written_configs import publish_config, refuse_foreign_config

if TYPE_CHECKING:
    from soct_core.run.quality_plan import QualityPlan


@dataclass(frozen=True)
class Asked:
    """What an assessment is asked for, before anything is opened."""

    places: Places
    config_out: Path
    """Where the slice config with all scores goes."""
    settings: QualitySettings
    voxel_size_um: VoxelSize | None
    shifts: Path | None
    exclude: bool

    @classmethod
    def places_of(cls, acquisition: Path, output: Path | None) -> Places:
        """The two directories of an assessment."""
        return Places.of(acquisition, output or acquisition / DEFAULT_ASSESSMENT)

    def digest(self) -> str:
        """Of what is asked for, of the program that is asked, and of which files there are."""
        outside = [] if self.shifts is None else [self.shifts]
        options = "assess", str(self.voxel_size_um), str(self.exclude)
        return asked_of(self.places.acquisition, outside, self.settings.model_dump_json(), *options)

    def plan(self, *, overwrite: bool) -> QualityPlan:
        """Refuse what can be refused before anything is written.

        Raises
        ------
        BadInputError
            If slices, tables, settings or outputs cannot be used.
        """
        # Tables take half a second to import.
        from soct_core.run.quality_plan import QualityPlan

        plan = QualityPlan.of(
            self.places.acquisition, self.places.output, self.settings, self.voxel_size_um, self.shifts
        )
        refuse_foreign_config(plan.output, self.target, plan.acquisition.config_path, overwrite=overwrite)
        return plan

    @property
    def target(self) -> Path:
        """The absolute path of `config_out`."""
        return self.config_out.expanduser().absolute()

    def delivered(self, result: AssessResult) -> AssessResult:
        """The slice config of a result, copied from the output to where it was asked for."""
        publish_config(self.places.output, result.config, self.target)
        return result.model_copy(update={"config": self.target})


def result_if_unchanged(request: Asked, command: str, *, overwrite: bool) -> AssessResult | None:
    """What an assessment would return, if it would find everything made; its slice config is written.

    Raises
    ------
    OutputBusyError
        If another run is at work there.
    """
    with known_run(request, AssessResult, command) as found:
        if found is None:
            return None
        config = request.places.acquisition / CONFIG_NAME
        try:
            refuse_foreign_config(request.places.output, request.target, config, overwrite=overwrite)
        except BadInputError:
            return None  # The run itself says so.
        return request.delivered(found.result)
