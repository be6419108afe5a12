"""Noise from n-gram counts after the previous words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vastmax.distribution.counts import floored_counts
from vastmax.distribution.ngrams import NGrams
from vastmax.errors import InputError
from vastmax.kernels.ngram_law import RowLaws, row_laws
from vastmax.proposal.base import Context, Noise, Proposal
from vastmax.proposal.unigram import Unigram
from vastmax.tensors.constants import Constants
from vastmax.tensors.random import Rng

PREVIOUS = "previous_word_id"
SECOND_PREVIOUS = "second_previous_word_id"


@dataclass(frozen=True)
class UsedRows:
    """The part of a table that is used in a step, on the CPU.

    Attributes:
        rows: (P,) int64, the table's rows for the contexts of the examples.
        example_row: (N,) int64, the index of each example's row in `rows`; −1 for an unseen context.
        laws: the probabilities of the noise words after these contexts, for `row_responsibilities`.
    """

    rows: Tensor
    example_row: Tensor
    laws: RowLaws


@dataclass(frozen=True)
class MixtureNoise(Noise):
    """Noise that also stores the used part of each table, for `Proposal.observe`."""

    used: tuple[UsedRows, ...] = ()


class NGramTable(Constants):
    """An `NGrams` as tensors: looks up contexts, draws words, returns probabilities of words."""

    def __init__(self, ngrams: NGrams) -> None:
        super().__init__()
        self.order, self.vocab_size = ngrams.order, ngrams.vocab_size
        self._ngrams = ngrams  # read by the kernel; on the CPU, it shares the memory of the tensors
        for name in ("contexts", "offsets", "word_ids", "cumulative"):
            array = torch.from_numpy(np.ascontiguousarray(getattr(ngrams, name)))
            self.register_constant(name, array)

    contexts: Tensor
    offsets: Tensor
    word_ids: Tensor
    cumulative: Tensor

    def extra_repr(self) -> str:
        """Sizes."""
        return f"order={self.order}, contexts={self.contexts.shape[0]}, entries={self.word_ids.shape[0]}"

    def rows(self, context: Mapping[str, Any]) -> Tensor:
        """Return the row of each example's context, (N,), −1 if there is none."""
        key, known = context[PREVIOUS], context[PREVIOUS] >= 0
        if self.order == 3:
            key = key + self.vocab_size * context[SECOND_PREVIOUS]
            known = known & (context[SECOND_PREVIOUS] >= 0)
        if self.contexts.shape[0] == 0:
            return torch.full_like(key, -1)
        row = torch.searchsorted(self.contexts, key).clamp_(max=self.contexts.shape[0] - 1)
        return torch.where(known & (self.contexts.index_select(0, row) == key), row, -1)

    def draw_ids(self, row: Tensor, generator: Rng) -> Tensor:
        """Draw one word after each of the contexts `row` (n,), in proportion to its count."""
        device = row.device if generator is None else generator.device
        uniform = torch.rand(row.shape[0], dtype=torch.float64, generator=generator, device=device).to(row.device)
        begin, end = self.offsets.index_select(0, row), self.offsets.index_select(0, row + 1)
        low, high = self.cumulative.index_select(0, begin), self.cumulative.index_select(0, end)
        count = (low + (uniform * (high - low)).to(torch.int64)).clamp_(max=high - 1)
        return self.word_ids.index_select(0, torch.searchsorted(self.cumulative, count, right=True) - 1).to(torch.int64)

    def use(self, row: Tensor, weight: Tensor, words: Tensor, noise_of_word: Tensor, mean: Tensor) -> UsedRows:
        """Add the mean over the examples of weight·p(word | context) to `mean`. All arguments are on the CPU.

        Args:
            row: (N,) the result of `rows`.
            weight: (N,) float32, 0 where there is no row.
            words: (U,) ascending, distinct.
            noise_of_word: (U,) int32, the index among the noise words, or −1.
            mean: (U,) float64.
        """
        known = row >= 0
        rows, position = torch.unique(row[known], return_inverse=True)
        example_row = torch.full_like(row, -1)
        example_row[known] = position
        row_weight = weight.new_zeros(rows.shape).index_add_(0, position, weight[known] / max(row.shape[0], 1))
        laws = row_laws(self._ngrams, rows, row_weight, words=words, noise_of_word=noise_of_word, mean=mean)
        return UsedRows(rows, example_row, laws)

    def mean_prob(self, row_weight: Tensor) -> Tensor:
        """Return Σ over rows of weight (R,) times probabilities: (V,) in float64. O(entries)."""
        sizes = self.offsets[1:] - self.offsets[:-1]
        row = torch.repeat_interleave(torch.arange(sizes.shape[0], device=sizes.device), sizes)
        counts = (self.cumulative[1:] - self.cumulative[:-1]).to(torch.float64)
        totals = torch.zeros(sizes.shape[0], dtype=torch.float64, device=sizes.device).index_add_(0, row, counts)
        share = counts * (row_weight.to(torch.float64) / totals).index_select(0, row)
        return torch.zeros(self.vocab_size, dtype=torch.float64, device=sizes.device).index_add_(
            0, self.word_ids, share
        )


