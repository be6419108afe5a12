"""Ctrl-C and SIGTERM while a model is trained: heard at once, obeyed after the step, when there is a state to save."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Self

SECONDS_OF_ONE_SIGTERM = 1.0
"""timeout(1) sends SIGTERM to its command and then to the whole group: a second one so soon is still the first."""


class StopSignals:
    """In a `with`: the first signal is kept in mind, and whoever asks is told; a second one interrupts at once.

    Attributes:
        number: of the signal that came; None as long as none did.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.number: int | None = None
        self._heard_at = 0.0
        self._before: list[tuple[int, object]] = []

    def __call__(self) -> bool:
        """Return whether a signal came."""
        return self.number is not None

    @property
    def exit_code(self) -> int:
        """The exit code by which shells tell the signal."""
        return 128 + (signal.SIGINT if self.number is None else self.number)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # What this process was started to ignore it ignores, as the Ctrl-C of a shell's background jobs.
            heard = [number for number in self._SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = [(number, signal.signal(number, self._heard)) for number in heard]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _heard(self, number: int, _: FrameType | None) -> None:
        if self.number is None:
            self.number, self._heard_at = number, time.monotonic()
        elif number == signal.SIGTERM:
            if self.number != number or time.monotonic() - self._heard_at >= SECONDS_OF_ONE_SIGTERM:
                sys.exit(128 + number)
        else:
            raise KeyboardInterrupt
