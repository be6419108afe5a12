"""The loop of every training run: steps, progress, checkpoints, the ends of epochs, stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from vastmax.progress import Progress, Silent

DEFAULT_MINUTES = 10.0
"""Between checkpoints: what a crash can cost at most, beside what it costs to write one."""

Report_co = TypeVar("Report_co", covariant=True)
Report = TypeVar("Report")


@dataclass
class Progressed:
    """The progress of training: what a checkpoint holds beside the parameters. Trainers add their own counts."""

    epoch: int = 0  # complete ones, or cut short by the end of the time
    words: int = 0
    losses: list[float] = field(default_factory=list)  # mean of each complete epoch, in nats


class RunClock:
    """The time that a run has taken, the time before it was resumed included.

    Args:
        elapsed_seconds: wall-clock time before.
        cpu_seconds: CPU time of all threads before.
    """

    def __init__(self, elapsed_seconds: float = 0.0, cpu_seconds: float = 0.0) -> None:
        self._elapsed_from = time.perf_counter() - elapsed_seconds
        self._cpu_from = time.process_time() - cpu_seconds

    @property
    def elapsed_seconds(self) -> float:
        """Wall-clock time."""
        return time.perf_counter() - self._elapsed_from

    @property
    def cpu_seconds(self) -> float:
        """CPU time of this process, over all threads."""
        return time.process_time() - self._cpu_from


class StopTraining(Exception):  # noqa: N818 - an order, not an error
    """Raised by a callback to end training after this epoch; what was trained so far is returned."""


class Phase(NamedTuple):
    """The arguments of `Progress.begin`."""

    name: str
    total: float
    unit: str
    done: float = 0.0


class Trainee(Protocol[Report_co]):
    """The part of a run that a trainer supplies: one step after the other. Everything else is done by "
    "`run_training`."""

    one_phase: bool
    """Whether progress is shown as one phase from start to end; else as one per epoch."""

    @property
    def finished(self) -> bool:
        """Whether training is over."""

    def begin_phase(self) -> Phase:
        """Return the phase of progress that begins here."""

    def standing(self) -> tuple[float, Mapping[str, float | str]]:
        """Return how much of the phase is done, and readings by name."""

    def steps(self, look_up: Callable[[], bool]) -> Iterator[None]:
        """Train the rest of the current epoch, one step per item; after each the state may be saved.

        A step that takes long calls `look_up` on its way, which shows progress, and ends early when that says yes.
        """

    def end_epoch(self) -> Report_co:
        """Close the current epoch and return what callbacks are told."""

    def at_rest(self) -> str:
        """Return why the state cannot be saved after an interrupt, wherever it came; "" where it can."""


class Saving:
    """Saves nothing, ever: what a run without checkpoints is given, and the base of what saves."""

    trouble = ""
    """Why the latest state is not saved; empty when it is."""

    def due(self) -> bool:
        """Return whether it is time to save within an epoch."""
        return False

    def due_at_epoch_end(self) -> bool:
        """Return whether it is time to save, an epoch being over."""
        return False

    def save(self, write: Callable[[Path], None]) -> None:
        """Let `write` write the checkpoint."""


def run_training(
    trainee: Trainee[Report],
    *,
    saving: Saving | None = None,
    write: Callable[[Path], None] = lambda path: None,
    callbacks: Iterable[Callable[[Report], object]] = (),
    stop: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
) -> None:
    """Train to the end, or until told to stop; then the state is saved, and the trainee is not `finished`.

    Args:
        trainee: new, or in the state to resume from.
        saving: decides when the state is saved; None: never.
        write: writes the trainee's state into a file.
        callbacks: called after each epoch with what `end_epoch` returns; one that returns True or raises
            `StopTraining` ends training, after the others were called.
        stop: asked after each step.
        progress: told how far training has come.

    Raises:
        KeyboardInterrupt, SystemExit: the process was told to leave; where the trainee is at rest its state is saved.
    """
    saving, progress = saving or Saving(), progress or Silent()

    def look_up() -> bool:
        done, readings = trainee.standing()
        progress.update(done, **readings)
        return saving.due()

    try:
        if trainee.one_phase:
            progress.begin(*trainee.begin_phase())
        while not trainee.finished:
            if not trainee.one_phase:
                progress.begin(*trainee.begin_phase())
            for _ in trainee.steps(look_up):
                is_due, is_stopped = look_up(), stop()
                if is_due or is_stopped:
                    saving.save(write)
                if is_stopped:
                    return
            if not trainee.one_phase:
                progress.end()
            report = trainee.end_epoch()
            if saving.due_at_epoch_end():
                saving.save(write)
            if _told_to_stop(callbacks, report):
                return
    except (KeyboardInterrupt, SystemExit):
        if trouble := trainee.at_rest():
            saving.trouble = trouble
        else:
            saving.save(write)
        raise
    finally:
        progress.end()


def _told_to_stop(callbacks: Iterable[Callable[[Report], object]], report: Report) -> bool:
    """Call them all, and return whether one ends training."""
    stopped = False
    for callback in callbacks:
        try:
            stopped |= callback(report) is True
        except StopTraining:
            stopped = True
    return stopped
