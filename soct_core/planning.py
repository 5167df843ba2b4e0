"""The plan of a reconstruction: which slots are measured, to be filled, or gaps; which pairs; which jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from schemas.jobs import (
    DetectGapsJob,
    FinaliseJob,
    InterpolationJob,
    PairJob,
    StackJob,
    VoxelSize,
)
from schemas.outcomes import DetectedGaps, FinalisedTrail, InterpolationOutcome, PairOutcome
from schemas.pairwise import PairRole
from schemas.settings import ReconstructSettings
from schemas.slice_id import format_slice_id
from soct_core import slice_config
from soct_core.acquisition import (
    SHIFTS_NAME,
    Acquisition,
    absent_chunk_warnings,
    find_acquisition,
    open_slices,
    slice_table,
    used_slices,
)
from soct_core.errors import AcquisitionError, SettingsError
from soct_core.finalisation import COVERED_NOTE
from soct_core.slots import Slots
from soct_core.stage_shifts import CommonSpace, common_space
from soct_core.volume import Volume

DEFAULT_OUTPUT = "reconstruction"
MAX_CHECK_SPAN = 4
"""Slots; anatomy changes too much across more."""


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
        found = find_acquisition(directory)
        out = (output or directory / DEFAULT_OUTPUT).expanduser().absolute()
        refuse_output_among_inputs(out, directory)
        planner = cls(found, out, settings, voxel_size_um, allow_missing, shifts)
        used = used_slices(found, slice_table(found), allow_missing=allow_missing)
        planner._open(used)
        return planner

    def use(self, found: DetectedGaps) -> None:
        """Take over what gap detection found."""
        if found.used != self.measured:
            self._open(found.used)

    def depth_warnings(self) -> list[str]:
        """Slices that were imaged far less deep than a slot: most of the volume would be empty."""
        first = next(iter(self.volumes.values()))
        imaged = max(v.shape[0] for v in self.volumes.values()) * first.voxel_size_um[0]
        interval = self.settings.slicing_interval_um
        if imaged >= interval / 2:
            return []
        return [f"slices are {imaged:g} µm deep, but slots {interval:g}: is slicing_interval_um right?"]

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
        return [(f"interpolate z{format_slice_id(i)}", self._interpolation_job(i)) for i in found.gaps.single]

    def finalise_job(self, found: DetectedGaps, filled: Sequence[InterpolationOutcome]) -> FinaliseJob:
        covered = {o.slice_id: COVERED_NOTE for o in filled if o.result == "already_covered"}
        multi = {
            i: f"part of a gap of {len(gap)} slices; not interpolated"
            for gap in found.gaps.multi
            for i in gap
        }
        return FinaliseJob(
            acquisition=self.acquisition.directory,
            config=self.acquisition.config_path,
            used=tuple(self.measured),
            fragments=tuple(o.fragment for o in filled if o.fragment is not None),
            notes=covered | multi,
            output=self.output,
        )

    def pair_jobs(
        self, trail: FinalisedTrail, filled: Sequence[InterpolationOutcome]
    ) -> list[tuple[str, PairJob]]:
        """One job per pair, named after it."""
        interpolated = {o.slice_id: o for o in filled if o.volume is not None}
        skip = slice_config.force_skip_slices(trail.path)
        slots = self._slots()
        tops = {i: slots.top(i) for i in self.measured}
        tops |= {i: o.top for i, o in interpolated.items() if o.top is not None}
        paths = self.measured | {i: o.volume for i, o in interpolated.items() if o.volume is not None}
        named = []
        for pair in pairs_to_register(
            self.measured, interpolated, skip, checks=self.settings.pairwise.check_pairs
        ):
            name = f"register z{format_slice_id(pair.fixed_id)}-z{format_slice_id(pair.moving_id)}"
            job = PairJob(
                fixed_id=pair.fixed_id,
                moving_id=pair.moving_id,
                fixed=paths[pair.fixed_id],
                moving=paths[pair.moving_id],
                offset=float(tops[pair.moving_id] - tops[pair.fixed_id]),
                role=pair.role,
                touches_interpolated=not {pair.fixed_id, pair.moving_id} <= set(self.measured),
                output=self.output,
                voxel_size_um=self.voxel_size_um,
                window_fixed=self.space.windows.get(pair.fixed_id),
                window_moving=self.space.windows.get(pair.moving_id),
                settings=self.settings.pairwise,
            )
            named.append((name, job))
        return named

    def stack_job(
        self, trail: Path, filled: Sequence[InterpolationOutcome], pairs: Sequence[PairOutcome]
    ) -> StackJob:
        return StackJob(
            trail=trail,
            measured=self.measured,
            interpolated={o.slice_id: o.volume for o in filled if o.volume is not None},
            pairs=tuple(p.directory for p in pairs),
            output=self.output,
            voxel_size_um=self.voxel_size_um,
            windows=dict(self.space.windows),
            recipe=self.settings.stack_recipe,
        )

    def _open(self, used: Mapping[int, Path]) -> None:
        self.measured = dict(used)
        self.volumes = open_slices(self.measured, self.voxel_size_um)
        first = next(iter(self.volumes.values()))
        interval, voxel_z = self.settings.slicing_interval_um, first.voxel_size_um[0]
        if interval < voxel_z:
            raise SettingsError(
                f"setting 'slicing_interval_um': got {interval:g}, wanted at least one plane ({voxel_z:g} µm)"
            )
        if self.shifts is not None:
            shapes = {i: (v.shape[1], v.shape[2]) for i, v in self.volumes.items()}
            _, y, x = first.voxel_size_um
            self.space = common_space(self.shifts, shapes, (x, y))

    def _slots(self) -> Slots:
        first = next(iter(self.volumes.values()))
        return Slots(
            min(self.measured),
            self.settings.slicing_interval_um,
            first.voxel_size_um[0],
            self.settings.trusted_depth_um,
        )

    def _interpolation_job(self, slice_id: int) -> InterpolationJob:
        slots, before = self._slots(), slice_id - 1
        nz = self.volumes[before].shape[0]
        usable = slots.usable_planes(before, nz)
        return InterpolationJob(
            slice_id=slice_id,
            before=self.measured[before],
            after=self.measured[slice_id + 1],
            usable_before=usable,
            output_z=slots.missing_planes(slice_id, nz),
            top=slots.top(before) + usable,
            output=self.output,
            voxel_size_um=self.voxel_size_um,
            window_before=self.space.windows.get(before),
            window_after=self.space.windows.get(slice_id + 1),
            settings=self.settings.interpolation,
            ngff_version=self.settings.ngff_version,
        )


@dataclass(frozen=True)
class PlannedPair:
    """Two slices to register, and why."""

    fixed_id: int
    moving_id: int
    role: PairRole


def pairs_to_register(
    measured: Iterable[int], interpolated: Iterable[int], skip: Iterable[int], *, checks: bool = True
) -> list[PlannedPair]:
    """Consecutive pairs of all slices present, bridges between those that may steer, and checks.

    A chain of pairs alone cannot tell a wrong one; second neighbours close it into triangles.

    Parameters
    ----------
    measured, interpolated
        Ids of the slices present.
    skip
        Measured slices whose transforms must not steer (`force_skip_slices`).
    """
    measured = set(measured)
    carriers = sorted(measured - set(skip))
    roles: dict[tuple[int, int], PairRole] = {}
    if checks:
        near = (
            pair for pair in zip(carriers, carriers[2:], strict=False) if pair[1] - pair[0] <= MAX_CHECK_SPAN
        )
        roles |= dict.fromkeys(near, "check")
    roles |= dict.fromkeys(pairwise(carriers), "bridge")
    roles |= dict.fromkeys(pairwise(sorted(measured | set(interpolated))), "neighbours")
    return [PlannedPair(above, below, role) for (above, below), role in sorted(roles.items())]


def warnings_of(planner: Planner, found: DetectedGaps) -> tuple[str, ...]:
    """What the user should know before the stages run."""
    warnings = [
        f"slices {', '.join(map(format_slice_id, gap))} are missing in a row: not interpolated, left as a gap"
        for gap in found.gaps.multi
    ]
    warnings += planner.space.warnings
    warnings += planner.depth_warnings()
    warnings += absent_chunk_warnings(planner.volumes)
    if planner.acquisition.shifts_path is not None and planner.shifts is None:
        warnings.append(f"{SHIFTS_NAME} lies in the acquisition and was not used; give --shifts to use it")
    return tuple(warnings)


def refuse_output_among_inputs(output: Path, acquisition: Path) -> None:
    """Outputs must not land where inputs are looked for, or inside one of them.

    Raises
    ------
    AcquisitionError
    """
    resolved, home = output.resolve(), acquisition.resolve()
    inside_image = any(part.endswith(".zarr") for part in resolved.parts)
    among = resolved in (home, home / "slices") or (home / "slices") in resolved.parents
    if inside_image or among or resolved in home.parents:
        raise AcquisitionError(f"{output}: the output would land among the input, wanted another directory")
    nearest = next(path for path in (output, *output.parents) if path.exists())
    if not nearest.is_dir():
        raise AcquisitionError(f"{nearest}: is a file, wanted a directory for the output")
