"""Advice before anything is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from vastmax import extras
from vastmax.arguments import MOST_MINUTES, MOST_WORDS, real, whole
from vastmax.compare.advice.choice import Choice, choose
from vastmax.compare.advice.costs import predicted_costs, with_timings
from vastmax.compare.advice.machine import DEVELOPMENT_MACHINE, Machine
from vastmax.compare.advice.measurement import Measurement
from vastmax.errors import InputError
from vastmax.methods import RECIPES
from vastmax.methods.case import PURPOSES, MethodCost, Purpose
from vastmax.methods.words import Cut, Words
from vastmax.methods.work import Setting
from vastmax.progress import Progress, Silent
from vastmax.search.facts import advice_for
from vastmax.text.facts import CorpusFacts

DEFAULT_BATCH_SIZE = 1024
DEFAULT_MEASURE_SECONDS = 60.0


@dataclass(frozen=True)
class Advice:
    """The facts of the counts, the expected cost of each method, and which one is recommended.

    Attributes:
        hidden_size: D.
        batch_size: N.
        purpose: of the model.
        facts: entropy, unigram perplexity, path lengths.
        coverage: the share of the text that the most frequent words make up, by their number.
        cuts: the effects of raising min_count.
        cutoffs: of adaptive softmax, [c_1, …]; [] for a plain softmax.
        blocks: (words, width) of each block of differentiated softmax.
        num_classes: of two-level softmax.
        costs: of every method, in the order of `RECIPES`.
        choice: the methods to use and to avoid, with reasons.
        search: the fastest way to find the best words of the trained model.
        machine: the constants for the seconds.
        measurement: of the steps on this machine, or None.
    """

    hidden_size: int
    batch_size: int
    purpose: Purpose
    facts: CorpusFacts
    coverage: dict[int, float]
    cuts: tuple[Cut, ...]
    cutoffs: tuple[int, ...]
    blocks: tuple[tuple[int, int], ...]
    num_classes: int
    costs: tuple[MethodCost, ...]
    choice: Choice
    search: tuple[str, ...]
    machine: Machine
    measurement: Measurement | None = None

    def cost(self, method: str) -> MethodCost:
        """Return the costs of one method, by name."""
        return next(cost for cost in self.costs if cost.method == method)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, with published results of each method."""
        plain: dict[str, Any] = asdict(self)
        for cost in plain["costs"]:
            published = RECIPES[cost["method"]].published
            cost["published"] = {
                "quality": published.quality,
                "perplexities": published.perplexities,
                "speed": published.speed_ups,
            }
        if self.measurement is not None:
            plain["measurement"]["verdict"] = self.measurement.verdict()
        return plain


def advise(
    source: Any,
    *,
    hidden_size: int,
    batch_size: int = DEFAULT_BATCH_SIZE,
    purpose: Purpose = "train",
    memory_bytes: int | None = None,
    machine: Machine = DEVELOPMENT_MACHINE,
    measure: bool = False,
    measure_seconds: float = DEFAULT_MEASURE_SECONDS,
    progress: Progress | None = None,
) -> Advice:
    """Recommend a method from counts, with facts about them, the cost of each method, and reasons.

    The time of a step is the sum over five kinds of work, each multiplied by the time of a unit: multiply-adds of large
    products, scores through an exponential, bytes of scattered rows, bytes in sequence, operations started. The work
    follows from the counts (number of different words in a batch and its noise, length of paths). The five constants
    were fitted to steps timed on the development machine (`benchmarks/records/advise.json`). `machine` gives others,
    and `measure` fits them to every method's step on this machine.

    Perplexity cannot be computed from counts; `vastmax compare` measures it.

    Args:
        source: counts (V,) in any order; a `Vocabulary`; a `Corpus`, or one in the ids of a vocabulary
            (`corpus.encode_with(vocabulary)`). The cost of methods that spell words depends on their lengths.
        hidden_size: D ≥ 1, the size of the output layer's input vectors.
        batch_size: N ≥ 1, predictions per step.
        purpose: "train" (a language model), "score" (given words, fast), "best-word" (found fast) or "vectors".
        memory_bytes: memory for the output layer in training, including optimizer state and gradient; None: any.
        machine: the constants for the costs; `calibrated_machine()` measures those of this machine in a few seconds.
        measure: also time every method's step; needs PyTorch.
        measure_seconds: approximate time for that, including building the layers.
        progress: shows the timings.

    Returns:
        The advice; `to_json` gives it as plain data.

    Raises:
        InputError: counts or a number are out of range, fewer than two words, or `measure` without PyTorch.

    Cost: about 2 s for 300,000 words, mostly for the Huffman code; torch is imported only for `measure`.

    Example:
        >>> zipf = [100_000 // rank for rank in range(1, 50_001)]
        >>> advice = advise(zipf, hidden_size=256)
        >>> [reasoned.method for reasoned in advice.choice.take]
        ['clustered-hierarchical', 'sampled-softmax', 'adaptive']
        >>> advice.cost("sampled-softmax").gain > 10  # times cheaper than the softmax
        True
    """
    whole("hidden_size", hidden_size, 1, MOST_WORDS)
    whole("batch_size", batch_size, 1, MOST_WORDS)
    if purpose not in PURPOSES:
        raise InputError(f"purpose is {purpose!r}; expected {', '.join(map(repr, PURPOSES))}")
    if memory_bytes is not None:
        whole("memory_bytes", memory_bytes, 1, None)
    real("measure_seconds", measure_seconds, 0.0, 60.0 * MOST_MINUTES, above=True)
    if measure:
        extras.require("timing steps", "torch")
    vocabulary = getattr(source, "vocabulary", source)
    words = Words(vocabulary, getattr(vocabulary, "words", None))
    setting = Setting(words, hidden_size, batch_size)
    costs = predicted_costs(setting, machine)
    measurement = None
    if measure:
        measurement = _measured(source, setting, costs, machine, measure_seconds, progress or Silent())
        machine = measurement.machine
        timed = {timing.method: timing.seconds for timing in measurement.timings if timing.seconds is not None}
        costs = with_timings(costs, timed, machine, batch_size)
    sizes, widths = words.blocks(hidden_size)
    return Advice(
        hidden_size=hidden_size,
        batch_size=batch_size,
        purpose=purpose,
        facts=words.facts,
        coverage=words.coverage,
        cuts=words.cuts,
        cutoffs=tuple(words.cutoffs(hidden_size)),
        blocks=tuple(zip(sizes, widths, strict=True)),
        num_classes=len(words.classes[0]),
        costs=tuple(costs),
        choice=choose(costs, purpose, spelled=words.spelled, memory_bytes=memory_bytes),
        search=advice_for(words.vocab_size, hidden_size),
        machine=machine,
        measurement=measurement,
    )


def _measured(
    source: Any, setting: Setting, costs: list[MethodCost], machine: Machine, seconds: float, progress: Progress
) -> Measurement:
    import torch

    from vastmax.compare.advice.timing import time_methods

    timings = time_methods(
        source,
        setting.words,
        setting.hidden_size,
        setting.batch_size,
        machine,
        methods=list(RECIPES),
        budget_seconds=seconds,
        progress=progress,
    )
    threads = torch.get_num_threads()
    name = f"this machine, {threads} {'thread' if threads == 1 else 'threads'}"
    return Measurement.of(timings, costs, machine, name=name)
