"""Signals that ask the process to end."""

from __future__ import annotations

import signal

import pytest

from ecom_assets.foundation.interruption import (
    Interrupted,
    held_interruptions,
    raised_interruptions,
)

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_one_exception_with_an_exit_code(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=number.name) as raised, raised_interruptions():
        signal.raise_signal(number)
    assert raised.value.exit_code == 128 + number
    assert signal.getsignal(number) is before


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with raised_interruptions(), held_interruptions():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_held_signal_comes_at_the_end_of_the_block(number: signal.Signals) -> None:
    done = []

    def held() -> None:
        with held_interruptions():
            signal.raise_signal(number)
            done.append("all of the block")
        done.append("nothing behind it")

    with pytest.raises(Interrupted), raised_interruptions():
        held()
    assert done == ["all of the block"]
