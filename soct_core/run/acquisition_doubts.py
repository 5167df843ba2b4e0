"""Doubts about an acquisition: what the pairs and the poses say of mishaps, and what to do about each.

Terminal, `run.json`, report and Prefect show these sentences; none of them makes its own. Nothing is
excluded, renamed or moved here: a doubt proposes, the user decides.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from schemas.handoffs import PairOutcome, StackOutcome
from schemas.pairwise import PairwiseMetrics
from schemas.published_stack import UnmatchedCut
from schemas.run_record import Doubt
from schemas.slice_id import format_slice_id
from schemas.tables.slice_config import SLICE_CONFIG
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core import slice_config
from soct_core.file_names import CONFIG_NAME, pair_name
from soct_core.pairwise.depth_order import clearly_better
from soct_core.pairwise.files import read_pair
from soct_core.run.plan import Planner

_MOST = 2 / 3
"""Share of pairs that must agree before the whole acquisition is doubted, not single pairs. By hand."""
_FROM_CHANCE = 0.1
"""Mean lead in NCC of the reverse order over three pairs and more, all of them leading. By hand."""
_NEARLY_WHOLE = 0.2
"""Slots by which a cut may miss a whole number of them and still be lost slices. By hand."""
_MOST_NAMED = 8
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Acquired:
    """What doubts need to know of the acquisition, for figures and for lines to paste."""

    directory: Path
    measured: Mapping[int, Path]
    table: pd.DataFrame
    """The slice config."""
    has_config: bool
    interval_um: float
    voxel_z_um: float

    @classmethod
    def of(cls, planner: Planner) -> Acquired:
        """The acquisition of a run."""
        return cls(
            planner.acquisition.directory,
            planner.measured,
            planner.table,
            planner.acquisition.config_path is not None,
            planner.settings.slicing_interval_um,
            next(iter(planner.volumes.values())).voxel_size_um[0],
        )

    def exclusion(self, ids: Sequence[int]) -> tuple[str, str]:
        """How to leave slices out: words, and their rows of the slice config or a command that writes it."""
        config = shlex.quote(str(self.directory / CONFIG_NAME))
        if not self.has_config:
            rows_of_ids = "".join(f"{format_slice_id(i)},false\\n" for i in ids)
            command = f"printf 'slice_id,use\\n{rows_of_ids}' > {config}"
            return f"to leave out {named(ids)}, as no slice was left out so far", command
        rows = self.table[self.table["slice_id"].isin(ids)].assign(use=False)
        head, *lines = SLICE_CONFIG.to_csv(rows).splitlines()
        return f"to leave out {named(ids)}, in {config} (columns {head})", "\n".join(lines)


def pair_doubts(acquired: Acquired, pairs: Sequence[PairwiseMetrics]) -> tuple[Doubt, ...]:
    """What registered pairs say against the acquisition.

    Parameters
    ----------
    pairs
        All pairs of the run; checks, and pairs of interpolated slices, are not asked.
    """
    asked = [m for m in pairs if m.role != "check" and {m.fixed_id, m.moving_id} <= acquired.measured.keys()]
    doubts = [*_order(acquired, asked), *_same_images(acquired, asked)]
    if any(doubt.kind == "order" and not doubt.slices for doubt in doubts):
        return tuple(doubts)
    explained = {slice_id for doubt in doubts for slice_id in doubt.slices}
    unexplained = [m for m in asked if explained.isdisjoint((m.fixed_id, m.moving_id))]
    return (*doubts, *_interval(acquired, unexplained))


def metrics_of(pairs: Sequence[PairOutcome]) -> list[PairwiseMetrics]:
    """What the files of registered pairs say.

    Raises
    ------
    RecordError
        If one cannot be read.
    """
    return [read_pair(pair.directory).metrics for pair in pairs]


def stack_doubts_of(
    planner: Planner, pairs: Sequence[PairOutcome], stacked: StackOutcome
) -> tuple[Doubt, ...]:
    """What a published stack says against its volume; see `stack_doubts`.

    Raises
    ------
    RecordError, SoctError
        If a file of the run cannot be read.
    """
    decisions = STACKING_DECISIONS.read(stacked.decisions)
    rows = decisions.astype(object).where(decisions.notna(), None).to_dict("records")
    named = [{str(name): cell for name, cell in row.items()} for row in rows]
    placed = stack_doubts(Acquired.of(planner), metrics_of(pairs), named)
    return (*placed, *unmatched_doubts(stacked.matched_cuts, stacked.unmatched_cuts))


def stack_doubts(
    acquired: Acquired, pairs: Sequence[PairwiseMetrics], decisions: Sequence[Row]
) -> tuple[Doubt, ...]:
    """What `stacking_decisions.csv` says: parts, and slices without support."""
    rows = [row for row in decisions if row["slot_state"] == "measured" and row.get("part") is not None]
    steering = [row for row in rows if row["slice_id"] not in slice_config.force_skip_slices(acquired.table)]
    alone = [int(r["slice_id"]) for r in steering if r["pose_source"] == "prior" and len(rows) > 1]
    doubts: list[Doubt] = []
    if len(alone) > len(steering) / 2:
        doubts.append(
            Doubt(
                kind="unsupported",
                sentence=f"no trusted pair supports {_most(alone, rows)}: they lie where the stage put them",
                remedy="see the pairs in the report; are slicing_interval_um, the voxel size and the order "
                "of the slices right?",
            )
        )
    else:
        doubts += _unsupported(acquired, pairs, alone)
        doubts += _parts(rows, set(alone))
    return tuple(doubts)


def unmatched_doubts(matched: int | None, unmatched: Sequence[UnmatchedCut]) -> Iterator[Doubt]:
    """What `stack.match_intensity` could not match; `matched` is None where it was not asked for."""
    if matched is None or not unmatched:
        return
    cuts = ", ".join(
        f"{format_slice_id(cut.upper_id)}-{format_slice_id(cut.lower_id)} ({cut.reason})" for cut in unmatched
    )
    nothing = f"stack.match_intensity found nothing to match across any cut: {cuts}"
    yield Doubt(
        kind="nothing_to_match",
        slices=tuple(sorted({i for cut in unmatched for i in (cut.upper_id, cut.lower_id)})),
        sentence=nothing if matched == 0 else f"stack.match_intensity could not match the cuts {cuts}",
        remedy="brightness on both sides of such a cut is as imaged; see the pairs in the report",
    )


def _order(acquired: Acquired, pairs: Sequence[PairwiseMetrics]) -> Iterator[Doubt]:
    seen = [(m.reversed_ncc, m.z_expected_correlation, m) for m in pairs]
    known = [(r, e, m) for r, e, m in seen if r is not None and e is not None]
    wrong = [m for _, _, m in known if m.reversed_order]
    leads = [r - e for r, e, _ in known]
    in_all = len(leads) >= 3 and min(leads) > 0 and float(np.mean(leads)) > _FROM_CHANCE
    if known and (in_all or len(wrong) >= _MOST * len(known)):
        first, last = min(acquired.measured), max(acquired.measured)
        yield Doubt(
            kind="order",
            sentence=f"slices fit in reverse order ({len(wrong)} of {_pairs(known)} clearly): the ids run "
            "from the bottom up, or every slice holds its deepest plane first",
            remedy="if the planes do, docs/doubts.md has three lines that turn them; if the ids do, take",
            paste=_reversed_links(acquired.directory, acquired.measured, first + last),
        )
        return
    for m in wrong:
        above, below = (shlex.quote(str(acquired.measured[i])) for i in (m.fixed_id, m.moving_id))
        yield Doubt(
            kind="order",
            slices=(m.fixed_id, m.moving_id),
            sentence=f"slices {named((m.fixed_id, m.moving_id))} fit in reverse order "
            f"(NCC {m.reversed_ncc:.2f} against {m.z_expected_correlation:.2f}): were they swapped?",
            remedy="if so",
            paste=f"mv {above} {above}.other && mv {below} {above} && mv {above}.other {below}",
        )


def _reversed_links(directory: Path, measured: Mapping[int, Path], both_ends: int) -> str:
    """A command that makes a directory of links in which the ids run the other way."""
    where = directory.with_name(f"{directory.name}_reversed")
    first, last = min(measured), max(measured)
    here, there = shlex.quote(str(next(iter(measured.values())).parent)), shlex.quote(str(where))
    return (
        f"mkdir {there} && for n in $(seq {first} {last}); do ln -s {here}/slice_z$(printf %02d $n).ome.zarr "
        f"{there}/slice_z$(printf %02d $(({both_ends} - n))).ome.zarr; done"
    )


def _same_images(acquired: Acquired, pairs: Sequence[PairwiseMetrics]) -> Iterator[Doubt]:
    for m in pairs:
        if m.same_image:
            yield same_image(
                acquired,
                (m.fixed_id, m.moving_id),
                f"show the same planes (NCC {m.same_depth_ncc:.2f} at no offset, "
                f"{m.z_expected_correlation:.2f} where they should continue each other)",
            )


def same_image(acquired: Acquired, ids: Sequence[int], seen: str) -> Doubt:
    """Two slices or more that hold one image; `seen` says how that is known."""
    words, line = acquired.exclusion(ids[1:])
    return Doubt(
        kind="same_image",
        slices=tuple(ids),
        sentence=f"slices {named(ids)} {seen}: no cut lies between them, or a file was copied",
        remedy="if the block was imaged twice without a cut, the slices below lie one slot too deep and want "
        f"other ids; {words}",
        paste=line,
    )


def _interval(acquired: Acquired, pairs: Sequence[PairwiseMetrics]) -> Iterator[Doubt]:
    """Cuts that are thicker or thinner than said, from z matches that are clearly off."""
    matched = [m for m in pairs if m.z_source == "matched" and m.overall_status != "error"]
    off = [(m, cut) for m in matched if (cut := _cut_um(acquired, m)) is not None]
    if not off:
        return
    cuts = [cut for _, cut in off]
    middle = float(np.median(cuts))
    near = [c for c in cuts if abs(c - middle) <= max(acquired.voxel_z_um, 0.1 * middle)]
    bound = [m for m, _ in off if m.z_wide_index is not None]
    where = "at the bound of their search" if len(bound) == len(off) else "off where they were expected"
    if len(near) >= _MOST * len(matched):
        yield Doubt(
            kind="interval",
            sentence=f"z matches of {len(off)} of {_pairs(matched)} lie {where}: "
            f"they fit cuts of {middle:.0f} µm, slicing_interval_um says {acquired.interval_um:g}",
            remedy="if the block was cut so",
            paste=f"--set slicing_interval_um={middle:.0f}",
        )
        return
    for m, cut in off:
        if m.z_wide_index is None:
            continue
        slots = cut / acquired.interval_um
        lost = round(slots) - 1 if abs(slots - round(slots)) <= _NEARLY_WHOLE else 0
        yield Doubt(
            kind="interval",
            slices=(m.fixed_id, m.moving_id),
            sentence=f"the z match of slices {named((m.fixed_id, m.moving_id))} lies at the bound of its "
            f"search: there the cut fits {cut:.0f} µm, not {acquired.interval_um:g}",
            remedy=(
                f"was a slice lost there and the ids went on? then give the slices from "
                f"{format_slice_id(m.moving_id)} on ids greater by {lost}"
                if lost > 0
                else "see its z match in the report; the slices follow it with"
            ),
            paste=""
            if lost > 0
            else f"--set stack.z_refine=true --set pairwise.search_range_um={_reach(acquired, cut):.0f}",
        )


def _reach(acquired: Acquired, cut: float) -> float:
    """A search that holds a cut, with an interval's half to spare."""
    return abs(cut - acquired.interval_um) + acquired.interval_um / 2


