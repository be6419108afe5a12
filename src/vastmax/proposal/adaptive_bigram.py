"""A bigram proposal that learns the weight of its counts from the importance weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vastmax.distribution.ngrams import NGrams
from vastmax.errors import InputError
from vastmax.kernels.ngram_law import row_responsibilities
from vastmax.proposal.base import Context, Noise
from vastmax.proposal.ngram import MixtureNoise, NGramProposal, frequency_bins

_LARGEST_LOGIT = 7.0
"""λ stays within 0.001 … 0.999, so the unigram distribution always keeps a share."""


class AdaptiveBigram(NGramProposal):
    """Q(w | prev) = λ_b·bigram(w | prev) + (1 − λ_b)·unigram(w), b the frequency bin of prev, λ_b learned.

    λ_b = σ(a_b) is learned by gradient descent on KL(p ‖ Q) (Bengio & Senécal 2008): with the importance weights r_j/R
    that a step computes anyway, −∂KL/∂a_b = Σ_j (r_j/R)·λ_b·bigram(w_j | prev)/Q(w_j | prev) − λ_b, averaged over the
    examples in bin b: the share of the weight that the bigram accounts for, minus its current share. So Q follows the
    model during training, whereas a fixed bigram falls behind. λ is part of the `state_dict`.

    Noise is shared by the batch and drawn from Q̄, the mean of Q over its contexts.

    Args:
        counts: (V,) in id order; zeros are raised to the smallest positive count. Words with equal ⌊log2 count⌋
            form a bin.
        bigrams: pairs in the training text: `NGrams.from_ids(corpus.ids, corpus.sentence_offsets, V)`.
        weight: the initial λ, in [0.001, 0.999].
        learning_rate: the learning rate for λ, ≥ 0. The gradient is between −1 and 1.

    Raises:
        InputError: values out of these ranges; a table of triples, or of another vocabulary.

    Cost: that of `NGramProposal`; `observe` adds one sum over the weights (N, K).

    Example:
        >>> pairs = NGrams.from_ids([0, 1, 0, 1, 0, 2], [0, 6], vocab_size=3)
        >>> AdaptiveBigram([3, 2, 1], pairs).bin_weights
        tensor([0.5000, 0.5000])
    """

    learns = True

    def __init__(self, counts: Any, bigrams: NGrams, *, weight: float = 0.5, learning_rate: float = 0.1) -> None:
        if bigrams.order != 2:
            raise InputError(f"AdaptiveBigram needs pairs, but the table has order {bigrams.order}: use order=2")
        super().__init__(counts, [bigrams])
        if not 0.001 <= weight <= 0.999:
            raise InputError(f"weight is {weight}; expected between 0.001 and 0.999")
        if not (learning_rate >= 0 and math.isfinite(learning_rate)):
            raise InputError(f"learning_rate is {learning_rate}; expected a finite number ≥ 0")
        self.learning_rate = learning_rate
        bins = frequency_bins(counts)
        self.register_constant("bin_of_row", bins[torch.from_numpy(bigrams.contexts)])
        num_bins = int(bins.max()) + 1
        self._first_logit = math.log(weight / (1 - weight))
        self.register_table("logit", torch.empty(num_bins), persistent=True)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight of the bigrams in every bin to the initial value."""
        self.table("logit").fill_(self._first_logit)

    bin_of_row: Tensor

    def extra_repr(self) -> str:
        """Sizes and options."""
        return f"{self.vocab_size}, learning_rate={self.learning_rate}"

    @property
    def bin_weights(self) -> Tensor:
        """λ of each bin, (B,): bin b contains the words whose count is 2^b to 2^(b+1) times the smallest."""
        return torch.sigmoid(self.table("logit"))

    def mixture_weights(self, rows: Sequence[Tensor], context: Context) -> list[Tensor]:
        """See `NGramProposal.mixture_weights`."""
        (row,) = rows
        if self.bin_of_row.shape[0] == 0:
            return [torch.zeros(row.shape, device=row.device)]
        weight = self.bin_weights.index_select(0, self.bin_of_row.index_select(0, row.clamp_min(0)))
        return [torch.where(row >= 0, weight, 0.0)]

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """Return the log of the mean of Q over contexts, weighted by their counts. O(number of pairs)."""
        (table,) = self._tables()
        unigram = self.unigram.log_prob(torch.arange(self.vocab_size, device=word_ids.device)).exp().to(torch.float64)
        of_row = unigram.index_select(0, table.contexts) * self.bin_weights.index_select(0, self.bin_of_row)
        mean = table.mean_prob(of_row) + (1 - of_row.sum()) * unigram
        return mean.log().to(torch.float32).index_select(0, word_ids.reshape(-1)).view(word_ids.shape)

    @torch.no_grad()
    def observe(self, noise: Noise, weight: Tensor) -> None:
        """Take one step of λ, with noise from `draw` and weights that sum to 1 per row; see `Proposal.observe`."""
        assert isinstance(noise, MixtureNoise)
        (table,) = noise.used
        if table.rows.shape[0] == 0:
            return
        device = self.bin_of_row.device
        bin_of_row = self.bin_of_row.index_select(0, table.rows.to(device))
        share = self.bin_weights.index_select(0, bin_of_row)
        unigram = self.unigram.log_prob(noise.word_ids).exp()
        claimed = torch.zeros(table.rows.shape, dtype=torch.float64)
        row_responsibilities(
            table.laws,
            share.cpu(),
            unigram.cpu(),
            table.example_row,
            weight.to("cpu", torch.float32),
            claimed=claimed,
        )
        logit = self.table("logit")
        known = table.example_row[table.example_row >= 0]
        examples = logit.new_zeros(logit.shape).index_add_(
            0, bin_of_row, torch.bincount(known, minlength=table.rows.shape[0]).to(device, logit.dtype)
        )
        mean = logit.new_zeros(logit.shape).index_add_(0, bin_of_row, claimed.to(device, logit.dtype))
        # A NaN among the weights carries no information and would persist.
        gradient = torch.where((examples > 0) & mean.isfinite(), self.bin_weights - mean / examples.clamp_min(1), 0.0)
        logit.sub_(gradient, alpha=self.learning_rate).clamp_(-_LARGEST_LOGIT, _LARGEST_LOGIT)
