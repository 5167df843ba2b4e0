"""The plan of a reconstruction: which slots are measured, to be filled, or gaps; which pairs; which jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from schemas.handoffs import (
    DetectedGaps,
    DetectGapsJob,
    FinaliseJob,
    InterpolationJob,
    InterpolationOutcome,
    PairJob,
    PairOutcome,
    PreviewJob,
    PreviewOutcome,
    StackJob,
    VoxelSize,
)
from schemas.settings import ReconstructSettings
from schemas.slice_id import format_slice_id
from soct_core import slice_config
from soct_core.acquisition.slices import Acquisition, find_acquisition, open_slices, slice_table, used_slices
from soct_core.acquisition.slots import Slots
from soct_core.acquisition.stage_shifts import CommonSpace
from soct_core.acquisition.translations import space_of, world_origin
from soct_core.errors import SettingsError
from soct_core.file_names import DEFAULT_OUTPUT
from soct_core.pairwise.pairs import pairs_to_register
from soct_core.run.manual_transforms import refuse_without_pair
from soct_core.run.plan_checks import refuse_absurd_volume, refuse_unfit_by_slice
from soct_core.slice_config.finalise import (
    ACCEPTED_NOTE,
    COVERED_NOTE,
    NOT_ASKED_NOTE,
    excluded_source_note,
    longer_gap_note,
)
from soct_core.storage.own_files import refuse_foreign_within
from soct_core.storage.safe_paths import (
    refuse_output_among_inputs,
    refuse_results_of_others,
    refuse_unusable_place,
)
from soct_core.volume import Volume, level_grids


@dataclass
class Planner:
    """Turns an acquisition and what earlier stages found into the jobs of the next stage."""

    acquisition: Acquisition
    output: Path
    settings: ReconstructSettings
    voxel_size_um: VoxelSize | None
    allow_missing: bool
    shifts: Path | None = None
    measured: dict[int, Path] = field(default_factory=dict)
    volumes: dict[int, Volume] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The slice config as the plan was made from it."""
    space: CommonSpace = field(default_factory=lambda: CommonSpace({}))

    @classmethod
    def of(
        cls,
        acquisition: Path,
        output: Path | None,
        settings: ReconstructSettings,
        voxel_size_um: VoxelSize | None,
        allow_missing: bool,
        shifts: Path | None = None,
    ) -> Planner:
        """Check everything that can be checked before anything is written.

        Raises
        ------
        BadInputError
            If slices, config or output directory cannot be used.
        """
        directory = acquisition.expanduser().absolute()
        out = (output or directory / DEFAULT_OUTPUT).expanduser().absolute()
        refuse_unusable_place(out)
        found = find_acquisition(directory)
        refuse_output_among_inputs(out, directory)
        refuse_foreign_within(out)
        refuse_results_of_others(out)
        planner = cls(found, out, settings, voxel_size_um, allow_missing, shifts)
        planner._read_config()
        planner._open(used_slices(found, planner.table, allow_missing=allow_missing))
        refuse_unfit_by_slice(found.manual, planner.table, settings, planner.volumes, planner.space)
        return planner

    @property
    def inputs(self) -> list[Path]:
        """All that the run reads: slices, config, shifts, transforms set by hand."""
        tables = filter(None, (self.acquisition.config_path, self.shifts))
        return [*self.measured.values(), *tables, *self.acquisition.manual.values()]

    def use(self, found: DetectedGaps) -> None:
        """Take over what gap detection found."""
        if found.used != self.measured:
            self._read_config()
            self._open(found.used)

    def detect_gaps_job(self) -> DetectGapsJob:
        return DetectGapsJob(
            acquisition=self.acquisition.directory,
            found=self.acquisition.slices,
            config=self.acquisition.config_path,
            allow_missing=self.allow_missing,
        )

    def interpolation_jobs(self, found: DetectedGaps) -> list[tuple[str, InterpolationJob]]:
        """One job per single gap, named after it; none when interpolation is disabled."""
        if not self.settings.interpolation.enabled:
            return []
        beside = self.gaps_beside_excluded(found.gaps.single)
        wanted = [i for i in found.gaps.single if i not in beside]
        return [(f"interpolate z{format_slice_id(i)}", self._interpolation_job(i)) for i in wanted]

    def gaps_beside_excluded(self, gaps: Iterable[int]) -> dict[int, tuple[int, ...]]:
        """Gaps with a neighbour that a quality stage excluded, which is no source of a morph; by gap."""
        skip = slice_config.force_skip_slices(self.table)
        beside = {gap: tuple(i for i in (gap - 1, gap + 1) if i in skip) for gap in gaps}
        return {
            gap: excluded
            for gap, excluded in beside.items()
            if excluded and self._interpolation_job(gap).output_z > 0
        }

    def preview_jobs(self, filled: Sequence[InterpolationOutcome]) -> list[tuple[str, PreviewJob]]:
        """One job per attempted interpolation, named after it; none when previews are not wanted."""
        if not self.settings.interpolation.preview:
            return []
        return [
            (f"preview z{format_slice_id(o.slice_id)}", self._preview_job(o, o.diagnostics))
            for o in filled
            if o.diagnostics is not None
        ]

    def finalise_job(self, found: DetectedGaps, filled: Sequence[InterpolationOutcome]) -> FinaliseJob:
        covered = {o.slice_id: COVERED_NOTE for o in filled if o.result == "already_covered"}
        unasked = () if self.settings.interpolation.enabled else found.gaps.single
        beside = self.gaps_beside_excluded(found.gaps.single)
        excluded = {gap: excluded_source_note(map(format_slice_id, ids)) for gap, ids in beside.items()}
        by_hand = {o.slice_id: ACCEPTED_NOTE for o in filled if o.accepted_by_hand}
        multi = {i: longer_gap_note(len(gap)) for gap in found.gaps.multi for i in gap}
        return FinaliseJob(
            acquisition=self.acquisition.directory,
            config=self.acquisition.config_path,
            fragments=tuple(o.fragment for o in filled if o.fragment is not None),
            notes=excluded | covered | by_hand | dict.fromkeys(unasked, NOT_ASKED_NOTE) | multi,
            output=self.output,
        )

    def pair_jobs(
        self, filled: Sequence[InterpolationOutcome], pending: Collection[int] = ()
    ) -> list[tuple[str, PairJob]]:
        """One job per pair, named after it; none that touches a slice still to be interpolated."""
        interpolated = {o.slice_id: o for o in filled if o.volume is not None}
        skip = slice_config.force_skip_slices(self.table)
        slots = self.slots
        tops = {i: slots.top(i) for i in self.measured}
        tops |= {i: tops[i - 1] + self.usable_planes(i - 1) for i in interpolated}
        paths = self.measured | {i: o.volume for i, o in interpolated.items() if o.volume is not None}
        named = []
        for pair in pairs_to_register(
            self.measured, {*interpolated, *pending}, skip, checks=self.settings.pairwise.check_pairs
        ):
            if not {pair.fixed_id, pair.moving_id}.isdisjoint(pending):
                continue
            name = f"register z{format_slice_id(pair.fixed_id)}-z{format_slice_id(pair.moving_id)}"
            job = PairJob(
                fixed_id=pair.fixed_id,
                moving_id=pair.moving_id,
                fixed=paths[pair.fixed_id],
                moving=paths[pair.moving_id],
                offset=float(tops[pair.moving_id] - tops[pair.fixed_id]),
                role=pair.role,
                touches_interpolated=not {pair.fixed_id, pair.moving_id} <= set(self.measured),
                measures_fixed=pair.role != "check" and pair.fixed_id == min(self.measured),
                output=self.output,
                voxel_size_um=self.voxel_size_um,
                choice=self.settings.input,
                window_fixed=self.space.windows.get(pair.fixed_id),
                window_moving=self.space.windows.get(pair.moving_id),
                manual=self.acquisition.manual.get((pair.fixed_id, pair.moving_id)),
                settings=self.settings.pairwise,
            )
            named.append((name, job))
        if not pending:
            refuse_without_pair(self.acquisition.manual, [(job.fixed_id, job.moving_id) for _, job in named])
        return named

    def stack_job(
        self,
        trail: Path,
        filled: Sequence[InterpolationOutcome],
        pairs: Sequence[PairOutcome],
        *,
        fresh: bool = False,
    ) -> StackJob:
        made = {o.slice_id: o.volume for o in filled if o.volume is not None}
        known = {o.slice_id: o.uncertainty for o in filled if o.uncertainty is not None}
        return StackJob(
            trail=trail,
            measured=self.measured,
            interpolated=made,
            # Of all or of none: the 0 of a slice without half widths would say that it is known exactly.
            uncertainties=known if known.keys() == made.keys() else {},
            pairs=tuple(p.directory for p in pairs),
            output=self.output,
            voxel_size_um=self.voxel_size_um,
            choice=self.settings.input,
            windows=dict(self.space.windows),
            origin_um=world_origin(self.volumes, self.space),
            recipe=self.settings.stack_recipe,
            fresh=fresh,
        )

    def _read_config(self) -> None:
        self.table = slice_table(self.acquisition)

    def _open(self, used: Mapping[int, Path]) -> None:
        self.measured = dict(used)
        self.volumes = open_slices(self.measured, self.voxel_size_um, self.settings.input)
        first = next(iter(self.volumes.values()))
        interval, voxel_z = self.settings.slicing_interval_um, first.voxel_size_um[0]
        if interval < voxel_z:
            raise SettingsError(
                f"setting 'slicing_interval_um': got {interval:g}, wanted at least one plane ({voxel_z:g} µm)"
            )
        refuse_absurd_volume(self.acquisition.directory, self.volumes, self.slots)
        self.space = space_of(self.volumes, self.shifts)

    @property
    def is_cut_into_parts(self) -> bool:
        """Whether the volume is large enough for several task runs, by the planes of its slices."""
        volumes = self.volumes.values()
        last = max(self.volumes)
        depth = self.slots.depth(last, self.volumes[last].shape[0])
        plane = max(v.shape[1] for v in volumes) * max(v.shape[2] for v in volumes)
        return depth * plane * max(v.dtype.itemsize for v in volumes) > level_grids.PART_BYTES

    @property
    def slots(self) -> Slots:
        """Where slices lie along z."""
        first = next(iter(self.volumes.values()))
        return Slots(
            min(self.measured),
            self.settings.slicing_interval_um,
            first.voxel_size_um[0],
            self.settings.trusted_depth_um,
        )

    def _preview_job(self, outcome: InterpolationOutcome, diagnostics: Path) -> PreviewJob:
        before, after = outcome.slice_id - 1, outcome.slice_id + 1
        return PreviewJob(
            slice_id=outcome.slice_id,
            before=self.measured[before],
            after=self.measured[after],
            made=outcome.volume,
            diagnostics=diagnostics,
            usable_before=self.usable_planes(before),
            output=self.output,
            voxel_size_um=self.voxel_size_um,
            choice=self.settings.input,
            window_before=self.space.windows.get(before),
            window_after=self.space.windows.get(after),
        )

    def usable_planes(self, slice_id: int) -> int:
        """Trusted planes of a measured slice."""
        return self.slots.usable_planes(slice_id, self.volumes[slice_id].shape[0])

    def _interpolation_job(self, slice_id: int) -> InterpolationJob:
        slots, before = self.slots, slice_id - 1
        # A slice further up may be trusted deeper than the one right above.
        trusted = max(slots.top(i) + self.usable_planes(i) for i in self.measured if i < slice_id)
        missing = slots.missing_planes(slice_id, self.volumes[before].shape[0])
        z, y, x = world_origin(self.volumes, self.space)
        top = slots.top(before) + self.usable_planes(before)
        return InterpolationJob(
            slice_id=slice_id,
            before=self.measured[before],
            after=self.measured[slice_id + 1],
            usable_before=self.usable_planes(before),
            output_z=missing if trusted < slots.top(slice_id + 1) else min(missing, 0),
            output=self.output,
            voxel_size_um=self.voxel_size_um,
            choice=self.settings.input,
            window_before=self.space.windows.get(before),
            window_after=self.space.windows.get(slice_id + 1),
            origin_um=(z + top * slots.voxel_z_um, y, x),
            settings=self.settings.interpolation_of(slice_id),
            ngff_version=self.settings.ngff_version,
        )


def with_previews(
    filled: Sequence[InterpolationOutcome], drawn: Sequence[PreviewOutcome]
) -> list[InterpolationOutcome]:
    """The outcomes of all interpolations, with their pictures where there are any."""
    pictures = {o.slice_id: o.preview for o in drawn}
    return [o.model_copy(update={"preview": pictures.get(o.slice_id)}) for o in filled]
