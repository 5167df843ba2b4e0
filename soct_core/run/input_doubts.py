"""Doubts that show before anything is computed: in content, translations and the slice config."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from schemas.handoffs import DetectedGaps
from schemas.image_choice import ImageChoice
from schemas.run_record import Doubt
from schemas.slice_id import format_slice_id
from soct_core.acquisition.translations import contradicted_slots, origins_differ, without_translation
from soct_core.errors import BadInputError
from soct_core.run.acquisition_doubts import Acquired, named, same_image
from soct_core.run.plan import Planner
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import Volume, open_volume


def input_doubts(planner: Planner, found: DetectedGaps) -> tuple[Doubt, ...]:
    """What speaks against the acquisition before the stages run."""
    return (
        *_same_content(planner),
        *_translations(planner),
        *_unused_depth(planner, found),
        *_excluded_sources(planner, found),
    )


def _same_content(planner: Planner) -> Iterator[Doubt]:
    by_content: dict[str, list[int]] = defaultdict(list)
    for slice_id, path in planner.measured.items():
        by_content[fingerprint(path)].append(slice_id)
    for ids in by_content.values():
        if len(ids) > 1:
            yield same_image(Acquired.of(planner), ids, "hold the same files, byte for byte")


def _translations(planner: Planner) -> Iterator[Doubt]:
    volumes = planner.volumes
    if planner.voxel_size_um is not None:
        each = ((i, _as_stated(path, planner.settings.input)) for i, path in planner.measured.items())
        stated = {i: volume for i, volume in each if volume is not None}
        if len(stated) > 1 and origins_differ(stated):
            yield Doubt(
                kind="translations",
                sentence="the slices say different y, x translations, not used with --voxel-size-um",
                remedy="write the voxel size and its unit into the files, or give --shifts",
            )
        return
    if origins_differ(volumes):
        yield _windows(planner)
    off, interval = contradicted_slots(volumes, planner.slots)
    if off:
        said = planner.settings.slicing_interval_um
        fits = interval is not None and interval > 0 and abs(interval - said) > 1e-6 * said
        yield Doubt(
            kind="translations",
            slices=off,
            sentence=f"z translations of slices {named(off)} contradict their slots of {said:g} µm; "
            "slots place the slices",
            remedy="they fit" if fits else "do the ids run from the bottom up, or is one mistaken?",
            paste=f"--set slicing_interval_um={interval:g}" if fits else "",
        )


def _windows(planner: Planner) -> Doubt:
    """y, x origins that differ: windows, or a mistake; the user is told which it was taken for."""
    odd = without_translation(planner.volumes)
    if planner.shifts is not None:
        return Doubt(
            kind="translations",
            sentence=f"the slices say different y, x translations; {planner.shifts.name} was used instead",
            remedy="leave --shifts out to use the translations",
        )
    shape = next(iter(planner.space.windows.values())).plane_shape
    hint = f"; slices {named(odd)} lie at 0, 0: do they say none?" if odd else ""
    return Doubt(
        kind="translations",
        slices=tuple(odd),
        sentence=f"the slices say different y, x translations: taken as windows onto one canvas of "
        f"{shape[0]} x {shape[1]} px{hint}",
        remedy="if they are mistaken, correct them in the files, or lay the slices out with --shifts",
    )


def _as_stated(path: Path, choice: ImageChoice) -> Volume | None:
    try:
        return open_volume(path, choice=choice)
    except BadInputError:
        return None


def _unused_depth(planner: Planner, found: DetectedGaps) -> Iterator[Doubt]:
    """Gaps into which the slice above was imaged, deeper than it is trusted."""
    slots, reach = planner.slots, {}
    for gap in (*((i,) for i in found.gaps.single), *found.gaps.multi):
        before = gap[0] - 1
        trusted = planner.usable_planes(before)
        missing = slots.top(gap[-1] + 1) - slots.top(before) - trusted
        deeper = min(planner.volumes[before].shape[0] - trusted, missing)
        if deeper > 0:
            reach[gap[0]] = deeper * slots.voxel_z_um
    if not reach:
        return
    each = ", ".join(f"{um:.0f} µm into gap {format_slice_id(i)}" for i, um in reach.items())
    wanted = planner.settings.trusted_depth_um + max(reach.values())
    yield Doubt(
        kind="unused_depth",
        slices=tuple(reach),
        sentence=f"measured data reach {each}, which is not measured in the volume",
        remedy="where data that deep can be trusted, usable_depth_um would fill it",
        paste=f"--set usable_depth_um={wanted:.0f}",
    )


def _excluded_sources(planner: Planner, found: DetectedGaps) -> Iterator[Doubt]:
    """Single gaps beside a slice that a quality stage excluded."""
    for gap, sources in planner.gaps_beside_excluded(found.gaps.single).items():
        yield Doubt(
            kind="excluded_source",
            slices=(gap, *sources),
            sentence=f"gap {format_slice_id(gap)} is not interpolated: its neighbour {named(sources)} is "
            "auto_excluded, and so no source of it",
            remedy=f"if {named(sources)} is good after all, its row of slice_config.csv wants "
            "auto_excluded=false",
        )
