"""Which slices an acquisition holds and uses, and what is not passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from soct_core.errors import SliceConfigError


def test_a_config_that_is_a_link_to_nothing_is_not_passed_over(tmp_path: Path) -> None:
    from tiny_slices import small_acquisition

    from soct_core.acquisition.slices import find_acquisition, slice_table

    acquisition = small_acquisition(tmp_path / "mouse")
    (acquisition / "slice_config.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(SliceConfigError, match="cannot be read"):
        slice_table(find_acquisition(acquisition))