def _cut_um(acquired: Acquired, m: PairwiseMetrics) -> float | None:
    """Thickness of a cut as the z match has it; None where it is not clearly another than was said."""
    z = m.z_index if m.z_wide_index is None else m.z_wide_index
    found, expected = m.z_wide_correlation or m.z_correlation, m.z_expected_correlation
    if z is None or m.moving_z_index is None or found is None or expected is None or not m.z_drift:
        return None
    cut = (z - m.moving_z_index) * acquired.voxel_z_um / (m.moving_id - m.fixed_id)
    least = max(acquired.voxel_z_um, 0.1 * acquired.interval_um) * 0.99
    is_off = abs(cut - acquired.interval_um) >= least and clearly_better(found, expected)
    return cut if is_off else None


def _unsupported(
    acquired: Acquired, pairs: Sequence[PairwiseMetrics], alone: Sequence[int]
) -> Iterator[Doubt]:
    for slice_id in alone:
        touching = [m for m in pairs if slice_id in (m.fixed_id, m.moving_id)]
        best = max(touching, key=lambda m: m.registration_confidence, default=None)
        why = f" ({best.reasons[-1]})" if best is not None and best.reasons else ""
        words, line = acquired.exclusion([slice_id])
        yield Doubt(
            kind="unsupported",
            slices=(slice_id,),
            sentence=f"no trusted pair supports slice {format_slice_id(slice_id)}{why}: it lies where the "
            "stage put it, and counts as measured",
            remedy=f"look at it; {words}",
            paste=line,
        )


