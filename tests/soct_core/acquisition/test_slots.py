"""Slots: nothing moves in z that did not move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soct_core.acquisition.slots import Slots

# 207 µm cut into voxels of 10 µm: 20.7 planes a slot.
UNEVEN = Slots(first_id=3, interval_um=207.0, voxel_z_um=10.0, trusted_depth_um=207.0)


def even(trusted_um: float = 200.0) -> Slots:
    """Slots of 20 planes whose slices are trusted as deep as given."""
    return Slots(first_id=5, interval_um=200.0, voxel_z_um=10.0, trusted_depth_um=trusted_um)


@pytest.mark.parametrize("slice_id", range(3, 104))
def test_100_slots_of_20_point_7_planes_land_within_half_a_voxel(slice_id: int) -> None:
    exact_um = (slice_id - 3) * 207.0
    assert abs(UNEVEN.top(slice_id) * 10.0 - exact_um) <= 5.0
    assert UNEVEN.residual_um(slice_id) == pytest.approx(exact_um - UNEVEN.top(slice_id) * 10.0)


def test_the_last_of_100_slots_is_not_shortened() -> None:
    # int() of each slot's depth would end at plane 2000, 700 µm too high.
    assert UNEVEN.top(103) == 2070
    assert sum(UNEVEN.usable_planes(i, 30) for i in range(3, 103)) == 2070


@given(
    interval=st.floats(20, 500),
    voxel=st.floats(0.5, 20),
    first=st.integers(0, 50),
    index=st.integers(0, 400),
)
def test_no_slot_is_ever_more_than_half_a_voxel_off(
    interval: float, voxel: float, first: int, index: int
) -> None:
    slots = Slots(first, interval, voxel, interval)
    assert slots.top(first) == 0
    assert slots.top_um(first + index) == pytest.approx(index * interval)
    assert abs(slots.residual_um(first + index)) <= voxel / 2 * (1 + 1e-9)
    # Where the data end in their own slot, the next slot begins: no crack, no overlap.
    if interval >= voxel:
        full = slots.usable_planes(first + index, 10**6)
        assert slots.top(first + index) + full == slots.top(first + index + 1)


@pytest.mark.parametrize(
    ("trusted_um", "nz_before", "missing"),
    [
        pytest.param(200.0, 20, 20, id="one slot by default"),
        pytest.param(200.0, 60, 20, id="imaged deeper than trusted"),
        pytest.param(200.0, 13, 27, id="imaged less than a slot"),
        pytest.param(300.0, 60, 10, id="usable deeper than one interval"),
        pytest.param(300.0, 25, 15, id="usable only as deep as imaged"),
        pytest.param(400.0, 60, 0, id="just covered"),
        pytest.param(500.0, 60, -10, id="more than covered"),
        pytest.param(500.0, 39, 1, id="covered but for one plane"),
    ],
)
def test_what_is_missing_lies_between_trusted_data(trusted_um: float, nz_before: int, missing: int) -> None:
    slots = even(trusted_um)
    assert slots.missing_planes(7, nz_before) == missing
    # And it ends right at the top of after, wherever it begins.
    assert slots.top(6) + slots.usable_planes(6, nz_before) + missing == slots.top(8)


@pytest.mark.parametrize(
    ("trusted_um", "nz", "usable"),
    [(200.0, 60, 20), (200.0, 12, 12), (310.0, 60, 31), (314.9, 60, 31), (315.1, 60, 32), (1.0, 60, 1)],
)
def test_usable_planes_are_trusted_imaged_and_at_least_one(trusted_um: float, nz: int, usable: int) -> None:
    assert even(trusted_um).usable_planes(9, nz) == usable


@pytest.mark.parametrize(
    ("trusted_um", "nz_last", "depth"), [(200.0, 20, 60), (200.0, 8, 60), (300.0, 60, 70), (300.0, 24, 64)]
)
def test_the_volume_ends_with_the_last_slot_or_its_trusted_data(
    trusted_um: float, nz_last: int, depth: int
) -> None:
    assert even(trusted_um).depth(7, nz_last) == depth
