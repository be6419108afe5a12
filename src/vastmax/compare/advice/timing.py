"""Timed steps on this machine: forward and backward pass of the head, and the optimizers of language models."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import numpy as np
import torch

from vastmax.compare.advice.machine import Machine
from vastmax.compare.advice.measurement import Timing
from vastmax.distribution.counts import floored_counts
from vastmax.head import Head
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.methods import RECIPES, Method
from vastmax.methods.target_sampling import DEFAULT_PARTITION_WORDS
from vastmax.methods.words import Words
from vastmax.methods.work import Setting
from vastmax.output.dense import Dense
from vastmax.progress import Progress, Silent
from vastmax.proposal.target_partition import Partition
from vastmax.training.pytorch.optimizers import optimizers_for

MOST_STEPS = 15
"""Most steps per method; their median is stable enough."""

_STEADY_STEPS = 3
_LONG_STEP_SECONDS = 0.1
"""Unless steps are longer than this, the number above is timed even after the time is up."""

_TINY_RATE = 1e-9

_FEWEST_EXAMPLES = 32
"""A batch is not reduced below this to save time, because small batches have different costs."""

_MOST_PAIRS = 2_000_000
"""Most tokens whose pairs are counted for a proposal; more change the draws, not their cost."""

_SHARE_OF_MEMORY = 0.8
"""Methods that need more than this share of the free memory are left out."""


def time_methods(
    source: Any,
    words: Words,
    hidden_size: int,
    batch_size: int,
    machine: Machine,
    *,
    methods: Sequence[str],
    budget_seconds: float,
    progress: Progress | None = None,
) -> list[Timing]:
    """Time a training step of each method, for about `budget_seconds` in total, including building the layers.

    Args:
        source: a `Corpus` or view of one, a `Vocabulary`, or counts; methods that need more are left out, with a
            reason.
        words: facts about them.
        hidden_size: D.
        batch_size: N; a method whose step would take too long is timed with fewer examples.
        machine: the constants of the estimates.
        methods: their names.
        budget_seconds: approximate total time.
        progress: shows each method.
    """
    progress = progress or Silent()
    bench = _Bench(source, words, hidden_size)
    ends = time.perf_counter() + budget_seconds
    found = []
    progress.begin("timing each method's step", len(methods), "methods")
    # The long ones last, because they get the time that the short ones do not use.
    by_length = sorted(
        methods, key=lambda name: machine.seconds(RECIPES[name].work(Setting(words, hidden_size, batch_size)).train)
    )
    for position, name in enumerate(by_length):
        progress.update(position, method=name)
        share = max(0.0, ends - time.perf_counter()) / (len(methods) - position)
        found.append(_time_method(bench, name, batch_size, machine, share))
    progress.update(len(methods))
    progress.end()
    return sorted(found, key=lambda timing: methods.index(timing.method))


def _time_method(bench: _Bench, name: str, batch_size: int, machine: Machine, share: float) -> Timing:
    lacking = bench.lacks(name)
    if lacking is not None:
        return Timing(name, left_out=lacking)
    whole = RECIPES[name].work(Setting(bench.words, bench.hidden_size, batch_size))
    free = _free_bytes()
    if free is not None and whole.training_bytes > _SHARE_OF_MEMORY * free:
        return Timing(
            name,
            left_out=f"it needs {whole.training_bytes / 1e9:.1f} GB, but only {free / 1e9:.1f} GB of memory are free",
        )
    started = time.perf_counter()
    head = bench.head(name)
    left = share - (time.perf_counter() - started)
    examples, expected = batch_size, machine.seconds(whole.train)
    # At least two steps should fit: one for warmup, one that counts.
    while 2 * expected > max(left, 0.5 * share) and examples > _FEWEST_EXAMPLES:
        examples = max(_FEWEST_EXAMPLES, examples // 2)
        expected = _train_seconds(bench, name, examples, machine)
    began, cpu_began = time.perf_counter(), time.process_time()
    seconds = _step_seconds(bench, head, name, examples, until=started + share)
    cpu_share = (time.process_time() - cpu_began) / (time.perf_counter() - began)
    scale = machine.seconds(whole.train) / expected if examples < batch_size else 1.0
    return Timing(name, median(seconds) * scale, median(seconds), examples, len(seconds), cpu_share)


def _train_seconds(bench: _Bench, name: str, examples: int, machine: Machine) -> float:
    return machine.seconds(RECIPES[name].work(Setting(bench.words, bench.hidden_size, examples)).train)


def _step_seconds(bench: _Bench, head: Head, name: str, examples: int, *, until: float) -> list[float]:
    """Return the seconds of each step after the first, for as long as there is time, at least one."""
    # Rates so small that the layer does not change, because other methods use it, too.
    settings = LanguageModelSettings(embedding_lr=_TINY_RATE, dense_lr=_TINY_RATE)
    optimizers = [optimizer for optimizer, _ in optimizers_for(head, settings)]
    batches = bench.batches(name, examples)
    seconds: list[float] = []
    for number in range(MOST_STEPS + 1):
        hidden, target, context = next(batches)
        began = time.perf_counter()
        head(hidden, target, context=context).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        ended = time.perf_counter()
        if number > 0:
            seconds.append(ended - began)
        enough = len(seconds) >= _STEADY_STEPS or (seconds and seconds[-1] > _LONG_STEP_SECONDS)
        if enough and ended + seconds[-1] > until:
            break
    return seconds


class _Bench:
    """The data for the timings of one case, and one table of vectors for all methods that use one."""

    def __init__(self, source: Any, words: Words, hidden_size: int) -> None:
        self.source, self.words, self.hidden_size = source, words, hidden_size
        self._generator = np.random.default_rng(0)
        self._cumulative = np.cumsum(floored_counts(words.counts))
        self._dense: Dense | None = None

    def lacks(self, name: str) -> str | None:
        """Return what the recipe needs but the source lacks, or None."""
        needs = RECIPES[name].needs
        if "corpus" in needs and not hasattr(self.source, "encode_with") and not hasattr(self.source, "blocks"):
            return "it learns from the text, but only counts or words were given"
        if "words" in needs and not hasattr(self.source, "words"):
            if hasattr(self.source, "vocabulary"):
                return None
            return "it spells words, but only counts were given"
        return None

    def head(self, name: str) -> Head:
        """Return the recipe's head. Layers that are a plain table share one, because filling it takes seconds."""
        method = RECIPES[name]
        source = self.source
        if hasattr(source, "vocabulary"):
            source = _FewTokens(source) if "corpus" in method.needs else source.vocabulary
        if method.dense:
            return self._over_shared_table(method, source)
        if "words" in method.needs:
            self._dense = None  # frees its memory; no sampled method follows
        gc.collect()
        return method(self.hidden_size, source)

    def _over_shared_table(self, method: Method, source: Any) -> Head:
        narrow = method(1, source)  # its objective works for any width
        self._dense = self._dense or Dense(self.hidden_size, self.words.vocab_size)
        with torch.no_grad():  # the noise of importance sampling depends on them
            self._dense.get_parameter("bias").copy_(narrow.output.get_parameter("bias"))
        return Head(self._dense, narrow.objective)

    def batches(self, name: str, examples: int) -> Iterator[tuple[torch.Tensor, torch.Tensor, dict[str, Any] | None]]:
        """Yield hidden vectors, targets drawn from the counts, and the context that the recipe needs."""
        generator = torch.Generator().manual_seed(0)
        hidden = torch.randn(examples, self.hidden_size, generator=generator)
        needs = RECIPES[name].needs
        while True:
            target = self._draw(examples)
            context: dict[str, Any] = {}
            if "context:previous_word_id" in needs:
                context["previous_word_id"] = self._draw(examples)
            if "context:partition" in needs:
                context["partition"] = self._partition(target)
            yield hidden.detach().clone().requires_grad_(), target, context or None

    def _draw(self, number: int) -> torch.Tensor:
        uniform = self._generator.random(number) * self._cumulative[-1]
        return torch.from_numpy(np.searchsorted(self._cumulative, uniform, side="right").astype(np.int64))

    def _partition(self, target: torch.Tensor) -> Partition:
        """Return a full partition that contains the batch's targets."""
        size = min(DEFAULT_PARTITION_WORDS, self.words.vocab_size)
        others = torch.from_numpy(self._generator.permutation(self.words.vocab_size))
        distinct = torch.unique(target)
        others = others[~torch.isin(others, distinct)][: max(0, size - len(distinct))]
        return Partition.of(torch.cat([distinct, others]))


class _FewTokens:
    """A corpus limited to `_MOST_PAIRS` tokens."""

    def __init__(self, source: Any) -> None:
        self.vocabulary = source.vocabulary
        self._encoded = source.encode_with(source.vocabulary) if hasattr(source, "encode_with") else source

    def blocks(self) -> Iterator[Any]:
        seen = 0
        for ids, offsets in self._encoded.blocks():
            yield ids, offsets
            seen += len(ids)
            if seen >= _MOST_PAIRS:
                return


def _free_bytes() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
