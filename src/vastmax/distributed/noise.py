"""Noise that each process draws among its own words."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vastmax.distributed.restricted import Restricted, total_of_words
from vastmax.distributed.sharded_dense import ShardedDense
from vastmax.distributed.shards import gathered_words
from vastmax.errors import InputError
from vastmax.objective import NCE, CrossEntropy, NegativeSampling, SampledSoftmax, SelfNormalised
from vastmax.objective.base import Objective
from vastmax.proposal import InBatch
from vastmax.proposal.base import Context, Noise, Proposal
from vastmax.proposal.fixed import FixedProposal
from vastmax.tensors.random import Rng

_FURTHER_APART = 0x9E3779B97F4A7C15
"""Seeds of neighboring processes differ by this multiple of the golden ratio."""


class _OfShard(Proposal):
    """A proposal's draws within the rows of one process; everything else is the proposal's own."""

    vocab_size: int
    shared_only = True

    def __init__(self, base: Proposal, layer: ShardedDense) -> None:
        super().__init__()
        assert base.vocab_size is not None
        self.vocab_size = base.vocab_size
        self.base = base
        self.unique, self.sizes_itself, self.holds_target = base.unique, base.sizes_itself, base.holds_target
        self.__dict__["_layer"] = layer  # not as a submodule: the head has it already

    @property
    def layer(self) -> ShardedDense:
        """The layer whose words are drawn."""
        layer: ShardedDense = self.__dict__["_layer"]
        return layer

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """See `Proposal.log_prob`: of the whole vocabulary."""
        return self.base.log_prob(word_ids)

    def log_expected_count(self, word_ids: Tensor, num_samples: int) -> Tensor:
        """See `Proposal.log_expected_count`: of draws from the whole vocabulary, which those here add up to."""
        return self.base.log_expected_count(word_ids, num_samples)


class Stratified(_OfShard):
    """Draws from Q in strata, the words of each process: K·Q(stratum) of them on average, from Q restricted to it.

    The number of draws is that mean rounded up or down at random. So the expected count of each word is what it is for
    K draws from Q, and so is the expectation of every sum over the noise; its variance is not larger. Words drawn at
    most once are as many as K such draws from Q have in the stratum on average.

    Cost: one pass over the words of this process at first; then about K draws from Q in each process, all but the
    stratum's share of which are discarded.
    """

    base: FixedProposal

    def __init__(self, base: FixedProposal, layer: ShardedDense) -> None:
        super().__init__(base, layer)
        self._stratum: _Stratum | None = None

    def draw(
        self,
        target: Tensor,
        num_samples: int,
        *,
        shared: bool = True,
        context: Context = None,
        generator: Rng = None,
    ) -> Noise:
        """See `Proposal.draw`; the words of this process only."""
        device = target.device
        stratum = self._present_stratum(device)
        own = _generator_of_rank(generator, self.layer.shards.mesh.get_rank(), device)
        number = self._number(stratum, num_samples, own)
        word_ids = target.new_zeros(0)
        multiplicity = None if self.unique else torch.zeros(0, device=device)
        if stratum.law is not None and number > 0:
            drawn = stratum.law.draw(target[:0], number, generator=own)
            first = self.layer.shards.rows(self.vocab_size).start
            word_ids, order = self.layer.deal.word(drawn.word_ids + first).sort()
            multiplicity = None if drawn.multiplicity is None else drawn.multiplicity[order]
        return Noise(
            word_ids=word_ids,
            log_expected_count=self.log_expected_count(word_ids, num_samples),
            target_log_expected_count=self.log_expected_count(target, num_samples),
            num_samples=num_samples,
            unique=self.unique,
            multiplicity=multiplicity,
        )

    def _present_stratum(self, device: torch.device) -> _Stratum:
        """The words of this process, found again if a checkpoint dealt them otherwise."""
        piles = int(self.layer.piles)
        if self._stratum is None or self._stratum.piles != piles:
            rows = self.layer.shards.rows(self.vocab_size)
            law: Restricted | None = None
            if rows.stop > rows.start:
                law = Restricted(self.base, self.layer.deal, rows, device=device)
            self._stratum = _Stratum(piles, law, rows.stop - rows.start, device, {})
        return self._stratum

    def _number(self, stratum: _Stratum, num_samples: int, generator: torch.Generator) -> int:
        """Return how many words to draw: the mean, rounded up or down at random, so that it is the mean."""
        if num_samples not in stratum.mean_numbers:
            stratum.mean_numbers[num_samples] = self._mean_number(stratum, num_samples)
        mean = stratum.mean_numbers[num_samples]
        up = torch.rand((), dtype=torch.float64, generator=generator, device=generator.device) < mean % 1
        return int(mean) + int(up)

    def _mean_number(self, stratum: _Stratum, num_samples: int) -> float:
        if stratum.law is None:
            return 0.0
        if not self.unique:
            return num_samples * stratum.law.mass
        if num_samples >= self.vocab_size:
            return stratum.num_words
        rows = self.layer.shards.rows(self.vocab_size)
        total = total_of_words(
            self.layer.deal, rows, lambda words: self.log_expected_count(words, num_samples), device=stratum.device
        )
        return min(stratum.num_words, total)


@dataclass(frozen=True)
class _Stratum:
    """The words of a process.

    Attributes:
        piles: how they were dealt.
        law: Q restricted to them, by row; None if there is no word.
        num_words: how many they are.
        device: of the noise.
        mean_numbers: of draws, by K.
    """

    piles: int
    law: Restricted | None
    num_words: int
    device: torch.device
    mean_numbers: dict[int, float]


class _TargetsOfAll(_OfShard):
    """`InBatch` over the examples of all processes: each has the targets among its own words as noise."""

    def draw(
        self,
        target: Tensor,
        num_samples: int = 0,
        *,
        shared: bool = True,
        context: Context = None,
        generator: Rng = None,
    ) -> Noise:
        """See `Proposal.draw`."""
        everyone = gathered_words(self.layer.shards, target)
        noise = self.base.draw(everyone, num_samples)
        here, _ = self.layer.place(noise.word_ids)
        assert noise.multiplicity is not None
        return Noise(
            word_ids=noise.word_ids[here],
            log_expected_count=noise.log_expected_count[here],
            target_log_expected_count=self.log_expected_count(target, noise.num_samples),
            num_samples=noise.num_samples,
            unique=False,
            multiplicity=noise.multiplicity[here],
        )


def _generator_of_rank(generator: Rng, rank: int, device: torch.device) -> torch.Generator:
    """Return a generator of this process's own: processes are often given the same seed, and must not draw alike."""
    drawn_on = device if generator is None else generator.device
    seed = int(torch.randint(2**62, (), generator=generator, device=drawn_on))
    return torch.Generator(device).manual_seed((seed + rank * _FURTHER_APART) % 2**63)


