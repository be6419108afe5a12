"""The race: all methods on the same text, from the same initialization, with the same budget, one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vastmax.compare.facts import machine_facts, text_facts
from vastmax.compare.folder import RaceFolder, resumed
from vastmax.compare.process import ContestantProcess
from vastmax.compare.results import MethodResult, Race
from vastmax.compare.settings import RaceSettings
from vastmax.compare.standing import Standing
from vastmax.compare.tree_top import tree_top
from vastmax.errors import InputError, argument
from vastmax.language_model.run_folder import TREE
from vastmax.language_model.text import TrainingText
from vastmax.progress import Progress
from vastmax.run_lock import locked_folder
from vastmax.text import Vocabulary
from vastmax.tree import Tree

_TREE_METHOD = "hierarchical-softmax"


def run_race(
    text: TrainingText,
    settings: RaceSettings,
    folder: str | os.PathLike[str],
    *,
    facts: Mapping[str, Any] | None = None,
    resume: bool = False,
    retry_failed: bool = False,
    save_minutes: float = 10.0,
    stop: Callable[[], bool] | None = None,
    progress: Progress | None = None,
) -> Race:
    """Compare methods; the folder always contains the results so far.

    Each method runs in its own process: if it fails, is killed or runs out of memory, its error is recorded, and the
    others run. On a CPU and with a budget in epochs, a resumed race gives the results of an uninterrupted one, except
    for times.

    Args:
        text: for training and validation; see `training_text`.
        settings: see `RaceSettings`.
        folder: new or empty, or with a race to resume; see `RaceFolder`.
        facts: about the text, to be recorded, such as "sources".
        resume: continue the race in the folder, except for methods that have run. Settings and text must be the same;
            methods may be added.
        retry_failed: when resuming, also run failed methods again.
        save_minutes: between checkpoints of the current method.
        stop: called often; if it returns True, the state is saved and the results so far are returned, not `complete`.
            The state is also saved on exceptions such as KeyboardInterrupt.
        progress: shows the progress of the race.

    Returns:
        The results of every method, as in `report.json` in the folder; `write_report` makes a page of them.

    Raises:
        InputError: there is no validation text, the folder cannot be used, or its race is a different one.

    Cost: for each method its budget (`RaceSettings.expected_seconds` in all, where that is time), `points` + 1
    measurements of `curve_words` words, one exact evaluation of the whole validation text, and some seconds to start
    its process. No method's model is in this process's memory.
    """
    if text.validation is None:
        raise InputError("a race needs validation text; give some, or hold out part of the text")
    if not save_minutes > 0:
        raise InputError(f"{argument('save_minutes')} is {save_minutes}; expected above 0")
    race = Race(
        {**(facts or {}), **text_facts(text)},
        settings.as_dict(),
        machine_facts(settings.threads, settings.device),
        tuple(MethodResult(method) for method in settings.methods),
    )
    place = RaceFolder(Path(folder))
    with locked_folder(place.path):
        if resume:
            race = resumed(place.read(), race)
        else:
            place.create()
        race = _made_ready(race, place, retry_failed=retry_failed)
        place.write(race)
        place.write_text(text)
        try:
            return _Running(
                race, settings, place, text.vocabulary, save_minutes, stop or (lambda: False), progress
            ).run()
        finally:
            place.remove_text()


def _made_ready(race: Race, place: RaceFolder, *, retry_failed: bool) -> Race:
    methods = []
    for method in race.methods:
        anew = method.status == "waiting" or (method.status == "failed" and retry_failed)
        if anew:
            place.forget_run(method.method)
        methods.append(MethodResult(method.method) if anew else method)
    return replace(race, methods=tuple(methods))


class _Running:
    """A running race."""

    def __init__(
        self,
        race: Race,
        settings: RaceSettings,
        place: RaceFolder,
        vocabulary: Vocabulary,
        save_minutes: float,
        stop: Callable[[], bool],
        progress: Progress | None,
    ) -> None:
        self._race, self._settings, self._place = race, settings, place
        self._vocabulary = vocabulary
        self._save_minutes, self._stop = save_minutes, stop
        training, work = settings.training, 1 + settings.trials * settings.trial_share
        self._standing = Standing(
            len(race.methods),
            method_words=None if training.minutes else race.text["training_words"] * training.epochs * work,
            method_seconds=60 * training.minutes * work if training.minutes else None,
            progress=progress,
        )

    def run(self) -> Race:
        for number, method in enumerate(self._race.methods):
            if method.status in ("finished", "failed"):
                continue
            if self._stop():
                break
            after = sum(later.status in ("waiting", "running") for later in self._race.methods[number + 1 :])
            self._standing.begin(number, method.method, after)
            self._run_method(number, replace(method, status="running"))
            self._standing.end(_last_readings(self._race.methods[number]))
        return self._race

    def _run_method(self, number: int, before: MethodResult) -> None:
        self._found(number, before)
        job = {
            "folder": str(self._place.path.resolve()),
            "settings": self._settings.as_dict(),
            "before": before.to_json(),
            "facts": dict(self._race.text),
            "save_minutes": self._save_minutes,
        }
        over: str | None = None
        readings: dict[str, float | str] = {}
        with ContestantProcess(job) as process:
            for message in process.messages(self._stop):
                if "result" in message:
                    result = MethodResult.from_json(message["result"])
                    self._found(number, result)
                    readings = _last_readings(result)
                elif "over" in message:
                    over = message["over"]
                else:
                    self._standing.update(message.pop("done"), {**readings, **message})
            if over is None and not self._stop():
                self._found(number, replace(self._race.methods[number], status="failed", error=process.why_it_died()))
            if self._race.methods[number].status == "failed":
                self._place.keep_errors(before.method, process.errors())

    def _found(self, number: int, result: MethodResult) -> None:
        """Save the result of a method."""
        methods = list(self._race.methods)
        methods[number] = result
        self._race = replace(self._race, methods=tuple(methods), tree=self._race.tree or self._tree_of(result))
        self._place.write(self._race)

    def _tree_of(self, result: MethodResult) -> dict[str, Any] | None:
        """Return the top of the tree that a run has made, for the picture in the report."""
        path = self._place.run_path(result.method) / TREE
        if result.method != _TREE_METHOD or not path.exists():
            return None
        counts = self._vocabulary.counts
        return tree_top(Tree.load(path).with_words(self._vocabulary.words), counts)


def _last_readings(method: MethodResult) -> dict[str, float | str]:
    """Return the readings that are shown with the name of a method."""
    if method.status == "failed":
        return {"status": "failed"}
    if not method.curve:
        return {}
    perplexity = method.curve[-1].perplexity
    return {"perplexity": f"{perplexity:,.0f}" if perplexity >= 100 else f"{perplexity:.1f}"}
