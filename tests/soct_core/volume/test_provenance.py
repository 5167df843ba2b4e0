"""The labels of provenance are those of the contract."""

from __future__ import annotations

from soct_core.volume import provenance


def test_the_labels_are_those_of_the_contract() -> None:
    numbers = provenance.GAP, provenance.MEASURED, provenance.INTERPOLATED, provenance.BLEND
    assert numbers == (0, 1, 2, 3)
    assert provenance.LABEL_NAME == "provenance"
