"""Choose the default learning rate of tables and the initial biases of output layers.

    python benchmarks/default_rates.py [--folder FOLDER] [--runs NAME …] [--list]

An LSTM language model with the settings of `vastmax lm train`, but smaller, so that a run takes under a minute on one
thread. Its biases start level (all words equally likely) or at the unigram distribution; its tables are trained at
several rates. Finished runs are kept. $VASTMAX_DATA contains ptb/ and wikilm.*.txt.xz. Takes about 18 CPU-minutes.
"""

from __future__ import annotations

import argparse
import lzma
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: time is counted, not waited for
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parent / "papers"))

from study import Run, Store, chosen, run_study, study_parser  # isort: skip - which sets threads before torch is imported
from texts import Texts, penn_treebank  # isort: skip

import torch

from harness import corpora, write_record
from vastmax.distribution.counts import log_unigram
from vastmax.language_model import LanguageModel, LanguageModelSettings, ModelConfig
from vastmax.output import Adaptive, Dense
from vastmax.text import Vocabulary

NAME = "default_rates"
QUESTION = "Which rate of tables, and which biases at the start, suit all methods best?"
RATES = (0.03, 0.1, 0.3, 1.0)
HELD_OUT_WORDS = 30_000
"""Of the validation and the test text, from their beginnings: an exact evaluation costs a flat layer seconds."""
WIKI_SENTENCES = {"train": 40_000, "valid": 1_000, "test": 1_000}
HIDDEN_SIZE = 64
LEVEL, UNIGRAM = "level", "unigram"


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        text: a key of `TEXTS`.
        method: a key of `RECIPES`.
        start: the initial biases, `LEVEL` or `UNIGRAM`; those of a tree always start at the unigram distribution.
        rate: the learning rate of tables.
        epochs: the number of epochs, over which the rates fall.
        seed: the seed of parameters and training.
    """

    text: str
    method: str
    start: str
    rate: float
    epochs: int = 1
    seed: int = 1

    @property
    def name(self) -> str:
        """The name of its files, with epochs and seed only if they are not 1."""
        rest = [f"{name}{value}" for name, value in (("e", self.epochs), ("s", self.seed)) if value != 1]
        return "-".join([self.method, self.start, f"{self.rate:g}", *rest])

    def run(self, texts: Texts) -> Run:
        """To be done by the study."""
        settings = LanguageModelSettings(epochs=self.epochs, embedding_lr=self.rate, seed=self.seed)
        return Run(self.name, asdict(self), lambda: self.build(texts.vocabulary), settings)

    def build(self, vocabulary: Vocabulary) -> LanguageModel:
        """Return the model of `vastmax lm train`, with the biases that the case wants, whatever the library's are."""
        model = ModelConfig("lstm", self.method, HIDDEN_SIZE, seed=self.seed).build(vocabulary)
        if self.method != "hierarchical-softmax":
            set_biases(model, self.start, vocabulary)
        return model


def cases(seed: int) -> Iterator[Case]:
    """Yield all runs, those that decide first."""

    def case(text: str, method: str, start: str, rate: float, **rest: Any) -> Case:
        return Case(text, method, start, rate, seed=seed, **rest)

    cheap = {
        "hierarchical-softmax": (UNIGRAM,),
        "sampled-softmax": (LEVEL, UNIGRAM),
        "nce": (LEVEL, UNIGRAM),
        "adaptive": (LEVEL, UNIGRAM),
    }
    for method, starts in cheap.items():
        yield from (case("ptb", method, start, rate) for start in starts for rate in RATES)
    for method in ("softmax", "importance-sampling", "infrequent-normalisation", "negative-sampling"):
        yield from (case("ptb", method, start, 0.3) for start in (LEVEL, UNIGRAM))
    # What a short training likes need not suit a longer one.
    yield from (case("ptb", "hierarchical-softmax", UNIGRAM, rate, epochs=5) for rate in (0.1, 0.3, 1.0))
    yield from (case("ptb", "sampled-softmax", UNIGRAM, rate, epochs=5) for rate in (0.1, 0.3))
    # Nor what suits a few words, many.
    for method in ("hierarchical-softmax", "sampled-softmax", "nce"):
        yield from (case("wikilm", method, UNIGRAM, rate) for rate in (0.1, 0.3, 1.0))
    yield from (case("wikilm", "sampled-softmax", LEVEL, rate) for rate in (0.1, 0.3))


