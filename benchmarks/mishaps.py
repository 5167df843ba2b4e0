"""What is said of mishaps at the microscope, and where the other slices land; of clean acquisitions, nothing.

    python benchmarks/mishaps.py [--reference VOLUME.npz ...] [--only NAME ...] [--clean N] [--csv FILE]

Each mishap is put into one small acquisition of seven slices, cut from a phantom or from real volumes with
known drift. The steps are those of a reconstruction up to the poses; no volume is written. Columns: doubts,
with the slices that they name; pairs that are no longer ok, checks left out; worst pose error of the other
slices, in pixels (RMS over tissue), beside that of the same slices without the mishap. With `--clean N` so
many acquisitions without a mishap, each of another seed, noise and depth of imaging:
every doubt is a false one.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import numpy as np
from mishap_kinds import BAD, MISHAPS
from small_acquisition import INTERVAL, SLICES, Array, Handled, Source

from schemas.handoffs import PairJob
from schemas.quality import PairQuality
from schemas.run_record import Doubt
from schemas.settings import PairwiseSettings, ReconstructSettings
from soct_core.affine import Affine2D
from soct_core.errors import BadInputError
from soct_core.file_names import slice_name
from soct_core.pairwise.files import PairRecord
from soct_core.pairwise.register import Pair, register_and_compare
from soct_core.registration.working_plane import registration_plane
from soct_core.run.acquisition_doubts import Acquired, named, pair_doubts, stack_doubts
from soct_core.run.input_doubts import input_doubts
from soct_core.run.plan import Planner
from soct_core.run.quality_doubts import quality_doubts
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.pose_error import pose_errors
from soct_core.simulation.simulate import open_reference
from soct_core.stacking.assembly import assemble, decisions_table
from soct_core.stacking.inputs import StackInput
from soct_core.stacking.pair_motions import pair_motions
from soct_core.stages import detect_gaps, register_pair
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import open_volume
from soct_core.volume.views import seen_through
from soct_core.volume.writing import ImageSpec, image_writer

PHANTOM_UM = (40.0, 50.0, 50.0)
PHANTOM_SHAPE = (SLICES * INTERVAL + 15, 128, 144)
CLEAN_LOOKS = (0.0, 16.0, 8.0)
"""Looks of the speckle of clean acquisitions, in turn."""
CLEAN_DEPTHS = (INTERVAL, INTERVAL + 1, INTERVAL + 3, 2 * INTERVAL)


@dataclass
class Outcome:
    """What was made of one acquisition."""

    reference: str
    mishap: str
    doubts: str
    pairs: str
    pose_error_px: float
    clean_error_px: float


@dataclass(frozen=True)
class Found:
    """What the stages up to the poses found."""

    doubts: Sequence[Doubt]
    pairs: Sequence[PairRecord]
    poses: Mapping[int, Affine2D]


class Bench:
    """Runs acquisitions; two slices are registered once, however often they stand side by side."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[PairRecord, PairQuality]] = {}

    def run(self, handled: Handled, source: Source) -> Found:
        """The stages of a reconstruction up to the poses."""
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "acquisition"
            _write(handled, folder)
            return self._found(folder, source, handled)

    def _found(self, folder: Path, source: Source, handled: Handled) -> Found:
        planner = Planner.of(folder, None, settings_of(source), None, False)
        gaps = detect_gaps.run(planner.detect_gaps_job())
        planner.use(gaps)
        registered = [self._registered(job) for _, job in planner.pair_jobs([])]
        records, quality = [record for record, _ in registered], [said for _, said in registered]
        given = StackInput(
            measured=planner.volumes,
            interpolated={},
            pairs=pair_motions(records),
            z_drifts=(),
            skip=frozenset(),
            slots=planner.slots,
            voxel_size_um=source.voxel_um,
            reasons={},
            windows=planner.space.windows,
        )
        assembled = assemble(given, planner.settings.stack_recipe)
        table = decisions_table(given, assembled, {})
        rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
        acquired, metrics = Acquired.of(planner), [record.metrics for record in records]
        doubts = (
            *input_doubts(planner, gaps),
            *pair_doubts(acquired, metrics),
            *stack_doubts(acquired, metrics, rows),
        )
        doubts += tuple(quality_doubts(acquired, quality, doubts))
        poses = {i: solved.pose for i, solved in assembled.poses.items()}
        return Found(doubts, records, poses)

    def _registered(self, job: PairJob) -> tuple[PairRecord, PairQuality]:
        windows = job.window_fixed, job.window_moving
        content = fingerprint(job.fixed), fingerprint(job.moving)
        key = str((content, job.offset, job.role, job.measures_fixed, job.settings, windows))
        ids = job.fixed_id, job.moving_id
        if key not in self._known:
            fixed, moving = open_volume(job.fixed), open_volume(job.moving)
            upper, lower = seen_through(fixed, windows[0]), seen_through(moving, windows[1])
            pair = Pair(*ids, job.offset, job.role)
            transform, metrics, compared = register_and_compare(
                upper, lower, pair, fixed.voxel_size_um, job.settings
            )
            quality = register_pair.quality_of(job, upper, lower, compared, metrics.moving_z_index or 0)
            self._known[key] = PairRecord(metrics, transform), quality
        record, quality = self._known[key]
        named_now = {"fixed_id": job.fixed_id, "moving_id": job.moving_id}
        transform = None if record.transform is None else record.transform.model_copy(update=named_now)
        metrics = record.metrics.model_copy(update=named_now)
        return PairRecord(metrics, transform), _renamed(quality, ids)


