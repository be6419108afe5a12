"""How long work tells a person where it is: a bar on a terminal, plain lines elsewhere, on stderr in both cases."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What long work reports to. Phases follow each other; `done` and `total` are in `unit`s."""

    def begin(self, phase: str, total: float | None, unit: str) -> None:
        """A phase starts; `total` is None when its length is not known."""

    def update(self, done: float, **readings: float | str) -> None:
        """`done` units of the phase are behind us (not an increment); `readings` are shown beside it, by name."""

    def end(self) -> None:
        """The phase is over."""


class Silent:
    """Reports nothing."""

    def begin(self, phase: str, total: float | None, unit: str) -> None:
        """Do nothing."""

    def update(self, done: float, **readings: float | str) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""
