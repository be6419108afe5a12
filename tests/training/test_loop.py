"""The loop of every run: the order of steps, saving, ends of epochs and callbacks; stopping; interrupts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vastmax.training.checkpoints import FolderCheckpoints
from vastmax.training.loop import Phase, Saving, run_training


class Counting:
    """Two epochs of three steps; writes down what happens."""

    def __init__(self, *, one_phase: bool = True, trouble: str = "") -> None:
        self.one_phase, self.trouble = one_phase, trouble
        self.epoch = self.step = 0
        self.told: list[Any] = []

    @property
    def finished(self) -> bool:
        return self.epoch == 2

    def begin_phase(self) -> Phase:
        return Phase(f"epoch {self.epoch}", 6, "steps", 3 * self.epoch)

    def standing(self) -> tuple[float, dict[str, float | str]]:
        return 3 * self.epoch + self.step, {}

    def steps(self, look_up: Callable[[], bool]) -> Iterator[None]:
        while self.step < 3:
            self.step += 1
            self.told.append(f"step {self.epoch}.{self.step}")
            yield

    def end_epoch(self) -> str:
        self.epoch, self.step = self.epoch + 1, 0
        self.told.append("end")
        return f"report {self.epoch}"

    def at_rest(self) -> str:
        return self.trouble

    def write(self, path: Path) -> None:
        self.told.append(f"save {self.epoch}.{self.step}")


class Always(Saving):
    def due(self) -> bool:
        return True

    def due_at_epoch_end(self) -> bool:
        return True

    def save(self, write: Callable[[Path], None]) -> None:
        write(Path("nowhere"))


class Phases:
    def __init__(self, told: list[Any]) -> None:
        self.told = told

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        self.told.append(("begin", phase, total, done))

    def update(self, done: float, **readings: float | str) -> None:
        self.told.append(done)

    def end(self) -> None:
        self.told.append("over")


def test_what_follows_what() -> None:
    run = Counting()
    run_training(run, saving=Always(), write=run.write, callbacks=[run.told.append])
    first, second = ([f"{what} {e}.{s}" for s in (1, 2, 3) for what in ("step", "save")] for e in (0, 1))
    assert run.told == [*first, "end", "save 1.0", "report 1", *second, "end", "save 2.0", "report 2"]


@pytest.mark.parametrize("one_phase", [True, False])
def test_progress_has_one_phase_or_one_per_epoch(one_phase: bool) -> None:
    run, told = Counting(one_phase=one_phase), []
    run_training(run, progress=Phases(told))
    phases = [event for event in told if event == "over" or isinstance(event, tuple)]
    if one_phase:
        assert told == [("begin", "epoch 0", 6, 0), 1, 2, 3, 4, 5, 6, "over"]
    else:
        assert phases[:3] == [("begin", "epoch 0", 6, 0), "over", ("begin", "epoch 1", 6, 3)]


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_a_stopped_run_is_saved_and_goes_on(steps: int) -> None:
    run = Counting()
    asked = iter(range(1, steps))
    run_training(
        run, saving=FolderCheckpoints(Path("c"), minutes=None), write=run.write, stop=lambda: not next(asked, 0)
    )
    assert not run.finished
    assert run.told[-1] == f"save {(steps - 1) // 3}.{(steps - 1) % 3 + 1}"
    run_training(run)
    assert [told for told in run.told if told.startswith("step")] == [
        f"step {e}.{s}" for e in (0, 1) for s in (1, 2, 3)
    ]


@pytest.mark.parametrize("trouble", ["", "it was stopped at once"])
def test_an_interrupt_saves_only_what_is_at_rest(trouble: str) -> None:
    run, saving = Counting(trouble=trouble), FolderCheckpoints(Path("c"), minutes=None)

    def interrupt(report: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(run, saving=saving, write=run.write, callbacks=[interrupt])
    assert saving.trouble == trouble
    assert run.told.count("save 1.0") == (1 if trouble else 2)  # at the end of the epoch, and for the interrupt


def test_folder_checkpoints_are_due_by_the_clock() -> None:
    now = [0.0]
    saving = FolderCheckpoints(Path("c"), minutes=1.0, at_epoch_ends=False, clock=lambda: now[0])
    assert not saving.due()
    now[0] = 60.0
    assert saving.due()
    saving.save(lambda path: None)
    assert not saving.due()
    assert not saving.due_at_epoch_end()
    assert not FolderCheckpoints(Path("c"), minutes=None, clock=lambda: 1e9).due()
