"""The plan to apply the poses of a run: which slices stand for which, and how they lie to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.applied import (
    ApplyGapJob,
    ApplyGapOutcome,
    ApplyStackJob,
    KnownDisplacement,
    KnownMotion,
    Xy,
)
from schemas.common_space import Window
from schemas.diagnostics import InterpolationDiagnostics
from schemas.handoffs import InterpolationJob, VoxelSize
from schemas.image_choice import ImageChoice
from schemas.published_stack import PublishedVolume
from schemas.run_record import RunRecord
from schemas.slice_id import format_slice_id
from soct_core.acquisition.slices import find_acquisition, lost_chunk_warnings, open_slices, remark_warnings
from soct_core.acquisition.slots import Slots
from soct_core.affine import Affine2D
from soct_core.errors import AcquisitionError, RecordError
from soct_core.file_names import (
    INTERPOLATIONS,
    PUBLISHED_PATH,
    RUN_RECORD_NAME,
    VOLUME_PATH,
    named_slice_id,
    output_of,
)
from soct_core.stacking.published import read_published
from soct_core.stacking.regrid import Regrid
from soct_core.storage.own_files import refuse_foreign_within
from soct_core.storage.records import read_record
from soct_core.storage.safe_paths import refuse_output_among_inputs, refuse_unusable_place
from soct_core.volume import Volume, open_volume

APPLIED = "applied"
_CLOSE_PX = 1e-3
"""Places that differ by less are the same: translations are written as rounded decimals."""


@dataclass(frozen=True)
class ApplyPlan:
    """Other slices of a specimen that a run has reconstructed, and the jobs to stack them."""

    run: Path
    output: Path
    record: PublishedVolume
    of_run: Mapping[int, Path]
    """The slices that the run was made of, as far as they are still there."""
    regrid: Regrid
    volumes: Mapping[int, Volume]
    windows: Mapping[int, Window]
    rests: Mapping[int, Xy]
    voxel_size_um: VoxelSize | None
    choice: ImageChoice
    warnings: tuple[str, ...]

    @classmethod
    def of(
        cls,
        given: Path,
        other: Path,
        output: Path | None,
        choice: ImageChoice,
        voxel_size_um: VoxelSize | None = None,
    ) -> ApplyPlan:
        """Check everything that can be checked before anything is written.

        Parameters
        ----------
        given
            The output of the run whose poses count, or its acquisition.
        other
            Directory with the other slices; their ids say which is which.

        Raises
        ------
        BadInputError
            If the run is not finished, a slice is missing, or the output cannot be used.
        """
        directory = other.expanduser().absolute()
        run = output_of(given.expanduser().absolute())
        record = read_published(run / PUBLISHED_PATH)
        if record is None:
            wanted = "wanted the record of a finished run"
            raise RecordError(f"{run / PUBLISHED_PATH}: is not there or cannot be read, {wanted}")
        out = (output or directory / _name(choice)).expanduser().absolute()
        refuse_unusable_place(out)
        refuse_output_among_inputs(out, directory)
        refuse_foreign_within(out)
        found = find_acquisition(directory).slices
        ids = sorted(record.contents.measured)
        if absent := [format_slice_id(i) for i in ids if i not in found]:
            raise AcquisitionError(
                f"{directory}: slices {', '.join(absent)} are in the run but not here, wanted all of them"
            )
        volumes = open_slices({i: found[i] for i in ids}, voxel_size_um, choice)
        size, old = volumes[ids[0]].voxel_size_um, open_volume(run / VOLUME_PATH).voxel_size_um
        regrid = Regrid.between(old, size)
        placed = record.contents.voxel_size_um is None and voxel_size_um is None
        of_run = _slices_of(run, record)
        base = (
            {i: open_volume(path, None, record.contents.choice) for i, path in of_run.items()}
            if placed
            else None
        )
        windows, rests = _beside(base, record, volumes, regrid)
        warnings = (
            *remark_warnings(volumes.values()),
            *lost_chunk_warnings(volumes.values()),
            *_unused(found, ids),
            *_not_applied(run, record, of_run),
            *([] if placed else ["translations of the slices are not used, for --voxel-size-um was given"]),
        )
        return cls(run, out, record, of_run, regrid, volumes, windows, rests, voxel_size_um, choice, warnings)

    @property
    def slots(self) -> Slots:
        """Where slices lie along z."""
        recipe, first = self.record.contents.recipe, min(self.volumes)
        voxel_z = self.volumes[first].voxel_size_um[0]
        return Slots(first, recipe.slicing_interval_um, voxel_z, recipe.trusted_depth_um)

    @property
    def origin_um(self) -> VoxelSize:
        """Where pixel (0, 0) of the common frame and the top of the first slice lie in the world."""
        z, y, x = open_volume(self.run / VOLUME_PATH).origin_um
        _, size_y, size_x = open_volume(self.run / VOLUME_PATH).voxel_size_um
        left, top = self.record.canvas_origin
        return z, y - top * size_y, x - left * size_x

    def gap_jobs(self) -> list[tuple[str, ApplyGapJob]]:
        """One job per slice that the run interpolated, named after it."""
        jobs = [self._gap_job(i) for i in sorted(self.record.contents.interpolated)]
        return [(f"interpolate z{format_slice_id(job.slice_id)}", job) for job in jobs if job.output_z > 0]

    def stack_job(self, filled: list[ApplyGapOutcome]) -> ApplyStackJob:
        return ApplyStackJob(
            run=self.run,
            measured={i: volume.path for i, volume in self.volumes.items()},
            interpolated={outcome.slice_id: outcome.volume for outcome in filled},
            output=self.output,
            voxel_size_um=self.voxel_size_um,
            choice=self.choice,
            windows=dict(self.windows),
            rests=dict(self.rests),
            origin_um=self.origin_um,
        )

    def _gap_job(self, slice_id: int) -> ApplyGapJob:
        before, after, slots = slice_id - 1, slice_id + 1, self.slots
        found = _diagnostics(self.run, slice_id)
        motion = _motion_of(found)
        nothing = (0.0, 0.0)
        rests = self.rests.get(before, nothing), self.rests.get(after, nothing)
        here = self.regrid.motion(motion, rests[1], rests[0])
        depth = self.volumes[before].shape[0]
        usable = slots.usable_planes(before, depth)
        z, y, x = self.origin_um
        return ApplyGapJob(
            slice_id=slice_id,
            before=self.volumes[before].path,
            after=self.volumes[after].path,
            usable_before=usable,
            output_z=slots.missing_planes(slice_id, depth),
            output=self.output,
            voxel_size_um=self.voxel_size_um,
            choice=self.choice,
            window_before=self.windows.get(before),
            window_after=self.windows.get(after),
            origin_um=(z + (slots.top(before) + usable) * slots.voxel_z_um, y, x),
            method=found.method_used or "zmorph",
            motion=_known(here),
            displacement=self._displacement(found, slice_id, motion, rests),
            settings=found.settings,
            ngff_version=self.record.contents.recipe.ngff_version,
        )

    def _displacement(
        self, found: InterpolationDiagnostics, slice_id: int, motion: Affine2D, rests: tuple[Xy, Xy]
    ) -> KnownDisplacement | None:
        """Where the displacement of a gap is found again, if the run added one and its slices are there."""
        contents, sides = self.record.contents, (slice_id - 1, slice_id + 1)
        if not found.displacement_left_rms_px or not self.of_run.keys() >= set(sides):
            return None
        before, after = (self.of_run[i] for i in sides)
        recipe, voxel_z = contents.recipe, open_volume(self.run / VOLUME_PATH).voxel_size_um[0]
        slots = Slots(min(contents.measured), recipe.slicing_interval_um, voxel_z, recipe.trusted_depth_um)
        depth = open_volume(before, contents.voxel_size_um, contents.choice).shape[0]
        gap = InterpolationJob(
            slice_id=slice_id,
            before=before,
            after=after,
            usable_before=slots.usable_planes(sides[0], depth),
            output_z=slots.missing_planes(slice_id, depth),
            output=self.run,
            voxel_size_um=contents.voxel_size_um,
            choice=contents.choice,
            window_before=contents.windows.get(sides[0]),
            window_after=contents.windows.get(sides[1]),
            settings=found.settings,
            ngff_version=recipe.ngff_version,
        )
        (left, top), (right, bottom) = rests
        return KnownDisplacement(
            gap=gap,
            motion=_known(motion),
            share=found.displaced_share or 0.0,
            rms_px=found.displacement_left_rms_px,
            ratio=self.regrid.ratio,
            rest=((left + right) / 2, (top + bottom) / 2),
        )


def _name(choice: ImageChoice) -> str:
    picked = {"image": choice.image, "channel": choice.channel}
    return "_".join([APPLIED, *(f"{name}{number}" for name, number in picked.items() if number is not None)])


def _slices_of(run: Path, record: PublishedVolume) -> dict[int, Path]:
    """The slices that the run was made of, as far as they are still there."""
    inputs = read_record(run / RUN_RECORD_NAME, RunRecord).inputs
    paths = {i: run / each.path for each in inputs if (i := named_slice_id(Path(each.path))) is not None}
    return {i: path for i, path in paths.items() if i in record.contents.measured and path.is_dir()}


def _motion_of(found: InterpolationDiagnostics) -> Affine2D:
    if found.affine_matrix and found.affine_translation and found.affine_center:
        return Affine2D(found.affine_matrix, found.affine_translation, found.affine_center)
    return Affine2D.identity()


def _known(motion: Affine2D) -> KnownMotion:
    return KnownMotion(matrix=motion.matrix, translation=motion.translation, center=motion.center)


def _beside(
    base: Mapping[int, Volume] | None, record: PublishedVolume, volumes: Mapping[int, Volume], regrid: Regrid
) -> tuple[dict[int, Window], dict[int, Xy]]:
    """Windows of the other slices onto the frame of the run, and what rounding leaves.

    `base` holds the slices of the run; None where translations say nothing.
    """
    places: dict[int, Xy] = {}
    for slice_id, volume in volumes.items():
        window = record.contents.windows.get(slice_id)
        old = (0, 0) if window is None else window.offset
        place = [a * r for a, r in zip(old, regrid.ratio, strict=True)]
        if base is not None and slice_id in base:
            size, own, of_run = volume.voxel_size_um, volume.origin_um, base[slice_id].origin_um
            place = [p + (own[k] - of_run[k]) / size[k] for p, k in zip(place, (2, 1), strict=True)]
        places[slice_id] = place[0], place[1]
    # Windows begin at 0; what lies before the frame of the run goes into the rests.
    low = [min(0, *(round(place[k]) for place in places.values())) for k in (0, 1)]
    whole = {i: (round(x) - low[0], round(y) - low[1]) for i, (x, y) in places.items()}
    rests = {i: _rest(place, whole[i]) for i, place in places.items()}
    if not any(any(place) for place in whole.values()):
        return {}, rests
    wide = max(place[0] + volumes[i].shape[2] for i, place in whole.items())
    high = max(place[1] + volumes[i].shape[1] for i, place in whole.items())
    return {i: Window(offset=place, plane_shape=(high, wide)) for i, place in whole.items()}, rests


def _rest(place: Xy, window: tuple[int, int]) -> Xy:
    x, y = (p - w for p, w in zip(place, window, strict=True))
    return (x, y) if max(abs(x), abs(y)) > _CLOSE_PX else (0.0, 0.0)


def _diagnostics(run: Path, slice_id: int) -> InterpolationDiagnostics:
    name = f"slice_z{format_slice_id(slice_id)}_interpolated_diagnostics.json"
    return read_record(run / INTERPOLATIONS / name, InterpolationDiagnostics)


def _not_applied(run: Path, record: PublishedVolume, of_run: Mapping[int, Path]) -> list[str]:
    """Gaps that the run morphed by more than their affine, which nothing can be found of any more."""
    gaps = [i for i in sorted(record.contents.interpolated) if not of_run.keys() >= {i - 1, i + 1}]
    moved = [format_slice_id(i) for i in gaps if _diagnostics(run, i).displacement_left_rms_px]
    if not moved:
        return []
    named = ", ".join(moved)
    return [f"slices of the run are gone: of gaps {named} the affine is applied, and no displacement"]


def _unused(found: Mapping[int, Path], ids: list[int]) -> list[str]:
    more = ", ".join(format_slice_id(i) for i in found if i not in ids)
    return [f"slices {more} are not in the run and are not used"] if more else []
