"""A sample of the mishap benchmark: what was mishandled is named, and a clean acquisition raises no doubt."""

from __future__ import annotations

import pytest
from mishap_kinds import MISHAPS
from mishaps import Bench, clean_sources, judged, phantom_source

SAMPLE = {
    "ids reversed": "order all",
    "cut at 1.5 intervals": "interval all",
    "imaged twice, no cut": "same_image 02 and 03",
    "noise slice": "unsupported 03",
}


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("name", SAMPLE)
def test_a_mishap_is_named(bench: Bench, name: str) -> None:
    source = phantom_source()
    row = judged(bench, source, name, MISHAPS[name](source), bench.run(source.clean(), source))
    assert row.doubts == SAMPLE[name]
    assert row.pose_error_px < 0.5


def test_a_clean_acquisition_raises_no_doubt(bench: Bench) -> None:
    for source in list(clean_sources([phantom_source()], 1)):
        assert bench.run(source.clean(), source).doubts == ()
