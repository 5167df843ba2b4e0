"""Which slices a config uses, and which must not steer."""

from __future__ import annotations

from pathlib import Path

import pytest
from saved_tables import saved

from soct_core import slice_config


@pytest.mark.parametrize(
    ("table", "used", "skipped"),
    [
        ("slice_id\n1\n2\n", {1, 2}, set()),
        ("slice_id,use\n1,true\n2,false\n3,\n", {1, 3}, {2}),
        ("slice_id,auto_excluded\n1,true\n2,false\n3,\n", {1, 2, 3}, {1}),
        (
            "slice_id,use,auto_excluded\n1,true,true\n2,false,\n3,,true\n4,no,no\n5,,\n",
            {1, 3, 5},
            {1, 2, 3, 4},
        ),
        ("slice_id,use\n", set(), set()),
    ],
)
def test_used_and_skipped_slices(tmp_path: Path, table: str, used: set[int], skipped: set[int]) -> None:
    path = saved(tmp_path, table)
    for config in (path, str(path), slice_config.read(path)):
        assert slice_config.filter_slices_to_use(config) == used
        assert slice_config.force_skip_slices(config) == skipped