class NGramProposal(Proposal):
    """Q(w | context) = Σ_c λ_c·ngram_c(w | context) + (1 − Σ_c λ_c)·unigram(w); noise is drawn from its batch mean Q̄.

    Q̄, the mean of Q over the examples of the step, is shared by all of them, and determines weights and corrections. A
    table that does not contain the context of an example is left out of its mixture. Subclasses define λ.

    Cost: O(K) lookups to draw; for Q̄, the rows of the step's distinct contexts are read once or searched.
    """

    vocab_size: int
    shared_only = True

    def __init__(self, counts: Any, ngrams: Sequence[NGrams]) -> None:
        super().__init__()
        self.unigram = Unigram(counts)
        self.vocab_size = self.unigram.vocab_size
        for table in ngrams:
            if table.vocab_size != self.vocab_size:
                raise InputError(
                    f"the n-grams have {table.vocab_size} words, the counts {self.vocab_size}: build both from one "
                    "vocabulary"
                )
        self.tables = nn.ModuleList(NGramTable(table) for table in ngrams)
        triples = any(table.order == 3 for table in ngrams)
        self.needs = frozenset({PREVIOUS, SECOND_PREVIOUS} if triples else {PREVIOUS})

    @abstractmethod
    def mixture_weights(self, rows: Sequence[Tensor], context: Context) -> list[Tensor]:
        """Return λ of each table for the examples, (N,) float32, 0 where the table has no row (−1)."""

    def draw(
        self, target: Tensor, num_samples: int, *, shared: bool = True, context: Context = None, generator: Rng = None
    ) -> Noise:
        """See `Proposal.draw`. `context["previous_word_id"]` (N,) contains word ids, −1 where there is none.

        For triples, `context["second_previous_word_id"]` contains the words before those.
        """
        if not shared:
            raise InputError(f"{type(self).__name__} draws noise for the whole batch: use shared=True")
        assert context is not None  # checked by the head
        self._check(context, target)
        rows = [table.rows(context) for table in self._tables()]
        weights = self.mixture_weights(rows, context)
        drawn = self._draw_ids(num_samples, target, rows, weights, generator)
        word_ids, times = torch.unique(drawn, return_counts=True)
        words, position = torch.unique(torch.cat([word_ids, target]), return_inverse=True)
        num_noise = word_ids.shape[0]
        noise_of_word = torch.full(words.shape, -1, dtype=torch.int32, device=words.device)
        noise_of_word[position[:num_noise]] = torch.arange(num_noise, dtype=torch.int32, device=words.device)
        mean = torch.zeros(words.shape, dtype=torch.float64)
        of_unigram = 1.0
        used = []
        for table, row, weight in zip(self._tables(), rows, weights, strict=True):
            used.append(table.use(row.cpu(), weight.cpu(), words.cpu(), noise_of_word.cpu(), mean))
            of_unigram -= float(weight.sum()) / max(weight.shape[0], 1)
        q = mean.to(words.device, torch.float32) + of_unigram * self.unigram.log_prob(words).exp()
        log_expected = (num_samples * q).log()
        return MixtureNoise(
            word_ids=word_ids,
            log_expected_count=log_expected.index_select(0, position[:num_noise]),
            target_log_expected_count=log_expected.index_select(0, position[num_noise:]),
            num_samples=num_samples,
            unique=False,
            multiplicity=times.to(torch.float32),
            used=tuple(used),
        )

    def _tables(self) -> list[NGramTable]:
        return [table for table in self.tables if isinstance(table, NGramTable)]

    def _check(self, context: Mapping[str, Any], target: Tensor) -> None:
        for name in sorted(self.needs):
            value = context[name]
            if not isinstance(value, Tensor) or value.shape != target.shape or value.is_floating_point():
                shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise InputError(f"context[{name!r}] is {shape}; expected one word id per example, as for the target")
            if value.numel() and not (int(value.min()) >= -1 and int(value.max()) < self.vocab_size):
                raise InputError(
                    f"context[{name!r}] ranges from {int(value.min())} to {int(value.max())}; expected word ids in "
                    f"[0, {self.vocab_size}), or −1 where there is none"
                )

    def _draw_ids(
        self, num: int, target: Tensor, rows: Sequence[Tensor], weights: Sequence[Tensor], generator: Rng
    ) -> Tensor:
        """Return `num` draws from Q̄: an example, then a table of its mixture, then a word."""
        drawn_on = target.device if generator is None else generator.device
        word_ids = self.unigram.draw_ids(num, device=target.device, generator=generator)
        if target.shape[0] == 0:
            return word_ids
        example = torch.randint(target.shape[0], (num,), generator=generator, device=drawn_on).to(target.device)
        uniform = torch.rand(num, generator=generator, device=drawn_on).to(target.device)
        for table, row, weight in zip(self._tables(), rows, weights, strict=True):
            of_example = weight.index_select(0, example)
            (chosen,) = ((uniform >= 0) & (uniform < of_example)).nonzero(as_tuple=True)
            row_of_chosen = row.index_select(0, example.index_select(0, chosen))
            word_ids = word_ids.index_copy(0, chosen, table.draw_ids(row_of_chosen, generator))
            uniform = uniform - of_example  # negative once a table is chosen
        return word_ids


