"""A signal is kept in mind; another one interrupts, unless it is the same SIGTERM sent twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from vastmax.cli.failure import exit_code_of, stopped_at_once
from vastmax.training import stop_signals as stopping
from vastmax.training.stop_signals import StopSignals


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


def test_what_this_process_was_started_to_ignore_it_ignores() -> None:
    """A shell lets its background jobs ignore Ctrl-C, which is for what runs in front."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            _send(signal.SIGINT)
            assert not stop()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("told", "says", "code"),
    [
        (KeyboardInterrupt(), "interrupted at once; all is well", 130),
        (SystemExit(143), "terminated at once; all is well", 143),
    ],
)
def test_a_second_signal_leaves_a_line(told: KeyboardInterrupt | SystemExit, says: str, code: int) -> None:
    error = stopped_at_once(told, "all is well")
    assert (str(error), error.code) == (says, code)


def test_sigterm_outside_of_training_leaves_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def told_to_go() -> None:
        raise SystemExit(143)

    with pytest.raises(SystemExit, match="143"):
        exit_code_of(told_to_go, debug=lambda: False)
    assert capsys.readouterr().err == "vastmax: terminated; nothing was written\n"


@pytest.mark.parametrize("under_torchrun", [True, False])
def test_a_process_of_torchrun_leaves_without_a_shutdown(under_torchrun: bool) -> None:
    program = "import atexit; atexit.register(print, 'shutdown'); from vastmax.cli.main import run; run(['--version'])"
    environment = {name: value for name, value in os.environ.items() if name != "TORCHELASTIC_RUN_ID"}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, **({"TORCHELASTIC_RUN_ID": "one"} if under_torchrun else {})},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("vastmax ")
    assert ("shutdown" in ran.stdout) is not under_torchrun
