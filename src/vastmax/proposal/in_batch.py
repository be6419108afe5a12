"""The other examples' targets as noise, common in recommenders because their vectors are already computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vastmax.arguments import MOST_WORDS, real, whole
from vastmax.distribution.counts import floored_counts
from vastmax.errors import InputError
from vastmax.proposal.base import Context, Noise, Proposal
from vastmax.tensors.random import Rng


class InBatch(Proposal):
    """The noise of each example is the targets of the others: N − 1 draws from the distribution of the targets, Q.

    Frequent targets are drawn often. Their scores are corrected by log Q, as for any noise; without the correction,
    training would push popular words down (Yi et al. 2019). `SampledSoftmax` determines what happens if examples share
    a target: with `accidental_hits="mask"`, it is not a false negative; with "keep", it occurs in the sum as often as
    it was drawn, and the target is corrected, too.

    Q is count(w)/Σ counts. Without counts, it is estimated during training: 1/Q(w) is the mean number of examples from
    one occurrence of w to the next. The mean decays at `rate` once a word was seen 1/rate times, and is part of the
    `state_dict`.

    Args:
        counts: (V,) how often each word is a target, in id order; zeros are raised to the smallest positive count.
        vocab_size: V, if there are no counts and Q is estimated.
        rate: the decay rate of the estimate, in (0, 1].

    Raises:
        InputError: both counts and vocab_size are given, or neither; invalid counts; a rate out of range.

    Cost: O(N log N) per draw, and no rows besides those of the targets.

    Example:
        >>> noise = InBatch([6, 3, 1]).draw(torch.tensor([0, 0, 1, 0]))
        >>> noise.word_ids.tolist(), noise.multiplicity.tolist(), noise.log_expected_count.exp()
        ([0, 1], [3.0, 1.0], tensor([1.8000, 0.9000]))
    """

    vocab_size: int
    shared_only = True
    sizes_itself = True
    holds_target = True

    def __init__(self, counts: Any = None, *, vocab_size: int | None = None, rate: float = 0.01) -> None:
        super().__init__()
        if (counts is None) == (vocab_size is None):
            raise InputError("InBatch needs either counts, or vocab_size to estimate frequencies during training")
        self.rate = real("rate", rate, 0.0, 1.0, above=True)
        self.estimates = counts is None
        if counts is not None:
            weight = floored_counts(counts)
            self.vocab_size = weight.size
            self.register_table("log_q", torch.from_numpy(np.log(weight / weight.sum())))
            return
        assert vocab_size is not None
        vocab_size = whole("vocab_size", vocab_size, 1, MOST_WORDS)
        self.vocab_size = vocab_size
        self.register_table("gap", torch.empty(vocab_size), persistent=True)
        self.register_buffer("times_seen", torch.empty(vocab_size, dtype=torch.int32))
        self.register_buffer("last_seen", torch.empty(vocab_size, dtype=torch.int64))
        self.register_buffer("num_examples", torch.empty((), dtype=torch.int64))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset the estimate: an unseen word counts as seen once, V examples ago, so Q is uniform."""
        if self.estimates:
            self.table("gap").fill_(float(self.vocab_size))
            self.get_buffer("times_seen").fill_(1)
            self.get_buffer("last_seen").zero_()
            self.get_buffer("num_examples").zero_()

    def extra_repr(self) -> str:
        """Sizes and options."""
        return f"{self.vocab_size}, " + (f"rate={self.rate}" if self.estimates else "from counts")

    def draw(
        self,
        target: Tensor,
        num_samples: int = 0,
        *,
        shared: bool = True,
        context: Context = None,
        generator: Rng = None,
    ) -> Noise:
        """Return all targets as noise, ignoring `num_samples`; in training mode, the estimate learns."""
        word_ids, times = torch.unique(target, return_counts=True)
        if self.estimates and self.training and torch.is_grad_enabled():
            self._count(word_ids, times, target.shape[0])
        others = max(target.shape[0] - 1, 1)
        return Noise(
            word_ids=word_ids,
            log_expected_count=self.log_expected_count(word_ids, others),
            target_log_expected_count=self.log_expected_count(target, others),
            num_samples=others,
            unique=False,
            multiplicity=times.to(torch.float32),
        )

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """Return log Q(w) or its estimate, which is not normalized while it learns."""
        if not self.estimates:
            return self.table("log_q").index_select(0, word_ids.reshape(-1)).view(word_ids.shape)
        return -self.table("gap").index_select(0, word_ids.reshape(-1)).view(word_ids.shape).log()

    @torch.no_grad()
    def _count(self, word_ids: Tensor, times: Tensor, num_examples: int) -> None:
        """Update the estimate with a batch. Time is counted in examples, to distinguish words in every batch."""
        gap, times_seen, last_seen = self.table("gap"), self.get_buffer("times_seen"), self.get_buffer("last_seen")
        now = self.get_buffer("num_examples").add_(num_examples)
        observed = (now - last_seen.index_select(0, word_ids)) / times
        before = times_seen.index_select(0, word_ids)
        # `times` steps of a running mean, all toward the same observation; no step is shorter than `rate`.
        kept = torch.minimum(before / (before + times), (1 - self.rate) ** times.to(torch.float32))
        old = gap.index_select(0, word_ids)
        gap.index_copy_(0, word_ids, (observed + kept * (old - observed)).clamp_min_(1.0))
        times_seen.index_add_(0, word_ids, times.to(times_seen.dtype))
        last_seen.index_copy_(0, word_ids, now.expand(word_ids.shape))
