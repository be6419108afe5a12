"""Code shared by the reproductions: resumable runs that are kept and finally written to a record.

A study is a list of runs. Each trains one model and is stored as RUNS/NAME.json when it is done, with a checkpoint
beside it until then; `--runs` takes some of them, `--list` names them, and whatever is done already is not done again.
Time is the processor's, so that a machine which other work shares measures what a quiet one would.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from texts import Texts  # isort: skip - which finds the modules beside this folder

import numpy as np
import torch
from numpy.typing import NDArray

from harness import SCRATCH
from vastmax.atomic import replacing
from vastmax.errors import InputError
from vastmax.language_model import LanguageModel, LanguageModelSettings, Progressed, Trainer, perplexity
from vastmax.options import with_new_names
from vastmax.progress import Lines

SAVE_SECONDS = 60.0
"""How often a run is saved: what a kill may cost."""


@dataclass(frozen=True)
class Run:
    """One model and how it is trained.

    Attributes:
        name: of its files.
        facts: what tells it from the others, for the record and the page.
        build: the model, in the state to start from; drawn after `torch.manual_seed(settings.seed)`.
        settings: of its training; `minutes` are CPU-minutes.
        tried_rates: values of `embedding_lr`: the whole run is done with each, and the best one on the validation text
            counts. A rate that is best after a short trial is too high for a long one, all the more the faster the
            method reads. None: the rate is that of the settings.
    """

    name: str
    facts: dict[str, Any]
    build: Callable[[], LanguageModel]
    settings: LanguageModelSettings
    tried_rates: tuple[float, ...] = ()

    def trials(self) -> list[Run]:
        """Return the run with each of the rates."""
        return [self.at_rate(rate) for rate in self.tried_rates]

    def at_rate(self, rate: float) -> Run:
        """Return the same run with this `embedding_lr` alone."""
        return replace(
            self,
            name=f"rate-{self.name}-{rate:g}",
            facts={**self.facts, "trial_of": self.name, "change": f"embedding_lr {rate:g}"},
            settings=replace(self.settings, embedding_lr=rate),
            tried_rates=(),
        )


@dataclass
class Store:
    """The folder of a study's runs."""

    folder: Path
    stop: Callable[[], bool] = field(default=lambda: False)

    def result_file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def checkpoint_file(self, name: str) -> Path:
        return self.folder / f"{name}.pt"

    def result(self, run: Run) -> dict[str, Any] | None:
        """Return the result of a run, if it is finished.

        Raises:
            InputError: it was done with other settings.
        """
        path = self.result_file(run.name)
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text(), object_hook=with_new_names)
        wanted = run.settings
        if run.tried_rates:  # the rate is what the trials have found
            wanted = replace(wanted, embedding_lr=found["settings"]["embedding_lr"])
        try:
            wanted.check_same(found["settings"])
        except InputError as error:
            raise InputError(f"{path}: {error}; remove it, or give another --folder") from None
        return found

    def do(self, run: Run, texts: Texts) -> dict[str, Any] | None:
        """Do what is left of a run, with each of its rates; None if it was stopped before the end."""
        trials = []
        for trial in run.trials():
            found = self.result(trial) or self.do(trial, texts)
            if found is None:
                return None
            trials.append(found)
        result = _best(trials, run) if trials else self._train(run, texts)
        if result is None:
            return None
        with replacing(self.result_file(run.name)) as beside:
            beside.write_text(json.dumps(result, indent=1) + "\n")
        self.checkpoint_file(run.name).unlink(missing_ok=True)
        return result

    def _train(self, run: Run, texts: Texts) -> dict[str, Any] | None:
        """Train, or go on training; None if it was stopped before the end."""
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(run.settings.seed)
        training = _Training(run, texts, self)
        training.resume()
        training.trainer.run()
        if not training.trainer.finished:
            training.save()
            return None
        return training.result()


def _best(trials: Sequence[dict[str, Any]], run: Run) -> dict[str, Any]:
    """Return the result of a run: that of its best rate, and the results of the others."""
    best = min(trials, key=lambda result: float(result["best_validation_perplexity"]))
    rates = [
        {
            "embedding_lr": trial["settings"]["embedding_lr"],
            **{name: trial[name] for name in ("best_validation_perplexity", "test_perplexity")},
        }
        for trial in trials
    ]
    return {**best, "name": run.name, "facts": run.facts, "rates": rates}