class NGram(NGramProposal):
    """A fixed mixture of n-gram tables and the unigram distribution: the first proposal of Bengio & Senécal.

    During training the model moves away from it, its effective sample sizes fall, and it becomes worse than the plain
    unigram distribution; `AdaptiveBigram` avoids this. It serves for comparison, and for models near their n-grams.

    Args:
        counts: (V,) in id order; zeros are raised to the smallest positive count.
        ngrams: tables from the training text: `NGrams.from_ids(corpus.ids, corpus.sentence_offsets, V, order)`.
        weights: λ of each table, ≥ 0, with a sum below 1: the rest is the weight of the unigrams, so every word can be
            drawn.

    Raises:
        InputError: a table has a different vocabulary, or the weights are out of range or their number is wrong.

    Example:
        >>> from vastmax.distribution.ngrams import NGrams
        >>> pairs = NGrams.from_ids([0, 1, 0, 1, 0, 2], [0, 6], vocab_size=3)
        >>> noise = NGram([3, 2, 1], [pairs], [0.9]).draw(
        ...     torch.tensor([1]), 100, context={"previous_word_id": torch.tensor([0])})
        >>> round(noise.target_log_expected_count.exp().item(), 2)  # 100·(0.9·2/3 + 0.1·2/6)
        63.33
    """

    def __init__(self, counts: Any, ngrams: Sequence[NGrams], weights: Sequence[float]) -> None:
        super().__init__(counts, ngrams)
        if len(weights) != len(ngrams) or not all(w >= 0 for w in weights) or not sum(weights) < 1:
            raise InputError(
                f"weights are {list(weights)}; expected one for each of the {len(ngrams)} tables, ≥ 0 and below 1 "
                "together"
            )
        self.weights = tuple(float(w) for w in weights)

    def extra_repr(self) -> str:
        """Options."""
        return f"{self.vocab_size}, weights={self.weights}"

    def mixture_weights(self, rows: Sequence[Tensor], context: Context) -> list[Tensor]:
        """See `NGramProposal.mixture_weights`."""
        return [(row >= 0).to(torch.float32) * weight for row, weight in zip(rows, self.weights, strict=True)]


def frequency_bins(counts: Any) -> Tensor:
    """Return ⌊log2 count⌋ of each word, (V,), from 0 for the rarest: words of similar frequency share a bin."""
    floored = floored_counts(counts)
    return torch.from_numpy(np.floor(np.log2(floored / floored.min())).astype(np.int64))