def set_biases(model: LanguageModel, start: str, vocabulary: Vocabulary) -> None:
    """Let the biases of a layer with one a word begin somewhere."""
    output, objective = model.head.output, model.head.objective
    law = torch.from_numpy(log_unigram(vocabulary.counts))
    begin = objective.initial_bias(len(law), law if start == UNIGRAM else None)
    values = torch.zeros_like(law) + (0.0 if begin is None else begin)
    with torch.no_grad():
        if isinstance(output, Dense):
            output.get_parameter("bias").copy_(values)
            return
        assert isinstance(output, Adaptive)
        shortlist, *tails = values[output.order.word_id].tensor_split(output.cutoffs)
        entries = [tail.logsumexp(0, keepdim=True) if start == UNIGRAM else tail[:1] for tail in tails]
        output.head.get_parameter("bias").copy_(torch.cat([shortlist, *entries]))
        for cluster, tail in zip(output.clusters, tails, strict=True):
            cluster.get_parameter("bias").copy_(tail)


def wikilm() -> Texts:
    """Return the beginning of each part; words seen once count as unknown, as in `vastmax lm train`."""

    def sentences(part: str) -> list[list[str]]:
        with lzma.open(corpora() / f"wikilm.{part}.txt.xz", "rt", encoding="utf-8") as lines:
            return [line.split() for line in islice(lines, WIKI_SENTENCES[part])]

    return Texts.of(*(sentences(part) for part in ("train", "valid", "test")), min_count=2)


TEXTS: dict[str, Callable[[], Texts]] = {"ptb": penn_treebank, "wikilm": wikilm}


def beginnings(texts: Texts) -> Texts:
    """With less to evaluate on."""
    return replace(texts, validation=texts.validation[:HELD_OUT_WORDS], test=texts.test[:HELD_OUT_WORDS])


def unigram_perplexity(texts: Texts) -> float:
    """Return the unigram perplexity of the validation text, the initial perplexity with unigram biases."""
    return math.exp(-log_unigram(texts.vocabulary.counts)[texts.validation].mean())


def of_text(text: str, options: argparse.Namespace) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
    """Return the text's facts and what its runs found, None if some are still to be done.

    Raises:
        SystemExit: it was stopped.
    """
    texts = beginnings(TEXTS[text]())
    runs = [case.run(texts) for case in cases(options.seed) if case.text == text]
    wanted = None if options.runs is None else [run.name for run in runs if run.name in options.runs]
    own = argparse.Namespace(**{**vars(options), "folder": options.folder / text, "runs": wanted})
    results = None
    if wanted != []:
        results = run_study(runs, texts, own)
        if not options.list and any(Store(own.folder).result(run) is None for run in chosen(runs, wanted)):
            sys.exit(1)
    return {**texts.facts(), "unigram_perplexity": unigram_perplexity(texts)}, results


def main() -> None:
    options = study_parser(NAME, __doc__).parse_args()
    found = {text: of_text(text, options) for text in TEXTS}
    results = [results for _, results in found.values()]
    if any(result is None for result in results):
        return
    write_record(
        NAME,
        QUESTION,
        {
            "hidden_size": HIDDEN_SIZE,
            "texts": {text: facts for text, (facts, _) in found.items()},
            "runs": [run for result in results for run in result or ()],
        },
    )


if __name__ == "__main__":
    main()
