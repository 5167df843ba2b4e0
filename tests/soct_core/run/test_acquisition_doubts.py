"""Doubts about an acquisition: named slices, and what to do, from what pairs and poses say."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from schemas.pairwise import PairRole, PairwiseMetrics
from schemas.published_stack import UnmatchedCut
from schemas.run_record import Doubt
from schemas.settings import PairwiseSettings
from schemas.tables.slice_config import SLICE_CONFIG
from soct_core import slice_config
from soct_core.run.acquisition_doubts import Acquired, pair_doubts, stack_doubts, unmatched_doubts

IDS = range(6)


def acquired(folder: Path, table: pd.DataFrame | None = None) -> Acquired:
    measured = {i: folder / f"slice_z{i:02d}.ome.zarr" for i in IDS}
    return Acquired(
        folder,
        measured,
        slice_config.from_ids(IDS) if table is None else table,
        table is not None,
        200.0,
        50.0,
    )


def pair(fixed: int, moving: int, role: PairRole = "neighbours", **values: Any) -> PairwiseMetrics:
    good: dict[str, Any] = {
        "z_index": 4,
        "moving_z_index": 0,
        "expected_z_index": 4.0,
        "z_drift": 0.0,
        "z_correlation": 0.95,
        "z_source": "matched",
        "z_expected_correlation": 0.95,
        "same_depth_ncc": 0.7,
        "reversed_ncc": 0.6,
        "registration_confidence": 0.9,
        "reliable": True,
        "overall_status": "ok",
        "settings": PairwiseSettings(),
        "versions": {},
        "seconds": 0.0,
    }
    return PairwiseMetrics.model_validate(
        {"fixed_id": fixed, "moving_id": moving, "role": role} | good | values
    )


def chain(**of: dict[str, Any]) -> list[PairwiseMetrics]:
    """All pairs of neighbours; `of` changes those named p01, p12 ..."""
    return [pair(i, i + 1, **of.get(f"p{i}{i + 1}", {})) for i in IDS if i + 1 in IDS]


AT_BOUND = {
    "z_index": 6,
    "z_drift": 2.0,
    "z_wide_index": 6,
    "z_wide_correlation": 0.99,
    "z_correlation": 0.99,
}
LESS = {"z_expected_correlation": 0.8}
REVERSED = {"reversed_order": True, "reversed_ncc": 0.97, "z_expected_correlation": 0.5}
SAME = {"same_image": True, "same_depth_ncc": 0.99, "z_expected_correlation": 0.8}
EVERY = [f"p{i}{i + 1}" for i in range(5)]


def kinds(doubts: tuple[Doubt, ...]) -> list[tuple[str, tuple[int, ...]]]:
    return [(doubt.kind, doubt.slices) for doubt in doubts]


def test_good_pairs_say_nothing(tmp_path: Path) -> None:
    assert pair_doubts(acquired(tmp_path), chain()) == ()
    assert pair_doubts(acquired(tmp_path), []) == ()


@pytest.mark.parametrize("lost", [0, 1])
def test_matches_that_agree_on_another_interval_are_one_doubt(tmp_path: Path, lost: int) -> None:
    changed = dict.fromkeys(EVERY[lost:], AT_BOUND | LESS)
    (doubt,) = pair_doubts(acquired(tmp_path), chain(**changed))
    assert (doubt.kind, doubt.slices) == ("interval", ())
    assert (
        f"{5 - lost} of 5 pairs lie at the bound of their search: they fit cuts of 300 µm" in doubt.sentence
    )
    assert doubt.paste == "--set slicing_interval_um=300"


def test_drift_within_the_search_is_one_too_where_it_is_clear_and_shared(tmp_path: Path) -> None:
    drift = {"z_index": 5, "z_drift": 1.0, "z_correlation": 0.99, "z_expected_correlation": 0.9}
    (doubt,) = pair_doubts(acquired(tmp_path), chain(**dict.fromkeys(EVERY, drift)))
    assert doubt.paste == "--set slicing_interval_um=250"
    assert "off where they were expected" in doubt.sentence
    # Neither a drift of few pairs, nor one that chance explains.
    assert pair_doubts(acquired(tmp_path), chain(p01=drift, p23=drift)) == ()
    weak = drift | {"z_correlation": 0.92}
    assert pair_doubts(acquired(tmp_path), chain(**dict.fromkeys(EVERY, weak))) == ()


def test_one_match_at_its_bound_names_its_cut(tmp_path: Path) -> None:
    (doubt,) = pair_doubts(acquired(tmp_path), chain(p23=AT_BOUND | LESS))
    assert (doubt.kind, doubt.slices) == ("interval", (2, 3))
    assert "there the cut fits 300 µm, not 200" in doubt.sentence
    assert doubt.paste == "--set stack.z_refine=true --set pairwise.search_range_um=200"
    lost = AT_BOUND | LESS | {"z_index": 8, "z_drift": 4.0, "z_wide_index": 8}
    (doubt,) = pair_doubts(acquired(tmp_path), chain(p23=lost))
    assert "give the slices from 03 on ids greater by 1" in doubt.remedy
    unreliable = AT_BOUND | LESS | {"overall_status": "error", "reliable": False}
    assert pair_doubts(acquired(tmp_path), chain(p23=unreliable)) == ()


def test_slices_that_fit_in_reverse_are_one_doubt_with_a_command_that_turns_the_ids(tmp_path: Path) -> None:
    folder = tmp_path / "a mouse"
    there = acquired(folder)
    for path in there.measured.values():
        path.mkdir(parents=True)
    (doubt,) = pair_doubts(there, chain(**dict.fromkeys(EVERY[1:], REVERSED | AT_BOUND)))
    assert (doubt.kind, doubt.slices) == ("order", ())
    assert "deepest plane first" in doubt.sentence
    subprocess.run(["bash", "-c", doubt.paste], check=True)
    links = sorted((tmp_path / "a mouse_reversed").iterdir())
    assert [(link.name, link.resolve().name) for link in links] == [
        (f"slice_z{i:02d}.ome.zarr", f"slice_z{5 - i:02d}.ome.zarr") for i in IDS
    ]


def test_many_faint_signs_of_the_reverse_order_are_one_doubt(tmp_path: Path) -> None:
    faint = {"reversed_ncc": 0.5, "z_expected_correlation": 0.35, "z_correlation": 0.35}
    assert kinds(pair_doubts(acquired(tmp_path), chain(**dict.fromkeys(EVERY, faint)))) == [("order", ())]
    assert pair_doubts(acquired(tmp_path), chain(**dict.fromkeys(EVERY[1:], faint))) == ()


def test_swapped_neighbours_are_named_with_the_command_that_swaps_them_back(tmp_path: Path) -> None:
    there = acquired(tmp_path)
    (doubt,) = pair_doubts(there, chain(p23=REVERSED, p12=AT_BOUND | LESS))
    assert (doubt.kind, doubt.slices) == ("order", (2, 3))
    for i in (2, 3):
        there.measured[i].mkdir()
        (there.measured[i] / str(i)).touch()
    subprocess.run(["bash", "-c", doubt.paste], check=True)
    assert [[p.name for p in there.measured[i].iterdir()] for i in (2, 3)] == [["3"], ["2"]]


def test_the_same_image_is_named_with_the_line_that_leaves_one_out(tmp_path: Path) -> None:
    (doubt,) = pair_doubts(acquired(tmp_path), chain(p12=SAME))
    assert (doubt.kind, doubt.slices) == ("same_image", (1, 2))
    assert "slices 01 and 02 show the same planes" in doubt.sentence
    subprocess.run(["bash", "-c", doubt.paste], check=True)
    assert slice_config.filter_slices_to_use(tmp_path / "slice_config.csv") == set()
    assert slice_config.read(tmp_path / "slice_config.csv")["slice_id"].tolist() == [2]


def test_a_config_that_is_there_gets_its_row(tmp_path: Path) -> None:
    (tmp_path / "slice_config.csv").write_text('slice_id,use,notes,mine\n1,,"a, b",7\n2,true,,8\n')
    table = slice_config.read(tmp_path / "slice_config.csv")
    (doubt,) = pair_doubts(acquired(tmp_path, table), chain(p12=SAME))
    assert doubt.remedy.endswith(
        f"in {shlex.quote(str(tmp_path))}/slice_config.csv (columns slice_id,use,notes,mine)"
    )
    assert doubt.paste == "02,false,,8"
    head = doubt.remedy.rpartition("columns ")[2].rstrip(")")
    assert SLICE_CONFIG.parse("pasted", f"{head}\n{doubt.paste}\n")["use"].tolist() == [False]


def test_checks_and_pairs_of_interpolated_slices_are_not_asked(tmp_path: Path) -> None:
    there = acquired(tmp_path)
    assert pair_doubts(there, [*chain(), pair(1, 3, "check", **SAME)]) == ()
    without = replace(there, measured={i: p for i, p in there.measured.items() if i != 2})
    assert pair_doubts(without, chain(p12=SAME)) == ()


def row(slice_id: int, source: str = "pairwise", part: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "slice_id": slice_id,
        "slot_state": "measured",
        "pose_source": source,
        "part": part,
        "intensity_factor": 1.0,
    } | more


def told(folder: Path, rows: list[dict[str, Any]]) -> tuple[Doubt, ...]:
    pairs = chain(p23={"reasons": ("confidence 0.00 is below 0.3", "tissue fills 0.0% of a plane")})
    return stack_doubts(acquired(folder), pairs, rows)


def test_a_volume_that_holds_together_says_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, [row(i) for i in IDS]) == ()
    assert told(tmp_path, [row(0, "prior")]) == ()


def test_a_slice_that_nothing_supports_is_proposed_for_exclusion(tmp_path: Path) -> None:
    (doubt,) = told(tmp_path, [row(i, "prior" if i == 3 else "pairwise") for i in IDS])
    assert (doubt.kind, doubt.slices) == ("unsupported", (3,))
    assert "no trusted pair supports slice 03" in doubt.sentence
    assert doubt.paste.startswith("printf 'slice_id,use\\n03,false\\n' > ")
    table = slice_config.from_ids(IDS)
    table.loc[3, "auto_excluded"] = True
    rows = [row(i, "prior" if i == 3 else "pairwise") for i in IDS]
    assert stack_doubts(acquired(tmp_path, table), [], rows) == ()


def test_parts_are_named_cut_by_cut(tmp_path: Path) -> None:
    (doubt,) = told(tmp_path, [row(i, part=1 + (i > 2)) for i in IDS])
    assert (doubt.kind, doubt.slices) == ("parts", (2, 3))
    assert "parts, 00 to 02 and 03 to 05, that lie to each other only as the prior has it" in doubt.sentence
    assert "manual/slice_z02_z03.tfm" in doubt.remedy
    # Slices that nothing supports are parts of their own, and said as such only.
    lone = [row(i, "prior" if i == 0 else "pairwise", part=1 + (i > 0)) for i in IDS]
    assert kinds(told(tmp_path, lone)) == [("unsupported", (0,))]


def test_where_nothing_supports_most_slices_none_is_proposed(tmp_path: Path) -> None:
    (doubt,) = told(tmp_path, [row(i, "prior", part=1 + i) for i in IDS])
    assert (doubt.kind, doubt.slices, doubt.paste) == ("unsupported", (), "")
    assert "6 of 6 slices" in doubt.sentence


def test_cuts_whose_intensity_was_not_matched_are_said() -> None:
    cuts = [UnmatchedCut(upper_id=i, lower_id=i + 1, reason="no tissue in common") for i in (2, 5)]
    assert list(unmatched_doubts(None, cuts)) == []
    assert list(unmatched_doubts(4, [])) == []
    (some,) = unmatched_doubts(4, cuts)
    assert (some.kind, some.slices) == ("nothing_to_match", (2, 3, 5, 6))
    assert "could not match the cuts 02-03 (no tissue in common), 05-06" in some.sentence
    (none,) = unmatched_doubts(0, cuts)
    assert "found nothing to match across any cut" in none.sentence