def _renamed(quality: PairQuality, ids: tuple[int, int]) -> PairQuality:
    """The same for slices of other ids."""
    now = dict(zip((quality.pair.upper_id, quality.pair.lower_id), ids, strict=True))
    pair = quality.pair.model_copy(update={"upper_id": ids[0], "lower_id": ids[1]})
    slices = tuple(f.model_copy(update={"slice_id": now[f.slice_id]}) for f in quality.slices)
    return PairQuality(pair=pair, slices=slices)


def settings_of(source: Source) -> ReconstructSettings:
    """Defaults, with the lengths that are meant for 200 µm in the measure of the source's interval."""
    unit, given = source.interval_um / 200.0, PairwiseSettings()
    lengths = ("search_range_um", "moving_z_um", "anatomy_span_um")
    scaled = given.model_copy(update={name: getattr(given, name) * unit for name in lengths})
    return ReconstructSettings(slicing_interval_um=source.interval_um, pairwise=scaled)


def _write(handled: Handled, folder: Path) -> None:
    for slice_id, data in handled.slices.items():
        origin = handled.origins.get(slice_id, (0.0, 0.0, 0.0))
        size = handled.sizes.get(slice_id, handled.voxel_um)
        shape = data.shape[0], data.shape[1], data.shape[2]
        with image_writer(folder / slice_name(slice_id), ImageSpec(shape, data.dtype, size, origin)) as (
            out,
            _,
        ):
            out.append(data)


def judged(bench: Bench, source: Source, name: str, handled: Handled, clean: Found) -> Outcome:
    """One row of the table."""
    try:
        found = bench.run(handled, source)
    except BadInputError as error:
        said = str(error).rpartition("/")[2]
        return Outcome(source.name, name, f"refused: {said}", "", np.nan, np.nan)
    points = _tissue(source)
    others = {i: pose for i, pose in handled.poses.items() if i != BAD}
    errors = pose_errors(found.poses, others, points)
    worst = max(errors.values())
    truth = source.poses()
    same = {i: truth[i] for i in handled.poses if i in truth and i != BAD}
    before = max(pose_errors(clean.poses, same, points).values())
    said = "; ".join(f"{d.kind} {named(d.slices) or 'all'}" for d in found.doubts)
    return Outcome(source.name, name, said, "; ".join(_not_ok(found.pairs)), worst, before)


def _not_ok(pairs: Sequence[PairRecord]) -> Iterator[str]:
    for pair in (record.metrics for record in pairs):
        if pair.role != "check" and pair.overall_status != "ok":
            yield f"{pair.fixed_id:02d}-{pair.moving_id:02d} {pair.overall_status}"