class _Training:
    """One run under way: the trainer, the curve so far and the best parameters so far."""

    def __init__(self, run: Run, texts: Texts, store: Store) -> None:
        self.run, self.texts, self.store = run, texts, store
        self.model = run.build()
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, Any] = {}
        self._saved = time.monotonic()
        self.trainer = Trainer(
            self.model,
            texts.training,
            run.settings,
            first_id=texts.first_id,
            validate=lambda: self.nats(texts.validation),
            after_step=self._after_step,
            after_epoch=self._after_epoch,
            stop=store.stop,
            progress=Lines(),
            clock=time.process_time,
        )

    def nats(self, text: NDArray[np.int32]) -> float:
        return perplexity(self.model, text, self.texts.vocabulary, first_id=self.texts.first_id).nats

    def _after_step(self, progressed: Progressed, loss: float) -> None:
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self.save()

    def _after_epoch(self, progressed: Progressed) -> None:
        point = {
            "epoch": progressed.epoch,
            "words": progressed.words,
            "cpu_seconds": round(progressed.training_seconds, 2),
            "validation_perplexity": math.exp(min(progressed.validation_nats[-1], 700.0)),
        }
        self.curve.append(point)
        if progressed.epochs_since_best == 0:
            self.best = {name: value.clone() for name, value in self.model.state_dict().items()}
        print(f"{self.run.name}: {point}", file=sys.stderr, flush=True)
        self.save()

    def save(self) -> None:
        state = {"trainer": self.trainer.state_dict(), "curve": self.curve, "best": self.best}
        with replacing(self.store.checkpoint_file(self.run.name)) as beside:
            torch.save(state, beside)
        self._saved = time.monotonic()

    def resume(self) -> None:
        path = self.store.checkpoint_file(self.run.name)
        if path.exists():
            state = torch.load(path, weights_only=False)  # our own file
            self.trainer.load_state_dict(state["trainer"])
            self.curve, self.best = state["curve"], state["best"]

    def result(self) -> dict[str, Any]:
        """Return the model of the best epoch is measured on the test text."""
        self.model.load_state_dict(self.best)
        test = perplexity(self.model, self.texts.test, self.texts.vocabulary, first_id=self.texts.first_id)
        progressed = self.trainer.progressed
        return {
            "name": self.run.name,
            "facts": self.run.facts,
            "settings": self.run.settings.as_dict(),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "epochs": progressed.words / self.texts.training.size,
            "steps": progressed.step,
            "training_cpu_seconds": round(progressed.training_seconds, 1),
            "best_validation_perplexity": math.exp(progressed.best_nats),
            "test_perplexity": test.perplexity,
            "test": test.to_json(),
            "curve": self.curve,
        }


def chosen(runs: Sequence[Run], names: Sequence[str] | None) -> Sequence[Run]:
    """Return the runs of these names, all if there are none.

    Raises:
        InputError: a name of no run.
    """
    by_name = {run.name: run for run in runs}
    for name in names or ():
        if name not in by_name:
            raise InputError(f"no run {name!r}; there are {', '.join(by_name)}")
    return [run for run in runs if run.name in names] if names else runs


@contextmanager
def stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has asked to stop: training then stops after the step under way, and is saved."""
    asked: list[int] = []
    before = {number: signal.signal(number, lambda n, _: asked.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def study_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the options that every study has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=SCRATCH.parent / "papers" / name, help="where runs are kept")
    parser.add_argument("--runs", nargs="*", metavar="NAME", help="only these (default: all)")
    parser.add_argument("--list", action="store_true", help="the runs, and which are done")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def run_study(runs: Sequence[Run], texts: Texts, options: argparse.Namespace) -> list[dict[str, Any]] | None:
    """Do what is not done; what the runs found, or None while some are to be done or only the list was asked for.

    Args:
        runs: of the study.
        texts: to train and measure on.
        options: as `study_parser` reads them.
    """
    with stopped_by_signals() as stop:
        store = Store(options.folder, stop)
        if options.list:
            for run in runs:
                print(f"{run.name:32} {'done' if store.result(run) else ''}")
            return None
        for run in chosen(runs, options.runs):
            if store.result(run) is None and store.do(run, texts) is None:
                print(f"stopped; the same command goes on with {run.name}", file=sys.stderr)
                return None
    results = [store.result(run) for run in runs]
    missing = [run.name for run, result in zip(runs, results, strict=True) if result is None]
    if missing:
        print(f"no record yet: {', '.join(missing)} still to be done", file=sys.stderr)
        return None
    return [result for result in results if result is not None]


def kept(path: Path, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the result of `measure`, new or stored at `path`."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as beside:
            beside.write_text(json.dumps(measure(), indent=1) + "\n")
    found: dict[str, Any] = json.loads(path.read_text(), object_hook=with_new_names)
    return found


def trainer_step(run: Run, texts: Texts) -> Callable[[], object]:
    """One step of a run's training, as often as it is called."""
    torch.manual_seed(run.settings.seed)
    endless = replace(run.settings, epochs=1_000_000, minutes=None)
    return Trainer(run.build(), texts.training, endless, first_id=texts.first_id, stop=lambda: True).run


def main_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that are not trials."""
    return [run for run in runs if "trial_of" not in run.facts]


def with_seed(settings: LanguageModelSettings, options: argparse.Namespace) -> LanguageModelSettings:
    """Return the settings with the seed that was asked for."""
    return replace(settings, seed=options.seed)
