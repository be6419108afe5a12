"""Progress of long work: a bar on a terminal, plain lines elsewhere, on stderr in both cases."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from vastmax.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES = 5.0
"""The interval between lines of `Lines`: short enough to see that work continues, long enough for a log file."""

BAR_REFRESHES_PER_SECOND = 4.0
"""How often `Bar` is redrawn; each redraw takes time away from training."""

_LEAST_BAR = 15
"""The minimum number of columns between a phase's name and its details: bar, percentage, spaces."""


class Progress(Protocol):
    """An object that long work reports to. Phases follow each other; `done` and `total` are in `unit`s."""

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        """Begin a phase; `total` is None if its length is unknown. `done` units were completed in an earlier run."""

    def update(self, done: float, **readings: float | str) -> None:
        """Report that `done` units in total are complete; `readings` are shown next to it, by name."""

    def end(self) -> None:
        """End the phase."""


class Silent:
    """Reports nothing."""

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        """Do nothing."""

    def update(self, done: float, **readings: float | str) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


@dataclass
class _Phase:
    """The state of one phase for both displays, and its description."""

    name: str
    total: float | None
    unit: str
    started: float = field(default_factory=lambda: time.monotonic())
    done: float = 0.0
    readings: Mapping[str, float | str] = field(default_factory=dict)
    done_before: float = 0.0  # in an earlier run: does not count for the speed

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self.started

    def amount(self) -> str:
        """Return `1,200,000 of 5,000,000 words, 24 %`, or `1,200,000 words` if the total is unknown or exceeded."""
        if not self.total or self.done > self.total:
            return f"{self.done:,.0f} {self.unit}"
        return f"{self.done:,.0f} of {self.total:,.0f} {self.unit}, {100 * self.done / self.total:.0f} %"

    def details(self, *, over: bool = False) -> list[str]:
        """Return speed, readings, and the time left or, if the phase is over, the time it took, as far as known."""
        elapsed, done = self.elapsed_seconds, self.done - self.done_before
        timed = self.unit.startswith("s ")  # as "s of training": they pass at no speed worth telling
        parts = [describe_speed(done / elapsed, self.unit)] if done > 0 and elapsed > 0 and not timed else []
        parts += [describe_reading(name, value) for name, value in self.readings.items()]
        if over:
            parts.append(f"took {describe_seconds(elapsed)}")
        elif self.total and done > 0 and self.done < self.total:
            parts.append(f"{describe_seconds(elapsed * (self.total - self.done) / done)} left")
        return parts


class Lines:
    """Progress as plain lines, for logs and pipes: one at the start of a phase, one every few seconds, one at its end.

    A phase that ends before its first line is due is reported in one line.
    """

    def __init__(self, stream: TextIO | None = None, *, seconds_between: float = SECONDS_BETWEEN_LINES) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._seconds_between = seconds_between
        self._phase: _Phase | None = None
        self._next_line = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._phase = None

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        """Begin a phase; end the previous one if it is still open."""
        self.end()
        self._phase = _Phase(phase, total, unit, done=done, done_before=done)
        self._next_line = self._phase.started + self._seconds_between

    def update(self, done: float, **readings: float | str) -> None:
        """Print a line if one is due."""
        if self._phase is None:
            return
        self._phase.done = done
        self._phase.readings = readings
        now = time.monotonic()
        complete = self._phase.total is not None and done >= self._phase.total  # `end` will say so
        if now >= self._next_line and not complete:
            self._next_line = now + self._seconds_between
            self._print(", ".join([self._phase.amount(), *self._phase.details()]))

    def end(self) -> None:
        """Print the last line of the phase."""
        if self._phase is not None:
            self._print(", ".join([self._phase.amount(), *self._phase.details(over=True)]))
            self._phase = None

    def _print(self, text: str) -> None:
        assert self._phase is not None
        print(printable(f"{self._phase.name}: {text}"), file=self._stream, flush=True)


class Bar:
    """Progress as a bar that is redrawn in place, for a terminal. Use it in a `with`, which restores the cursor."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._phase: _Phase | None = None
        self._display: RichProgress | None = None
        self._task: TaskID | None = None
        self._names_width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._phase = None
        if self._display is not None:
            self._display.stop()
            self._display = None

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        """Begin a phase on a new line; end the previous one if it is still open."""
        self.end()
        self._phase = _Phase(phase, total, unit, done=done, done_before=done)
        if self._display is None:
            self._display = _rich_display(self._stream)
            self._display.start()
        self._task = self._display.add_task(printable(phase), total=total, details="")
        self._names_width = max(self._names_width, len(phase))
        self._display.update(self._task, completed=done)

    def update(self, done: float, **readings: float | str) -> None:
        """Update the bar."""
        if self._phase is None or self._display is None or self._task is None:
            return
        self._phase.done = done
        self._phase.readings = readings
        self._display.update(self._task, completed=done, details=self._details())

    def end(self) -> None:
        """Freeze the bar and show the time it took."""
        if self._phase is None or self._display is None or self._task is None:
            return
        done = self._phase.done
        self._display.update(self._task, completed=done, total=max(done, 1.0), details=self._details(over=True))
        self._display.stop_task(self._task)
        self._phase = None

    def _details(self, *, over: bool = False) -> str:
        assert self._phase is not None
        parts = self._phase.details(over=over)
        if not self._phase.total:
            parts.insert(0, self._phase.amount())
        assert self._display is not None
        room = self._display.console.width - self._names_width - _LEAST_BAR
        while len(parts) > 1 and len(", ".join(parts)) > room:
            del parts[-2]  # the last one is the time left
        return printable(", ".join(parts))


def console_progress(stream: TextIO | None = None) -> Bar | Lines:
    """Return a `Bar` if `stream` (default stderr) is a capable terminal, else `Lines`; use it in a `with`."""
    stream = sys.stderr if stream is None else stream
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return Bar(stream)
    return Lines(stream)


def describe_speed(units_per_second: float, unit: str) -> str:
    """Return a speed such as `1.23 M words/s`, with three digits and an SI prefix."""
    for threshold, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if units_per_second >= threshold:
            separator = "" if unit == "B" else " "  # MB/s, but M words/s
            return f"{_three_digits(units_per_second / threshold)} {letter}{separator}{unit}/s"
    return f"{_three_digits(units_per_second)} {unit}/s"


def describe_seconds(seconds: float) -> str:
    """Return a duration such as `0.4 s`, `45 s`, `3 min 20 s` or `2 h 05 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def describe_reading(name: str, value: float | str) -> str:
    """Return a reading such as `learning rate 0.0231`: underscores become spaces, numbers have four digits."""
    shown = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{name.replace('_', ' ')} {shown}"


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def _rich_display(stream: TextIO) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[details]}"),
        console=Console(file=stream, stderr=True),
        refresh_per_second=BAR_REFRESHES_PER_SECOND,
    )
