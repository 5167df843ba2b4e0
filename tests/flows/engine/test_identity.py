"""What an acquisition is called, and which names of runs are a user's."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.utilities.names import generate_slug

from flows.engine.identity import Identity, run_name
from soct_core.errors import BadInputError


def test_two_acquisitions_of_one_name_share_nothing() -> None:
    one, other = (Identity.of(Path(path), None) for path in ("/data/mouse-1/acq", "/data/mouse-2/acq"))
    assert (one.name, other.name) == ("mouse-1/acq", "mouse-2/acq")
    copy = Identity.of(Path("/backup/mouse-1/acq"), None)
    assert copy.name == one.name
    assert len({one.slug, other.slug, copy.slug}) == 3


def test_a_name_that_was_given_counts_everywhere() -> None:
    assert Identity.of(Path("/data/acq"), "Mouse 12") == Identity("Mouse 12", "mouse-12")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match="printable"):
        Identity.of(Path("/data/acq"), name)


def test_a_name_that_was_typed_stays() -> None:
    assert run_name("second try, without 07", Path("/data/acq"), None) == "second try, without 07"
    assert run_name("my-try", Path("/data/acq"), None) == "my-try"


def test_a_name_that_prefect_made_up_does_not_stay() -> None:
    for name in (generate_slug(2) for _ in range(20)):
        assert run_name(name, Path("/data/acq"), None) == "data/acq"
        assert run_name(name, Path("/data/acq"), "mouse") == "mouse"
