"""Signals that stop a command wait while something must not be left half done."""

from __future__ import annotations

import signal

import pytest

from flows.terminal.signals import STOPPING, signals_held


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_a_held_signal_is_heard_at_the_end(number: signal.Signals) -> None:
    heard: list[int] = []
    before = signal.signal(number, lambda one, _: heard.append(one))
    try:
        with signals_held():
            signal.raise_signal(number)
            assert not heard
        assert heard == [number]
        signal.raise_signal(number)
        assert heard == [number, number]
    finally:
        signal.signal(number, before)


def test_what_raises_within_gives_the_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="within"), signals_held():
        raise ValueError("within")
    assert signal.getsignal(signal.SIGTERM) is before
