"""The parts of the report: pictures, outlines, scales, gates, and the sight of a gap."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from counting_volume import CountingVolume
from PIL import Image
from pydantic import ValidationError

from schemas.diagnostics import InterpolationDiagnostics
from schemas.reportlets import Picture
from schemas.settings import InterpolationSettings, PairwiseSettings
from soct_core.affine import Affine2D
from soct_core.errors import OutputError
from soct_core.pairwise.register import ComparedPlanes
from soct_core.pairwise.z_match import ZSearch, best_z
from soct_core.registration.working_plane import registration_plane
from soct_core.report.axes import Scale, spread, ticks, whole_ticks
from soct_core.report.gate_table import gates_of
from soct_core.report.group import fences
from soct_core.report.run_data import RunData
from soct_core.report.slots_line import slots_of
from soct_core.reportlets.gap_planes import MOST_ROWS, GapPlanes, read_gap_planes, rows_near
from soct_core.reportlets.outlines import outlines
from soct_core.reportlets.pair import pair_reportlet
from soct_core.reportlets.pictures import grey_window, picture
from soct_core.reportlets.preview import preview_png
from soct_core.reportlets.stack import stack_reportlet
from soct_core.reportlets.write import write_reportlet
from soct_core.run.leftovers import remove_stale_interpolations
from soct_core.slice_config.finalise import COVERED_NOTE
from soct_core.stages.render_report import report_what_there_is
from soct_core.zmorph.gates import judge


def image_of(shown: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.webp))).convert("L"))


def disc(radius: float, shape: tuple[int, int] = (120, 140)) -> np.ndarray:
    y, x = np.indices(shape)
    return np.hypot(x - shape[1] / 2, y - shape[0] / 2) < radius


def test_a_picture_keeps_what_it_shows_and_its_size() -> None:
    plane = np.where(disc(40), 900.0, 100.0)
    shown = picture(plane, grey_window(plane))
    assert (shown.height, shown.width) == plane.shape
    assert np.abs(image_of(shown) - np.where(disc(40), 255.0, 0.0)).mean() < 4


@pytest.mark.parametrize("most", [3_000, 10_000])
def test_a_picture_never_outgrows_its_bytes(most: int) -> None:
    noise = np.random.default_rng(0).gamma(1.0, 1.0, (900, 700))
    shown = picture(noise, grey_window(noise), max_bytes=most)
    assert len(base64.b64decode(shown.webp)) <= most
    assert shown.width / shown.height == pytest.approx(7 / 9, rel=0.03)


def test_pictures_bear_planes_without_contrast_or_numbers() -> None:
    for plane in (np.zeros((20, 30)), np.full((20, 30), np.nan)):
        assert picture(plane, grey_window(plane)).width == 30


def test_a_picture_is_base64_and_nothing_else() -> None:
    with pytest.raises(ValidationError):
        Picture(webp='x" onload="alert(1)', width=1, height=1)


def test_outlines_go_round_the_tissue() -> None:
    (ring,) = outlines(disc(40), scale=2.0)
    x, y = np.array(ring).T
    area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    assert area == pytest.approx(np.pi * 80**2, rel=0.03)
    assert (np.ptp(x) / 2 + x.min(), np.ptp(y) / 2 + y.min()) == pytest.approx((140, 120), abs=2)
    assert len(ring) < 60
    assert outlines(np.zeros((20, 20), dtype=bool)) == ()


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 1, ["0.0", "0.5", "1.0"]), (-7, 6, ["\u22125", "0", "5"]), (0.81, 0.99, ["0.85", "0.90", "0.95"])],
)
def test_ticks_are_round_and_enough(low: float, high: float, wanted: list[str]) -> None:
    found = [text for _, text in ticks(low, high, 3)]
    assert found == wanted or len(found) >= 3
    assert all(low <= value <= high for value, _ in ticks(low, high, 3))


def test_scales_and_spreads() -> None:
    assert Scale(0, 10, 100, 200)(5) == 150
    low, high = spread([3.0, 3.0], least=1.0)
    assert low < 3 < high
    assert spread([], least=1.0)[0] < spread([], least=1.0)[1]
    assert spread([2.0, 8.0], least=1.0, zero=True)[0] == 0
    assert whole_ticks(0, 29) == list(range(0, 30, 2))
    assert whole_ticks(5, 5) == [5]


def diagnostics(**found: object) -> InterpolationDiagnostics:
    base = {
        "method": "zmorph",
        "interpolation_failed": False,
        "settings": InterpolationSettings(),
        "versions": {},
        "seconds": 0.0,
    }
    return InterpolationDiagnostics.model_validate(base | found)


SHARP = registration_plane(
    1000 * np.hypot(*np.mgrid[-100:100, -100:100]).__lt__(60)
    + np.random.default_rng(0).normal(50, 5, (200, 200))
)
"""A bright disk on noisy ground."""
CENTRE = (99.5, 99.5)


def judged(motion: Affine2D, **settings: float) -> InterpolationDiagnostics:
    """Diagnostics of a gap whose two slabs are one and the same plane."""
    chosen = InterpolationSettings.model_validate(settings)
    verdict = judge(motion, SHARP, SHARP, chosen)
    failed = verdict.reason is not None
    return diagnostics(
        interpolation_failed=failed,
        fallback_reason=verdict.reason,
        detail=verdict.detail,
        gates=verdict.checks,
        settings=chosen,
    )


@pytest.mark.parametrize(
    ("motion", "settings", "failed"),
    [
        (Affine2D.rigid(0, (60.0, 0.0), CENTRE), {}, ["max_shift_fraction"]),
        (Affine2D.rigid(12, (60.0, 0.0), CENTRE), {}, ["max_rotation_deg", "max_shift_fraction"]),
        (Affine2D.of([[1.3, 0], [0, 1]], (0, 0), CENTRE), {}, ["max_scale"]),
        (Affine2D.of([[1, 0.2], [0, 1]], (0, 0), CENTRE), {}, ["max_shear"]),
        (Affine2D.of([[-1, 0], [0, 1]], (0, 0), CENTRE), {}, ["Determinant of the affine"]),
        (Affine2D.of([[np.nan, 0], [0, 1]], (0, 0), CENTRE), {}, ["Registration"]),
        (Affine2D.identity(CENTRE), {"min_post_correlation": 1.0, "min_tissue_overlap": 1.0}, []),
    ],
)
def test_the_gate_that_decided_is_a_row_that_failed(
    motion: Affine2D, settings: dict[str, float], failed: list[str]
) -> None:
    rows = gates_of(judged(motion, **settings))
    assert [row.setting or row.name for row in rows if row.verdict == "failed"] == failed
    reached = [row.verdict != "not reached" for row in rows]
    assert any(reached)


def test_a_gap_that_was_refused_shows_a_row_that_failed_whatever_is_known_of_it() -> None:
    old = diagnostics(interpolation_failed=True, fallback_reason="low_post_ncc", detail="NCC 0.2")
    assert [(row.name, row.wanted) for row in gates_of(old) if row.verdict == "failed"] == [
        ("low_post_ncc", "NCC 0.2")
    ]


def test_aligned_pairs_are_asked_for_no_gain() -> None:
    rows = {row.name: row for row in gates_of(judged(Affine2D.identity(CENTRE)))}
    assert rows["NCC gain, aligned already"].verdict == "passed"
    assert "NCC gain by registration" not in rows


def test_gates_that_were_not_reached_say_so() -> None:
    rows = gates_of(diagnostics(gates=[{"gate": "tissue", "value": 0.01, "limit": 0.1, "passed": False}]))
    assert [row.verdict for row in rows] == ["failed"] + ["not reached"] * (len(rows) - 1)
    assert gates_of(diagnostics(method="average")) == ()


def test_bars_show_values_beside_limits() -> None:
    checks = [
        {"gate": "overlap_ncc", "value": 0.8, "limit": 0.3, "passed": True},
        {"gate": "scale", "value": 1.05, "limit": 1.1, "passed": True},
        {"gate": "rotation", "value": 30.0, "limit": 10.0, "passed": False},
    ]
    rows = [row for row in gates_of(diagnostics(gates=checks)) if row.share is not None]
    assert [(row.share, row.mark, row.wanted) for row in rows] == [
        (0.8, 0.3, "≥ 0.3"),
        (1.0, 0.5, "≤ 10"),
        (pytest.approx(0.25), 0.5, "≤ 1.1"),
    ]


def test_the_z_curve_decides_ties_for_the_expected_plane() -> None:
    search = ZSearch(0, 5.0, range(3, 8), "matched")
    assert best_z(search, ((3, 0.9), (4, 0.9), (6, 0.9), (7, 0.2))) == (6, 0.9)
    assert best_z(search, ((3, 0.95), (5, 0.9))) == (3, 0.95)


def test_a_pair_is_shown_moved_into_place() -> None:
    fixed = np.where(disc(40), 900.0, 100.0)
    moving = np.roll(fixed, 12, axis=1)
    moving[:, -1] = 900.0
    planes = registration_plane(fixed, 1), registration_plane(moving, 1)
    motion = Affine2D.rigid(0.0, (12.0, 0.0), (69.5, 59.5))
    look = pair_reportlet(ComparedPlanes(*planes, motion, ((1, 0.5), (2, 0.75))))
    assert look.registered is not None
    shown = [image_of(p).astype(float) for p in (look.fixed, look.moving, look.registered)]
    inside = slice(None), slice(0, 120)
    assert np.abs(shown[0] - shown[2])[inside].mean() < 3
    assert np.abs(shown[0] - shown[1])[inside].mean() > 20
    assert not image_of(look.registered)[:, -8:].any(), "what was not imaged is black"
    assert look.z_curve == ((1, 0.5), (2, 0.75))


def test_a_pair_that_raised_shows_its_two_planes() -> None:
    plane = registration_plane(np.ones((60, 80)), 1)
    look = pair_reportlet(ComparedPlanes(plane, plane, None))
    assert look.registered is None
    assert look.outline == ()


def test_a_sight_keeps_the_middle_and_one_row_of_each_plane() -> None:
    planes = np.arange(5 * 4 * 3).reshape(5, 4, 3)
    sight = GapPlanes(row=2)
    assert np.array_equal(np.stack(list(sight.watch(planes, 5))), planes)
    assert np.array_equal(sight.middle, planes[2])
    assert np.array_equal(np.stack(sight.rows), planes[:, 2])


def test_a_sight_of_what_lies_on_disk_is_the_same() -> None:
    planes = np.random.default_rng(0).integers(0, 9, (21, 4, 3))
    found = read_gap_planes(CountingVolume(planes), 2)
    assert np.array_equal(found.middle, planes[10])
    assert np.array_equal(np.stack(found.rows), planes[:, 2])
    assert read_gap_planes(None, 2).middle is None


@pytest.mark.parametrize("last", [True, False])
def test_a_preview_reads_only_planes_near_the_gap(last: bool) -> None:
    data = np.random.default_rng(0).integers(0, 99, (100, 6, 8))
    volume = CountingVolume(data)
    rows = rows_near(volume, 3, last=last)
    near = range(100 - MOST_ROWS, 100) if last else range(MOST_ROWS)
    assert np.array_equal(rows, data[near.start : near.stop, 3])
    assert set(volume.planes) == set(near)


def test_a_preview_is_drawn_with_and_without_a_result() -> None:
    data = np.random.default_rng(0).integers(0, 99, (40, 60, 80))
    filled = GapPlanes(row=30)
    list(filled.watch(data[:4], 4))
    before, after = CountingVolume(data), CountingVolume(data)
    for sight, d in (
        (filled, diagnostics()),
        (GapPlanes(row=30), diagnostics(fallback_reason="low_overlap_ncc")),
    ):
        png = preview_png(before, after, sight, d)
        assert Image.open(io.BytesIO(png)).size == (1280, 368)
    assert len(before.planes) <= MOST_ROWS


def test_a_picture_that_fails_costs_a_line_and_leaves_no_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "reportlet.json"
    assert write_reportlet(path, PairwiseSettings) == (path,)
    assert path.exists()

    def broken() -> PairwiseSettings:
        raise RuntimeError("no")

    assert write_reportlet(path, broken) == ()
    assert list(tmp_path.iterdir()) == []
    assert caplog.text.count("\n") == 1
    assert "no picture for the report: RuntimeError: no" in caplog.text


def test_a_picture_that_cannot_be_written_fails_so_that_it_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "reportlet.json" / "in the way").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"reportlet\.json"):
        write_reportlet(tmp_path / "reportlet.json", PairwiseSettings)


def test_a_stale_reportlet_goes_with_its_interpolation(tmp_path: Path) -> None:
    for name in ("slice_z02_interpolated_reportlet.json", "slice_z03_interpolated_reportlet.json"):
        (tmp_path / name).write_text("{}")
    remove_stale_interpolations(tmp_path, [3])
    assert [p.name for p in tmp_path.iterdir()] == ["slice_z03_interpolated_reportlet.json"]


def test_the_stack_is_looked_at_through_its_pyramid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from placed_slices import measured, stacked

    bright = np.full((6, 210, 230), 50, dtype=np.uint16)
    bright[:, 60:150, 80:200] = 1000
    stacked(tmp_path, [measured(0, bright, 0), measured(2, (bright * 2).astype(np.uint16), 12)], 18)
    volume = tmp_path / "3d_volume.ome.zarr"
    fine = stack_reportlet(volume)
    assert fine.shape == (18, 210, 230)
    assert (fine.xz.width, fine.xz.height) == (230, 18)
    assert fine.xz_y_um == pytest.approx(105 * 4.0, abs=8)
    assert fine.yz_x_um == pytest.approx(140 * 5.0, abs=10)
    means = [plane.tissue_mean for plane in fine.profile]
    assert means[:6] == [1000] * 6
    assert means[6:12] == [None] * 6, "a gap has no tissue"
    assert means[12:] == [2000] * 6
    assert [plane.depth_um for plane in fine.profile[:2]] == [5, 15]
    monkeypatch.setattr("soct_core.reportlets.stack.MOST_VOXELS", 1)
    coarse = stack_reportlet(volume)
    assert coarse.xz.width == 115
    assert coarse.depth_um == fine.depth_um


def test_outliers_are_told_only_among_enough() -> None:
    assert fences([1, 1, 1, 90]) == (float("-inf"), float("inf"))
    low, high = fences([1, 2, 3, 4, 5, 90])
    assert low < 1
    assert 5 < high < 90


@pytest.mark.parametrize(
    ("used", "rows", "wanted"),
    [
        ((0, 1, 3), {}, ["00 measured", "01 measured", "02 gap", "03 measured"]),
        ((3, 4), {1, 4, 40}, ["01 excluded", "03 measured", "04 measured", "40 excluded"]),
        ((3, 12), {3}, ["03 measured", "04 to 11 gap", "12 measured"]),
        ((3, 11), {3}, ["03 measured", "04 to 10 gap", "11 measured"]),
        ((3, 10), {3}, ["03 measured", *(f"{i:02d} gap" for i in range(4, 10)), "10 measured"]),
        ((0, 1, 3), {2}, ["00 measured", "01 measured", "02 covered", "03 measured"]),
        ((), {3, 5}, ["03 excluded", "04 gap", "05 excluded"]),
    ],
)
def test_gaps_lie_between_slices(used: tuple[int, ...], rows: set[int], wanted: list[str]) -> None:
    trail = {slice_id: {"slice_id": slice_id, "use": slice_id in used} for slice_id in rows}
    if "02 covered" in wanted:
        trail[2]["notes"] = f"mine; {COVERED_NOTE}"
    reading = SimpleNamespace(
        used=used, trail=trail, gaps=(), record=SimpleNamespace(gaps=SimpleNamespace(single=()))
    )
    slots = slots_of(cast("RunData", reading))
    assert [f"{slot.name} {slot.kind}" for slot in slots] == wanted


def test_a_report_that_fails_behind_a_failed_run_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report_what_there_is(tmp_path)
    assert caplog.text.count("\n") == 1
    assert "no report of the failed run: RecordError: " in caplog.text
