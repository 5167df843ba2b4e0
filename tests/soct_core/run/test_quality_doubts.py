"""Doubts from quality: a proposal for each spoiled slice, and none for what is doubted already."""

from __future__ import annotations

from pathlib import Path

from schemas.handoffs import InterpolationOutcome
from schemas.quality import PairFigures, PairQuality, SliceFigures
from schemas.run_record import Doubt
from soct_core import slice_config
from soct_core.run.acquisition_doubts import Acquired
from soct_core.run.quality_doubts import brightness_doubts, quality_doubts

IDS = range(7)


def acquired() -> Acquired:
    measured = {i: Path(f"slice_z{i:02d}.ome.zarr") for i in IDS}
    return Acquired(Path("acq"), measured, slice_config.from_ids(IDS), False, 200.0, 50.0)


def quality(dim: int | None = None, lost_at: int | None = None) -> list[PairQuality]:
    def alike(upper: int, lower: int) -> float:
        steps = lower - upper + (lost_at is not None and upper <= lost_at < lower)
        return 1 - 0.1 * steps

    def figures(i: int) -> SliceFigures:
        dark = -1.5 if i == dim else 0.0
        return SliceFigures(slice_id=i, planes=(2,), tissue_fraction=0.3, log_intensity=dark)

    return [
        PairQuality(
            pair=PairFigures(upper_id=a, lower_id=b, likeness=alike(a, b), overlap=0.9),
            slices=(figures(b),) + ((figures(a),) if a == 0 else ()) if b == a + 1 else (),
        )
        for a in IDS
        for b in (a + 1, a + 2)
        if b in IDS
    ]


def test_spoiled_slice_is_named_with_reason_and_a_line_to_paste() -> None:
    (doubt,) = quality_doubts(acquired(), quality(dim=3), ())
    assert (doubt.kind, doubt.slices) == ("spoiled", (3,))
    assert "slice 03 looks spoiled: tissue is 0.22 times as bright" in doubt.sentence
    assert "03,false" in doubt.paste


def test_slice_lost_without_a_gap_in_the_ids_is_asked_for() -> None:
    (doubt,) = quality_doubts(acquired(), quality(lost_at=3), ())
    assert (doubt.kind, doubt.slices) == ("interval", (3, 4))
    assert "give the slices from 04 on ids greater by 1" in doubt.remedy


def test_what_is_doubted_already_is_not_doubted_twice() -> None:
    dim, lost = quality(dim=3), quality(lost_at=3)
    unsupported = Doubt(kind="unsupported", slices=(3,), sentence="no trusted pair supports it")
    thick = Doubt(kind="interval", sentence="all cuts are thicker")
    reversed_ids = Doubt(kind="order", sentence="slices fit in reverse order")
    assert not list(quality_doubts(acquired(), dim, [unsupported]))
    assert not list(quality_doubts(acquired(), lost, [thick]))
    assert not list(quality_doubts(acquired(), dim, [reversed_ids]))
    assert not list(quality_doubts(acquired(), quality(), ()))


def test_a_gap_between_dark_and_bright_is_doubted() -> None:
    def filled(slice_id: int, step: float | None) -> InterpolationOutcome:
        return InterpolationOutcome(slice_id=slice_id, result="interpolated", brightness_step=step)

    assert not list(brightness_doubts([filled(1, 1.3), filled(2, 0.8), filled(3, None)]))
    (doubt,) = brightness_doubts([filled(1, 3.0), filled(3, 1.0), filled(5, 3.4)])
    assert (doubt.kind, doubt.slices) == ("brightness", (1, 5))
    assert "below the interpolated 01 and 05 is 3 to 3.4 times as bright as above" in doubt.sentence
    assert "compensate" in doubt.remedy
    brighter, darker = brightness_doubts([filled(3, 0.5), filled(7, 2.2)])
    assert (brighter.slices, darker.slices) == ((7,), (3,))
    assert "interpolated 03 is 2 times darker than above" in darker.sentence