def _tissue(source: Source) -> np.ndarray:
    plane = registration_plane(np.asarray(source.volume[source.volume.shape[0] // 2]), 1)
    y, x = np.nonzero(plane.tissue)
    return np.column_stack((x, y)).astype(float)[:: max(1, x.size // 400)]


def phantom(seed: int, shape: tuple[int, int, int] = PHANTOM_SHAPE) -> Array:
    """A small brain-like block that fills planes of any size."""
    _, height, width = PHANTOM_SHAPE
    size = PHANTOM_UM[0], PHANTOM_UM[1] * height / shape[1], PHANTOM_UM[2] * width / shape[2]
    return np.asarray(PhantomVolume(Phantom.seeded(seed), shape, size)[:])


def phantom_source() -> Source:
    """What is cut where no reference is given."""
    return Source("phantom", phantom(2), PHANTOM_UM, phantom(3))


def real(path: Path) -> Source:
    """The middle of a real volume; its foreign slices are those of a phantom."""
    volume, size = open_reference(path)
    data = np.asarray(volume, dtype=np.float32)
    data = np.clip(data / np.percentile(data, 99.9), 0, 1).astype(np.float32)
    need = PHANTOM_SHAPE[0] + INTERVAL * SLICES // 2
    first = max(0, (data.shape[0] - need) // 2)
    block = data[first : first + need]
    return Source(path.stem, block, size, phantom(3, (block.shape[0], block.shape[1], block.shape[2])))


def clean_sources(sources: Sequence[Source], count: int) -> Iterator[Source]:
    """Acquisitions without a mishap, no two of them made alike."""
    for seed in range(count):
        looks, depth = CLEAN_LOOKS[seed % len(CLEAN_LOOKS)], CLEAN_DEPTHS[seed % len(CLEAN_DEPTHS)]
        base = sources[seed % len(sources)]
        volume = phantom(50 + seed) if base.name == "phantom" else base.volume
        clean = Source(base.name, volume, base.voxel_um, base.other, looks, 10 + seed, depth)
        dims = bool((seed // 2) % 2)
        yield replace(clean, attenuation_um=2 * base.interval_um, floor=0.01) if dims else clean


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path, nargs="*", default=[])
    parser.add_argument("--only", nargs="*", choices=list(MISHAPS))
    parser.add_argument("--clean", type=int, default=0)
    parser.add_argument("--looks", type=float, default=0.0, help="of the speckle; 0: none")
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    sources = [real(path) for path in arguments.reference]
    sources = sources or [phantom_source()]
    sources = [replace(source, looks=arguments.looks) for source in sources]
    rows = clean_rows(sources, arguments.clean) if arguments.clean else mishap_rows(sources, arguments)
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(field.name for field in fields(Outcome))
            writer.writerows(map(astuple, rows))


def mishap_rows(sources: Sequence[Source], arguments: argparse.Namespace) -> list[Outcome]:
    """The table of mishaps, printed as it grows."""
    rows = []
    for source in sources:
        bench = Bench()
        clean = bench.run(source.clean(), source)
        print(
            f"{source.name}, {source.looks:g} looks: clean says {[d.kind for d in clean.doubts] or 'nothing'}"
        )
        for name in arguments.only or MISHAPS:
            row = judged(bench, source, name, MISHAPS[name](source), clean)
            rows.append(row)
            print(
                f"  {name:26} | {row.doubts or '-':44} | {row.pairs or '-':40} "
                f"| {row.pose_error_px:6.2f} px, clean {row.clean_error_px:.2f}",
                flush=True,
            )
    return rows


def clean_rows(sources: Sequence[Source], count: int) -> list[Outcome]:
    """Acquisitions without a mishap, and what is said of them."""
    rows = []
    for source in clean_sources(sources, count):
        handled = source.clean()
        found = Bench().run(handled, source)
        error = max(pose_errors(found.poses, handled.poses, _tissue(source)).values())
        said = "; ".join(doubt.sentence for doubt in found.doubts)
        rows.append(Outcome(source.name, "none", said, "; ".join(_not_ok(found.pairs)), error, error))
        what = f"{source.name}, seed {source.seed}, {source.looks:g} looks, {source.depth} planes"
        what += ", attenuated" if source.attenuation_um else ""
        print(f"  {what:40} | {said or '-'} | {rows[-1].pairs or '-'} | {error:.2f} px", flush=True)
    doubted = sum(bool(row.doubts) for row in rows)
    not_ok = sum(bool(row.pairs) for row in rows)
    print(f"{count} clean acquisitions: {doubted} with a doubt, {not_ok} with a pair not ok")
    return rows


if __name__ == "__main__":
    main()
