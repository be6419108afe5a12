"""A text from a Markov chain whose entropy is known, and methods raced on it within this process: that is quick."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from vastmax import Vocabulary
from vastmax.compare import MethodResult, RaceFolder, RaceSettings
from vastmax.compare.contestant import Contestant
from vastmax.language_model import LanguageModelSettings, TrainingText

V = 20


@dataclass(frozen=True)
class Chain:
    """What a chain has said, and how surprising its validation text is to somebody who knows the chain."""

    text: TrainingText
    validation_nats: float
    unigram_nats: float


def make_chain() -> Chain:
    """20 words, each followed by three others most of the time."""
    random = np.random.default_rng(3)
    law = 1 / np.arange(1, V + 1)
    following = np.stack([random.permutation(V) for _ in range(V)])[:, :3]
    share = np.array([0.7, 0.2, 0.1])
    step = 0.02 * np.tile(law / law.sum(), (V, 1))
    np.put_along_axis(step, following, np.take_along_axis(step, following, 1) + 0.98 * share, 1)
    words, word = np.empty(8_500, dtype=np.int32), 0
    for i, uniform in enumerate(random.random(words.size)):
        word = min(int(np.searchsorted(step[word].cumsum(), uniform)), V - 1)
        words[i] = word
    counts = np.bincount(words[:8_000], minlength=V)
    order = np.argsort(-counts, kind="stable")
    words, step = np.argsort(order)[words].astype(np.int32), step[np.ix_(order, order)]
    names = ["</s>", "<unk>", *(f"w{chr(97 + i)}" for i in range(V - 2))]
    vocabulary = Vocabulary(names, counts[order].tolist(), unknown="<unk>")
    training, validation = words[:8_000], words[8_000:]
    before = np.concatenate([[vocabulary.id("</s>")], validation[:-1]])
    unigrams = np.log(np.maximum(counts[order], 1) / 8_000)
    return Chain(
        TrainingText(vocabulary, training, validation),
        -float(np.log(step[before, validation]).mean()),
        -float(unigrams[validation].mean()),
    )


def settings_of(*methods: str, **changed: Any) -> RaceSettings:
    """A race that takes a second a method; `changed` are fields of the race or of its training."""
    training = {"epochs": 1, "num_streams": 8, "bptt": 20, "warmup_steps": 0, "embedding_lr": 0.3, "dense_lr": 2e-2}
    training |= {
        name: changed.pop(name) for name in list(changed) if name in LanguageModelSettings.__dataclass_fields__
    }
    usual: dict[str, Any] = {
        "encoder": "log-bilinear",
        "encoder_options": {"context_size": 1},
        "hidden_size": 24,
        "points": 3,
        "curve_words": 200,
        "threads": 1,
    }
    return RaceSettings(methods=methods, training=LanguageModelSettings(**training), **{**usual, **changed})


class Run:
    """A contestant in this process, told to stop whenever a test likes."""

    def __init__(self, chain: Chain, settings: RaceSettings, path: Path) -> None:
        self._text, self._settings, self._path = chain.text, settings, path
        self.told: list[MethodResult] = []
        self.shares: list[float] = []

    def __call__(self, before: MethodResult, *, stop: Callable[[], bool] = lambda: False) -> MethodResult:
        return Contestant(
            before,
            self._settings,
            self._text,
            self._path,
            facts={"sources": ["a chain"], **self._text.digests()},
            save_minutes=10,
            tell_result=self.told.append,
            tell_progress=lambda done, readings: self.shares.append(done),
            stop=stop,
        ).run()


class InThisProcess:
    """In the place of `ContestantProcess`: saves the two seconds that PyTorch takes to come up."""

    died_of: str | None = None

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def messages(self, stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        if self.died_of is not None:
            return
        job, folder = self._job, RaceFolder(Path(self._job["folder"]))
        before, told = MethodResult.from_json(job["before"]), []
        contestant = Contestant(
            before,
            RaceSettings.from_dict(job["settings"]),
            folder.read_text(),
            folder.run_path(before.method),
            facts=job["facts"],
            save_minutes=job["save_minutes"],
            tell_result=lambda result: told.append({"result": result.to_json()}),
            tell_progress=lambda done, readings: told.append({"done": done, **readings}),
            stop=stop,
        )
        status = contestant.run().status
        yield from told
        yield {"over": "stopped" if status == "running" else status}

    def errors(self) -> str:
        return "Traceback: …" if self.died_of else ""

    def why_it_died(self) -> str:
        return str(self.died_of)


def without_times(data: Any) -> Any:
    """JSON without what differs from run to run."""
    timed = {"seconds", "bytes", "per_second"}
    if isinstance(data, dict):
        return {key: without_times(value) for key, value in data.items() if not any(key.endswith(t) for t in timed)}
    return [without_times(value) for value in data] if isinstance(data, list | tuple) else data
