"""One method of a race: the search for rates, then the run; it can stop and resume at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from vastmax.compare.findings import Findings
from vastmax.compare.measured_run import MeasuredRun, TellProgress
from vastmax.compare.measuring import Measuring, StopAskedError
from vastmax.compare.results import MethodResult
from vastmax.compare.settings import RaceSettings
from vastmax.compare.tuning import best_rates, next_rates, start_rates, trial_settings
from vastmax.language_model.run_folder import CHECKPOINT, TREE, RunFolder
from vastmax.language_model.text import SENTENCE_END, TrainingText
from vastmax.language_model.train import Progressed, Trainer, TrainingFailedError
from vastmax.progress import Silent
from vastmax.tree import Tree


class Contestant:
    """Runs a method from its start, or from where it stopped, to its result.

    Args:
        before: the result so far, with at least the method's name. The search for rates continues after its trials; an
            interrupted trial is repeated, with the same result.
        settings: of the race.
        text: with validation text.
        path: of the method's run folder, new, or with a checkpoint to resume from.
        facts: of the text, for the run folder.
        save_minutes: between checkpoints during training.
        tell_result: called with each new state of the result.
        tell_progress: called after each step.
        stop: called after each step and while measuring.
    """

    def __init__(
        self,
        before: MethodResult,
        settings: RaceSettings,
        text: TrainingText,
        path: Path,
        *,
        facts: dict[str, Any],
        save_minutes: float,
        tell_result: Callable[[MethodResult], None],
        tell_progress: TellProgress,
        stop: Callable[[], bool],
    ) -> None:
        _wake_up(settings.device)
        self._model = settings.model(before.method)
        self._settings, self._text, self._path, self._facts = settings, text, path, facts
        self._tree: Tree | None = None
        self._save_minutes, self._tell_progress, self._stop = save_minutes, tell_progress, stop
        self._findings = Findings(before, settings.device, tell_result)
        self._measuring = Measuring(text, curve_words=settings.curve_words, training=settings.training, stop=stop)

    def run(self) -> MethodResult:
        """Run to the end, or until told to stop; then the state is saved, and the status remains "running".

        Raises:
            InputError: the method cannot be used with the text.
            TrainingFailedError: training diverged at these rates.
        """
        try:
            self._make_tree()
            MeasuredRun(
                self._folder(),
                self._text,
                self._measuring,
                self._findings,
                tree=self._tree,
                points=self._settings.points,
                device=self._settings.device,
                clock=self._settings.clock,
                tell_progress=lambda done, readings: self._tell(self._search_share + done, readings),
                stop=self._stop,
                save_minutes=self._save_minutes,
            ).run()
        except StopAskedError:
            return self._findings.result
        self._findings.add(status="finished")
        (self._path / CHECKPOINT).unlink(missing_ok=True)  # no longer needed
        return self._findings.result

    def _make_tree(self) -> None:
        """Make or load the tree of the method, if it uses one.

        Raises:
            StopAskedError: told to stop before it was finished.
        """
        path = self._path / TREE
        if path.exists():
            self._tree = Tree.load(path)
            return
        clock = self._settings.clock
        began, cpu_began = clock(), time.process_time()
        shown = _Shown(lambda readings: self._tell(0.0, readings), self._stop)
        self._tree = self._model.tree_from(self._text.vocabulary, self._text.training, progress=shown)
        if self._tree is not None:
            spent = {"prepared_seconds": clock() - began, "prepared_cpu_seconds": time.process_time() - cpu_began}
            self._findings.add(**spent)
            self._settings.training.require_time_after(spent["prepared_seconds"])
            self._path.mkdir(parents=True, exist_ok=True)
            self._tree.save(path)

    @property
    def _search_share(self) -> float:
        """The length of the search for rates, in budgets."""
        return self._settings.trials * self._settings.trial_share

    def _tell(self, budgets: float, readings: Mapping[str, float | str]) -> None:
        self._tell_progress(min(budgets / (self._search_share + 1), 1.0), readings)

    def _folder(self) -> RunFolder:
        if (self._path / CHECKPOINT).exists():
            return RunFolder.open(self._path)
        self._findings.add(rates=self._best_rates() if self._settings.trials else start_rates(self._settings))
        training = self._settings.trained_with(self._findings.result.rates)
        return RunFolder(self._path, self._model, training, self._facts, self._text.vocabulary)

    def _best_rates(self) -> dict[str, float]:
        while len(self._findings.result.trials) < self._settings.trials:
            tried = self._findings.result.trials
            rates = next_rates(tried, start_rates(self._settings))
            if rates is None:  # the best so far is better than all its neighbors
                break
            self._findings.add(trials=(*tried, {**rates, "nats": self._trial(rates, len(tried))}))
        return best_rates(self._findings.result.trials)

    def _trial(self, rates: dict[str, float], number: int) -> float | None:
        """Return the nats after a short training; None: it diverged."""
        training, num_words = trial_settings(self._settings, rates, self._text.training.size)
        model = self._model.build(self._text.vocabulary, self._text.training, tree=self._tree).to(self._settings.device)

        def after_step(progressed: Progressed, loss: float) -> None:
            trial = f"{number + 1} of {self._settings.trials}"
            self._tell((number + trainer.done) * self._settings.trial_share, {"loss": loss, "trial": trial})

        trainer = Trainer(
            model,
            self._text.training[:num_words],
            training,
            first_id=self._text.vocabulary.id(SENTENCE_END),
            after_step=after_step,
            stop=self._stop,
            clock=self._settings.clock,
        )
        try:
            trainer.run()
            if not trainer.finished:
                raise StopAskedError
            return self._measuring.curve_nats(model)
        except TrainingFailedError:
            return None


class _Shown(Silent):
    """Progress of making a tree: reported as a reading of the method's progress; it stops the work on request."""

    def __init__(self, tell: Callable[[Mapping[str, float | str]], None], stop: Callable[[], bool]) -> None:
        self._tell, self._stop = tell, stop
        self._phase, self._total = "", 0.0

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        """See `Progress.begin`."""
        self._phase, self._total = phase, total or 0.0

    def update(self, done: float, **readings: float | str) -> None:
        """Report progress, and stop if requested."""
        if self._stop():
            raise StopAskedError
        share = f", {100 * done / self._total:.0f} %" if self._total else ""
        self._tell({"preparing": f"{self._phase}{share}"})


def _wake_up(device: str) -> None:
    """Let PyTorch load what it loads at the first step, about 90 MB, so it does not count as the method's memory."""
    network = torch.nn.LSTM(8, 8).to(device)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(2, 2, 8, device=device))[0].sum().backward()
    optimizer.step()
