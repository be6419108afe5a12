"""The growing result of one method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vastmax.compare.facts import PeakMemory
from vastmax.compare.results import MethodResult


class Findings:
    """A result that grows, and is reported with each change.

    Args:
        result: the result so far.
        device: whose memory is measured from now on.
        tell: called with each new state.
    """

    def __init__(self, result: MethodResult, device: str, tell: Callable[[MethodResult], None]) -> None:
        self.result = result
        self._memory = PeakMemory(device)
        self._tell = tell

    def forget_training(self) -> None:
        """Reset the result to the state before training, with the rates that were found."""
        before = self.result
        self.result = MethodResult(
            before.method,
            before.status,
            rates=before.rates,
            trials=before.trials,
            prepared_seconds=before.prepared_seconds,
            prepared_cpu_seconds=before.prepared_cpu_seconds,
        )

    def add(self, **changed: Any) -> None:
        """Change fields of the result, update the peak memory, and report it."""
        grown = self._memory.grown_bytes()
        peak = None if grown is None else max(grown, self.result.peak_bytes or 0)
        self.result = replace(self.result, peak_bytes=peak, **changed)
        self._tell(self.result)
