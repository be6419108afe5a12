"""The progress of a race: the current method, and the total time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from vastmax.progress import Progress, Silent, describe_seconds


class Standing:
    """Shows one phase for each method, and the time for all remaining work.

    Args:
        num_methods: of the race.
        method_words: words per method, including trials; None: the budget is time.
        method_seconds: of training per method, including trials, if the budget is time.
        progress: shows it; None: it is not shown.
        clock: seconds.
    """

    def __init__(
        self,
        num_methods: int,
        *,
        method_words: float | None,
        method_seconds: float | None,
        progress: Progress | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._num_methods = num_methods
        self._total, self._unit = (method_words, "words") if method_words else (method_seconds, "s of training")
        self._expected = method_seconds
        self._progress = progress or Silent()
        self._clock = clock
        self._took: list[float] = []

    def begin(self, number: int, method: str, methods_after: int) -> None:
        """Start method `number`, from 0, with `methods_after` to run after it."""
        self._phase = f"{method} ({number + 1} of {self._num_methods})"
        self._after = methods_after
        self._began = self._clock()
        self._first: tuple[float, float] | None = None  # share of the work and time at the first update

    def update(self, done: float, readings: Mapping[str, float | str]) -> None:
        """Show the share of the work of the current method that is done, in [0, 1]."""
        total = self._total or 1.0
        if self._first is None:
            self._first = done, self._clock()
            self._progress.begin(self._phase, self._total, self._unit, done=done * total)
        left = self._left_of_method(done)
        shown: dict[str, float | str] = {}
        if left is not None:
            each = sum(self._took) / len(self._took) if self._took else self._whole(done, left)
            shown["race"] = f"{describe_seconds(left + self._after * each)} left"
        self._done = done
        self._progress.update(done * total, **shown, **readings)

    def end(self, readings: Mapping[str, float | str]) -> None:
        """End the current method, finished or stopped; `readings` remain visible."""
        if self._first is None:
            return
        self._progress.update(self._done * (self._total or 1.0), **readings)
        if self._first[0] < 0.5:  # the rest of a resumed one says little about others
            self._took.append(self._clock() - self._began)
        self._progress.end()

    def _left_of_method(self, done: float) -> float | None:
        if self._expected is not None:
            return self._expected * (1 - done)
        assert self._first is not None
        done_before, began = self._first
        return (self._clock() - began) * (1 - done) / (done - done_before) if done > done_before else None

    def _whole(self, done: float, left: float) -> float:
        """Return the estimated seconds of a whole method, based on this one."""
        if self._expected is not None:
            return self._expected
        return left / (1 - done) if done < 1 else self._clock() - self._began