def _parts(rows: Sequence[Row], alone: set[int]) -> Iterator[Doubt]:
    """Cuts between parts that hold together within; slices that nothing supports are told apart."""
    held = sorted((int(row["part"]), int(row["slice_id"])) for row in rows if row["slice_id"] not in alone)
    found = [[i for _, i in group] for _, group in groupby(held, key=lambda pair: pair[0])]
    for above, below in pairwise(found):
        cut = above[-1], below[0]
        yield Doubt(
            kind="parts",
            slices=cut,
            sentence=f"no trusted pair crosses the cut between slices {named(cut)}: the volume is in parts, "
            f"{_span(above)} and {_span(below)}, that lie to each other only as the prior has it",
            remedy=f"place them by hand with manual/{pair_name(*cut)}.tfm, or do not measure across the cut",
        )


def _most(alone: Sequence[int], rows: Sequence[Row]) -> str:
    return f"{len(alone)} of {len(rows)} slices"


def _pairs(pairs: Sequence[object]) -> str:
    return f"{len(pairs)} pair" + ("" if len(pairs) == 1 else "s")


def _span(ids: Sequence[int]) -> str:
    first = format_slice_id(ids[0])
    return first if len(ids) == 1 else f"{first} to {format_slice_id(ids[-1])}"


def named(ids: Sequence[int]) -> str:
    """Slices by their ids, the first of them where they are many."""
    names = [format_slice_id(i) for i in ids[:_MOST_NAMED]]
    more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    return (" and ".join(names) if len(names) == 2 else ", ".join(names)) + more