def sharded_objective(objective: Objective, layer: ShardedDense) -> Objective:
    """Return a copy of an objective whose noise is drawn by each process among its own words.

    Raises:
        InputError: an objective, or an option or proposal of it, that cannot be sharded.
    """
    _check(objective)
    proposal = objective.proposal
    if proposal is None or isinstance(proposal, _OfShard):
        return copy.deepcopy(objective)
    own: Proposal
    own = Stratified(proposal, layer) if isinstance(proposal, FixedProposal) else _TargetsOfAll(proposal, layer)
    memo: dict[int, Any] = {id(proposal): own}
    return copy.deepcopy(objective, memo)


def _check(objective: Objective) -> None:
    name = type(objective).__name__
    if type(objective) not in (CrossEntropy, SelfNormalised, SampledSoftmax, NCE, NegativeSampling):
        raise InputError(
            f"not sharded: {name}; take CrossEntropy, SelfNormalised, SampledSoftmax, NCE or NegativeSampling"
        )
    if isinstance(objective, NCE) and objective.log_normaliser is not None:
        raise InputError("not sharded: NCE with a learned normalizer; pass a number, such as log_normaliser=0.0")
    if isinstance(objective, NegativeSampling) and objective.exclude == "window":
        raise InputError("not sharded: NegativeSampling with exclude='window'; pass 'none' or 'target'")
    if not objective.shared:
        raise InputError(f"not sharded: {name} with noise for each example; pass shared=True")
    proposal = objective.proposal
    if proposal is not None and not isinstance(proposal, FixedProposal | InBatch | _OfShard):
        raise InputError(
            f"not sharded: noise from {type(proposal).__name__}; take Uniform, Unigram, LogUniform or InBatch"
        )
