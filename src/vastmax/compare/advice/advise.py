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
        purpose: what the model is for.
        facts: entropy, unigram perplexity, path lengths.
        coverage: the share of the text that the most frequent words make up, by how many they are.
        cuts: what raising min_count would leave.
        cutoffs: of adaptive softmax, [c_1, …]; [] where it is a plain softmax.
        blocks: (words, width) of each block of differentiated softmax.
        num_classes: of two-level softmax.
        costs: of every method, in the order of `RECIPES`.
        choice: which to take, which to avoid, and why.
        search: how the best words of the trained model are found fastest.
        machine: whose constants the seconds are by.
        measurement: of the steps on this machine; None where none was asked for.
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
        """Return it as plain data, with what has been published about each method beside its cost."""
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
    """Which method to take, from counts: what they say, what each method would cost, and the reasons.

    A step's time is the sum, over five kinds of work, of how much of it the method does and how long a unit takes: the
    multiply-adds of large products, scores through an exponential, bytes of scattered rows, bytes of long runs,
    operations started. The work follows from the counts (how many different words a batch and its noise have, how long
    paths are); the five constants were fitted to steps timed on the development machine
    (`benchmarks/records/advise.json`). `machine` takes others, and `measure` fits them to every method's step here.

    Nothing is said of perplexity, which counts do not tell: `vastmax compare` measures it.

    Args:
        source: counts (V,) in any order; a `Vocabulary`; a `Corpus`, or one in the ids of a vocabulary
            (`corpus.encode_with(vocabulary)`). Methods that spell words out cost what the words' lengths make of it.
        hidden_size: D ≥ 1, the width of the vectors that come into the output layer.
        batch_size: N ≥ 1, predictions a step.
        purpose: "train" (a language model), "score" (given words, fast), "best-word" (found fast) or "vectors".
        memory_bytes: what the output layer may take in training, optimiser state and gradient included; None: anything.
        machine: whose constants the costs are by: `calibrated_machine()` finds those of this one in a few seconds.
        measure: time every method's step, too; needs PyTorch.
        measure_seconds: for about so long, the making of the layers included.
        progress: told of the timings.

    Returns:
        The advice; `to_json` gives it as plain data.

    Raises:
        InputError: counts or a number out of range, fewer than two words, `measure` without PyTorch.

    Cost: about 2 s for 300,000 words, most of them for the Huffman code; no torch is imported without `measure`.

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
