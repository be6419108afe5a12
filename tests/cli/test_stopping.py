"""A signal is kept in mind; another one interrupts, unless it is the same SIGTERM sent twice."""

from __future__ import annotations

import os
import signal

import pytest

from vastmax.cli.lm import stopping
from vastmax.cli.lm.stopping import StopSignals


def _send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_sigterm_that_comes_twice_at_once_is_one() -> None:
    """timeout(1) sends it to the command and to its group; the state must be saved all the same."""
    with StopSignals() as stop:
        assert not stop()
        _send(signal.SIGTERM)
        _send(signal.SIGTERM)
        assert stop()
        assert stop.exit_code == 143


@pytest.mark.parametrize(
    ("first", "second", "stops"),
    [
        (signal.SIGTERM, signal.SIGTERM, SystemExit),
        (signal.SIGINT, signal.SIGTERM, SystemExit),
        (signal.SIGINT, signal.SIGINT, KeyboardInterrupt),
    ],
)
def test_a_second_signal_does_not_wait(
    monkeypatch: pytest.MonkeyPatch, first: int, second: int, stops: type[BaseException]
) -> None:
    now = 0.0

    def clock() -> float:
        return now

    monkeypatch.setattr(stopping.time, "monotonic", clock)
    with StopSignals() as stop:
        _send(first)
        now = stopping.SECONDS_OF_ONE_SIGTERM
        with pytest.raises(stops):
            _send(second)
        assert stop()
