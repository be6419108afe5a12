"""Proposals with one distribution for all examples, with or without replacement."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from vastmax.arguments import MOST_WORDS, whole
from vastmax.errors import InputError
from vastmax.proposal.base import Context, Noise, Proposal
from vastmax.proposal.distinct import distinct
from vastmax.tensors.random import Rng
from vastmax.tensors.tracing import constant_in_graphs, is_traced

# Words are drawn in rounds until K are distinct, with 10 % more draws per round than expected to be needed, so a second
# round is rare. After _MAX_ROUNDS, or if drawing costs more than ranking all words, all words are ranked.
_SURPLUS = 1.1
_MAX_ROUNDS = 8
_MAX_LOG_TRIES = 700.0


class FixedProposal(Proposal):
    """A proposal whose Q is the same for all examples: subclasses define `draw_ids` and `log_prob`.

    Args:
        vocab_size: V.
        unique: draw each word at most once: draw words and discard repeated ones, until K are found. `K ≥ V` gives all
            words, once each.
    """

    vocab_size: int

    def __init__(self, vocab_size: int, *, unique: bool = False) -> None:
        super().__init__()
        vocab_size = whole("vocab_size", vocab_size, 1, MOST_WORDS)
        self.vocab_size = vocab_size
        self.unique = unique
        self._tries: dict[int, float] = {}

    @abstractmethod
    def draw_ids(self, num: int, *, device: torch.device, generator: Rng) -> Tensor:
        """Return `num` independent draws from Q, (num,) int64 on `device`. O(num)."""

    @abstractmethod
    def log_prob(self, word_ids: Tensor) -> Tensor:
        """See `Proposal.log_prob`."""

    def extra_repr(self) -> str:
        """Sizes and options."""
        return f"{self.vocab_size}, unique={self.unique}"

    def draw(
        self, target: Tensor, num_samples: int, *, shared: bool = True, context: Context = None, generator: Rng = None
    ) -> Noise:
        """Draw noise; see `Proposal.draw`. Unique draws cannot be separate for each example.

        Cost: O(K) with replacement; for unique draws O(T), where T is the number of tries for K distinct words, or O(V)
        if T > V. T is computed once per K, in O(V).
        """
        if self.unique:
            if not shared:
                raise InputError("unique draws are shared by the batch: use shared=True or unique=False")
            return self._draw_unique(target, num_samples, generator)
        num = num_samples if shared else num_samples * target.shape[0]
        drawn = self.draw_ids(num, device=target.device, generator=generator)
        if is_traced(target):
            return self._traced(drawn, target, num_samples)
        position, multiplicity = None, None
        if shared:
            word_ids, times = torch.unique(drawn, sorted=True, return_counts=True)
            multiplicity = times.to(torch.float32)
        else:
            word_ids, position = distinct(drawn.view(target.shape[0], num_samples), self.vocab_size)
        of_noise, of_target = self._log_expected_counts(word_ids, target, num_samples)
        return Noise(
            word_ids=word_ids,
            log_expected_count=of_noise,
            target_log_expected_count=of_target,
            num_samples=num_samples,
            unique=False,
            multiplicity=multiplicity,
            position=position,
        )

    def _traced(self, drawn: Tensor, target: Tensor, num_samples: int) -> Noise:
        """Return shared noise in a graph: as drawn, repeated words and all, since their number depends on the draws."""
        of_noise, of_target = self._log_expected_counts(drawn, target, num_samples)
        return Noise(drawn, of_noise, of_target, num_samples, unique=self.unique)

    def _draw_unique(self, target: Tensor, num_samples: int, generator: Rng) -> Noise:
        if num_samples >= self.vocab_size:
            word_ids = torch.arange(self.vocab_size, device=target.device)
        elif is_traced(target):  # how many tries it takes depends on the draws; ranks take O(V)
            word_ids = self._distinct_by_rank(num_samples, device=target.device, generator=generator)
        else:
            word_ids = self._distinct(num_samples, device=target.device, generator=generator)
        of_noise, of_target = self._log_expected_counts(word_ids, target, num_samples)
        return Noise(
            word_ids=word_ids,
            log_expected_count=of_noise,
            target_log_expected_count=of_target,
            num_samples=word_ids.shape[0],
            unique=True,
        )

    def _log_expected_counts(self, word_ids: Tensor, target: Tensor, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return the log expected counts of noise and targets, in one call because steps are short."""
        both = self.log_expected_count(torch.cat([word_ids, target]), num_samples)
        return both[: word_ids.shape[0]], both[word_ids.shape[0] :]

    def log_expected_count(self, word_ids: Tensor, num_samples: int) -> Tensor:
        """Return log expected counts; for unique draws log(1 − (1 − Q)^T); see `Proposal`."""
        if not self.unique:
            return super().log_expected_count(word_ids, num_samples)
        if num_samples >= self.vocab_size:
            return torch.zeros(word_ids.shape, device=word_ids.device)
        log_missed = self.expected_tries(num_samples) * torch.log1p(-self.log_prob(word_ids).to(torch.float64).exp())
        return torch.log(-torch.expm1(log_missed)).to(torch.float32)

    def expected_tries(self, num_samples: int) -> float:
        """Return T such that T independent draws have an expected `num_samples` < V distinct words.

        Solves Σ_w 1 − (1 − Q(w))^T = K once per K and caches the result: O(V), in float64.
        """
        if num_samples not in self._tries:
            self._tries[num_samples] = self._solve_tries(num_samples)
        return self._tries[num_samples]

    @constant_in_graphs
    def _solve_tries(self, num_samples: int) -> float:
        from scipy.optimize import brentq

        word_ids = torch.arange(self.vocab_size, device=self._device())
        log_miss = torch.log1p(-self.log_prob(word_ids).to(torch.float64).exp())

        def excess(log_tries: float) -> float:
            return float(-torch.expm1(math.exp(log_tries) * log_miss).sum()) - num_samples

        # K tries give at most K distinct words, so the solution is above the lower end; doubling finds the upper end,
        # as long as a double can represent it.
        low = high = math.log(num_samples) - 1e-3
        while excess(high) < 0 and high < _MAX_LOG_TRIES:
            high += math.log(2)
        return math.exp(brentq(excess, low, high, xtol=1e-12)) if excess(high) > 0 else math.exp(high)

    def _device(self) -> torch.device:
        buffer = next(self.buffers(), None)
        return torch.device("cpu") if buffer is None else buffer.device

    def _distinct(self, num_samples: int, *, device: torch.device, generator: Rng) -> Tensor:
        per_round = int(self.expected_tries(num_samples) * _SURPLUS) + 16
        if per_round <= self.vocab_size:
            drawn = self.draw_ids(per_round, device=device, generator=generator)
            for _ in range(_MAX_ROUNDS):
                word_ids = _first_distinct(drawn, num_samples)
                if word_ids.shape[0] == num_samples:
                    return word_ids
                drawn = torch.cat([drawn, self.draw_ids(per_round, device=device, generator=generator)])
        return self._distinct_by_rank(num_samples, device=device, generator=generator)

    def _distinct_by_rank(self, num_samples: int, *, device: torch.device, generator: Rng) -> Tensor:
        """Draw by Gumbel top-K: the K best of log Q + noise are K draws without replacement."""
        drawn_on = device if generator is None else generator.device
        uniform = torch.rand(self.vocab_size, dtype=torch.float64, generator=generator, device=drawn_on).to(device)
        log_q = self.log_prob(torch.arange(self.vocab_size, device=device)).to(torch.float64)
        gumbel = -(-uniform.clamp_min(torch.finfo(torch.float64).tiny).log()).log()
        return (log_q + gumbel).topk(num_samples).indices.sort().values


def _first_distinct(drawn: Tensor, num: int) -> Tensor:
    """Return the first `num` distinct entries of `drawn`, or all if there are fewer; sorted."""
    ordered, position = drawn.sort(stable=True)
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    word_ids = ordered[is_first]
    if word_ids.shape[0] <= num:
        return word_ids
    kept = position[is_first].topk(num, largest=False, sorted=False).indices
    return word_ids[kept.sort().values]
