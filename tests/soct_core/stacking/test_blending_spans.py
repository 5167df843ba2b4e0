"""Which slice owns which planes, where slices cross over, and where a grown volume first changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from placed_slices import interpolated, measured

from soct_core.stacking.blending import Span, first_change, spans
from soct_core.stacking.placed_slice import PlacedSlice


def empty_layer(state: str, slice_id: int, top: int, nz: int, trusted: int) -> PlacedSlice:
    """A layer of which only depths matter."""
    volume = np.zeros((nz, 1, 1), np.uint8)
    if state == "interpolated":
        return interpolated(slice_id, volume, top)
    return measured(slice_id, volume, top, trusted)


@st.composite
def any_layers(draw: st.DrawFn) -> list[PlacedSlice]:
    """Layers that overlap, hide each other and leave gaps; no two measured ones of the same top."""
    tops = draw(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True))
    layers = []
    for slice_id, top in enumerate(tops):
        nz = draw(st.integers(1, 14))
        layers.append(empty_layer("measured", slice_id, top, nz, draw(st.integers(1, nz))))
    for slice_id in range(50, 50 + draw(st.integers(0, 3))):
        nz = draw(st.integers(1, 14))
        layers.append(empty_layer("interpolated", slice_id, draw(st.integers(0, 30)), nz, nz))
    return draw(st.permutations(layers))


def claims(layers: list[PlacedSlice], depth: int) -> list[PlacedSlice | None]:
    """The measured slice that each plane belongs to: the one that begins last and is trusted there."""
    solid = [layer for layer in layers if layer.state == "measured"]
    trusted = [[layer for layer in solid if layer.top <= z < layer.bottom] for z in range(depth)]
    return [max(here, key=lambda layer: layer.top, default=None) for here in trusted]


@given(any_layers(), st.integers(1, 50), st.integers(0, 8))
@examples(max_examples=400, deadline=None)
def test_every_plane_has_exactly_one_owner_and_it_has_data_there(
    layers: list[PlacedSlice], depth: int, blend: int
) -> None:
    runs = spans(layers, depth, blend)
    assert [z for run in runs for z in range(run.first, run.last + 1)] == list(range(depth))
    for run in runs:
        assert run.first <= run.last
        assert run.owner is None or run.owner.top <= run.first <= run.last < run.owner.bottom


@given(any_layers(), st.integers(1, 50), st.integers(0, 8))
@examples(max_examples=400, deadline=None)
def test_measured_planes_are_never_given_to_interpolated_ones(
    layers: list[PlacedSlice], depth: int, blend: int
) -> None:
    runs = spans(layers, depth, blend)
    owners = [run.owner for run in runs for _ in range(run.first, run.last + 1)]
    for z, (found, wanted) in enumerate(zip(owners, claims(layers, depth), strict=True)):
        if wanted is not None:
            assert found is wanted, f"plane {z}"
        else:
            assert found is None or found.state == "interpolated", f"plane {z}"


def test_measured_beats_morphed_where_refinement_brought_them_together() -> None:
    # Trusted almost down to the next but one; z refinement then moved that one up by 5 planes.
    before, after = empty_layer("measured", 0, 0, 60, 38), empty_layer("measured", 2, 35, 40, 38)
    between = empty_layer("interpolated", 1, 38, 2, 2)
    assert spans([before, between, after], 73, 0) == [Span(0, 34, before), Span(35, 72, after)]


@given(any_layers(), st.integers(1, 50), st.integers(0, 8))
@examples(max_examples=400, deadline=None)
def test_ramps_lie_at_the_top_of_a_measured_slice_within_the_data_of_the_one_above(
    layers: list[PlacedSlice], depth: int, blend: int
) -> None:
    runs = spans(layers, depth, blend)
    for before, run in zip([None, *runs], runs, strict=False):
        if run.upper is None:
            continue
        assert run.owner is not None
        assert run.owner.state == run.upper.state == "measured"
        assert run.last - run.first < blend
        assert run.last < run.upper.top + run.upper.volume.shape[0]
        assert run.upper.top < run.owner.top
        # The one above is right above: it fades out, it does not come back.
        assert before is not None
        assert before.owner is run.upper
        assert run.first == run.owner.top


@pytest.mark.parametrize(
    ("blend", "nz_above", "planes_below", "ramp"),
    [
        pytest.param(5, 20, 10, 5, id="as deep as asked for"),
        pytest.param(5, 13, 10, 3, id="no deeper than the data above"),
        pytest.param(5, 20, 4, 4, id="no deeper than the slice below"),
        pytest.param(5, 10, 10, 0, id="nothing below the boundary"),
        pytest.param(0, 20, 10, 0, id="none asked for"),
    ],
)
def test_how_long_a_ramp_is(blend: int, nz_above: int, planes_below: int, ramp: int) -> None:
    above = empty_layer("measured", 0, 0, nz_above, 10)
    below = empty_layer("measured", 1, 10, planes_below, planes_below)
    runs = [(r.first, r.last) for r in spans([below, above], 20, blend) if r.upper is not None]
    assert runs == ([(10, 9 + ramp)] if ramp else [])


def test_no_ramp_across_a_gap_or_an_interpolated_slice() -> None:
    above, below = empty_layer("measured", 0, 0, 30, 10), empty_layer("measured", 2, 20, 10, 10)
    between = empty_layer("interpolated", 1, 10, 10, 10)
    assert spans([above, below], 30, 5) == [Span(0, 9, above), Span(10, 19, None), Span(20, 29, below)]
    assert spans([above, between, below], 30, 5) == [
        Span(0, 9, above),
        Span(10, 19, between),
        Span(20, 29, below),
    ]


def test_the_first_change_is_found_wherever_it_hides() -> None:
    layers = [measured(i, np.ones((10, 4, 4), np.uint16), 6 * i, 6) for i in range(3)]
    assert first_change(spans(layers[:2], 12, 3), spans(layers, 18, 3)) == 12
    assert first_change(spans(layers, 18, 3), spans(layers, 18, 3)) == 18
    # Trusted beyond its slot, the last slice owned planes that the next one takes from it.
    deep = [layers[0], replace(layers[1], planes=9), layers[2]]
    assert first_change(spans(deep[:2], 15, 3), spans(deep, 18, 3)) == 12
    # The ramp onto a slice that is cut short by the next one is another ramp from its beginning.
    cut = [layers[0], layers[1], replace(layers[2], top=8)]
    assert first_change(spans(cut[:2], 12, 4), spans(cut, 14, 4)) == 6
