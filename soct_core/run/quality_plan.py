"""The plan of an assessment: which slices are measured, compared and judged, and where results go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.assessment import AssessJob, CompareJob, MeasureJob, QualityPageJob
from schemas.common_space import Window
from schemas.handoffs import VoxelSize
from schemas.image_choice import ImageChoice
from schemas.quality import QualitySettings
from schemas.slice_id import format_slice_id
from soct_core import slice_config
from soct_core.acquisition.slices import (
    Acquisition,
    find_acquisition,
    open_slices,
    remark_warnings,
    slice_table,
)
from soct_core.acquisition.translations import space_of
from soct_core.errors import AcquisitionError, BadInputError, SettingsError
from soct_core.file_names import DEFAULT_ASSESSMENT, AssessmentFiles, ComparisonFiles
from soct_core.quality.planes import pairs_to_compare, surroundings
from soct_core.storage.own_files import refuse_foreign_within
from soct_core.storage.safe_paths import refuse_output_among_inputs, refuse_unusable_place
from soct_core.volume import Volume


@dataclass(frozen=True)
class QualityPlan:
    """Turns an acquisition into the jobs of each stage of an assessment."""

    acquisition: Acquisition
    output: Path
    settings: QualitySettings
    voxel_size_um: VoxelSize | None
    slices: Mapping[int, Path]
    """Slices to assess, by id."""
    windows: Mapping[int, Window]
    """Where they lie on a common canvas; none where they are in common space."""
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        acquisition: Path,
        output: Path | None,
        settings: QualitySettings,
        voxel_size_um: VoxelSize | None = None,
        shifts: Path | None = None,
    ) -> QualityPlan:
        """Check everything that can be checked before anything is written.

        Parameters
        ----------
        shifts
            `shifts_xy.csv` of slices that are not in common space yet; by default their translations count.

        Raises
        ------
        BadInputError
            If slices, config, shifts or output cannot be used.
        """
        directory = acquisition.expanduser().absolute()
        found = find_acquisition(directory)
        out = (output or directory / DEFAULT_ASSESSMENT).expanduser().absolute()
        refuse_unusable_place(out)
        refuse_output_among_inputs(out, directory)
        refuse_foreign_within(out)
        volumes, warnings = _openable(found, voxel_size_um, settings.input)
        size = next(iter(volumes.values())).voxel_size_um
        if settings.slicing_interval_um < size[0]:
            seen, plane = settings.slicing_interval_um, size[0]
            raise SettingsError(
                f"setting 'slicing_interval_um': got {seen:g}, wanted at least one plane ({plane:g} µm)"
            )
        slices = {i: volume.path for i, volume in volumes.items()}
        space = space_of(volumes, shifts)
        told = (*warnings, *space.warnings)
        return cls(found, out, settings, voxel_size_um, slices, space.windows, told)

    @property
    def ids(self) -> tuple[int, ...]:
        """Slices to assess, in order."""
        return tuple(sorted(self.slices))

    @property
    def inputs(self) -> list[Path]:
        """All that the assessment reads in the acquisition: slices and config."""
        config = self.acquisition.config_path
        return [*self.slices.values(), *([] if config is None else [config])]

    def measure_jobs(self) -> list[tuple[str, MeasureJob]]:
        """One job per slice, named after it."""
        return [
            (
                f"measure z{format_slice_id(i)}",
                MeasureJob(
                    slice_id=i,
                    path=self.slices[i],
                    output=self.output,
                    voxel_size_um=self.voxel_size_um,
                    settings=self.settings,
                ),
            )
            for i in self.ids
        ]

    def compare_jobs(self) -> list[tuple[str, CompareJob]]:
        """One job per pair, named after it."""
        return [
            (
                f"compare z{format_slice_id(a)}-z{format_slice_id(b)}",
                CompareJob(
                    upper_id=a,
                    lower_id=b,
                    upper=self.slices[a],
                    lower=self.slices[b],
                    output=self.output,
                    voxel_size_um=self.voxel_size_um,
                    window_upper=self.windows.get(a),
                    window_lower=self.windows.get(b),
                    settings=self.settings,
                ),
            )
            for a, b in pairs_to_compare(self.ids)
        ]

    def assess_jobs(self) -> list[tuple[str, AssessJob]]:
        """One job per slice, named after it; it reads nothing but the figures around the slice."""
        pairs = pairs_to_compare(self.ids)
        named = []
        for i in self.ids:
            near = surroundings(i, self.ids)
            job = AssessJob(
                slice_id=i,
                figures=tuple(AssessmentFiles.standard(self.output, j).figures for j in near),
                pairs=tuple(
                    ComparisonFiles.standard(self.output, *pair).figures
                    for pair in pairs
                    if {*pair} <= {*near}
                ),
                output=self.output,
                settings=self.settings,
            )
            named.append((f"assess z{format_slice_id(i)}", job))
        return named

    def page_job(self, *, exclude: bool) -> QualityPageJob:
        """The job that writes config and page."""
        return QualityPageJob(
            acquisition=self.acquisition.directory,
            config=self.acquisition.config_path,
            slices=self.ids,
            pairs=pairs_to_compare(self.ids),
            exclude=exclude,
            output=self.output,
        )


def _openable(
    found: Acquisition, voxel_size_um: VoxelSize | None, choice: ImageChoice
) -> tuple[dict[int, Volume], tuple[str, ...]]:
    """All slices but those that the config does not use and that cannot be opened beside the others."""
    used = slice_config.filter_slices_to_use(slice_table(found))
    slices = {i: path for i, path in found.slices.items() if i in used}
    if not slices:
        raise AcquisitionError(f"{found.directory}: no slice is both used and present")
    volumes = open_slices(slices, voxel_size_um, choice)
    warnings = remark_warnings(volumes.values())
    first = min(slices)
    for i, path in found.slices.items():
        if i in used:
            continue
        try:
            opened = open_slices({first: slices[first], i: path}, voxel_size_um, choice)
        except BadInputError as error:
            warnings.append(f"slice {format_slice_id(i)}, which is not used, is not assessed: {error}")
        else:
            volumes[i] = opened[i]
    return dict(sorted(volumes.items())), tuple(warnings)
