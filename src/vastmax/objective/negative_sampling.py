"""Negative sampling, the objective of word2vec."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import softplus

from vastmax.errors import InputError
from vastmax.objective.base import Objective
from vastmax.objective.noise_scores import checked_num_samples, fused_loss, score_noise, traced_noise, traces_draws
from vastmax.objective.noise_sums import binary_loss
from vastmax.output.base import NoiseStep, Output
from vastmax.proposal.base import Context, Proposal
from vastmax.tensors.random import Rng
from vastmax.tensors.tracing import is_traced

Exclude = Literal["none", "target", "window"]
WINDOW = "window_word_ids"


class NegativeSampling(Objective):
    """NCE with K·Q(w) and the normalizer both set to 1: it learns vectors, not likelihoods.

    J = −log σ(s(t)) − Σ_j log σ(−s(w_j)) (Mikolov et al. 2013). Its optimum is e^{s(w)} = p(w)/(K·Q(w)), so p(w | h) is
    softmax(s + log Q), which the head's `log_prob`, `topk`, `sample` and eval loss use; softmax(s) would be much worse
    than unigrams.

    Args:
        proposal: the source of noise: `Unigram(counts, 0.75)` in word2vec.
        num_samples: K ≥ 1, including excluded words.
        exclude: noise words to leave out: "none"; the "target" itself (word2vec; the optimum is then
            p/(K·Q·(1 − p)), so likelihoods are wrong where p is not small); or all words of the "window",
            `context["window_word_ids"]` (N, M), padded with −1.
        shared: one set of noise for the batch, scored by one matrix product; False draws K words per example.

    Raises:
        InputError: K < 1; an unknown `exclude`; unique draws with shared=False. When a head is built, a proposal
            without `log_prob`, such as `Oracle`: likelihoods cannot be corrected without it.

    Cost: as NCE.

    Example:
        >>> import torch
        >>> from vastmax import objective, output, proposal
        >>> layer, hidden, target = output.Dense(4, 50), torch.ones(2, 4), torch.tensor([7, 7])
        >>> negatives = objective.NegativeSampling(proposal.Unigram(range(1, 51), 0.75), num_samples=5)
        >>> negatives(layer, hidden, target).shape
        torch.Size([2])
    """

    sampled = True
    corrects_scores = True
    per_example = frozenset({WINDOW})
    proposal: Proposal

    def __init__(self, proposal: Proposal, num_samples: int, *, exclude: Exclude = "none", shared: bool = True) -> None:
        super().__init__()
        if exclude not in get_args(Exclude):
            raise InputError(f"exclude is {exclude!r}; expected 'none', 'target' or 'window'")
        if not shared and proposal.unique:
            raise InputError("unique draws are shared by the batch: use shared=True, or a proposal with unique=False")
        self.proposal = proposal
        self.num_samples = checked_num_samples(num_samples)
        self.exclude = exclude
        self.shared = shared

    def extra_repr(self) -> str:
        """Options."""
        return f"num_samples={self.num_samples}, exclude={self.exclude!r}, shared={self.shared}"

    @property
    def needs(self) -> frozenset[str]:
        """See `Objective.needs`."""
        return self.proposal.needs | ({WINDOW} if self.exclude == "window" else set())

    def check(self, output: Output) -> None:
        """See `Objective.check`."""
        super().check(output)
        if not self.proposal.has_log_prob:
            raise InputError(
                f"NegativeSampling corrects likelihoods by log Q, which {type(self.proposal).__name__} has only within "
                "a step: use NCE or SampledSoftmax, or a proposal with a fixed distribution, such as Unigram"
            )

    def score_correction(self, word_ids: Tensor) -> Tensor:
        """Return log Q up to a constant; for unique draws, the log of the inclusion probability."""
        return self.proposal.log_expected_count(word_ids, self.num_samples)

    def initial_bias(self, vocab_size: int, log_unigram: Tensor | None = None) -> float | Tensor:
        """Return log p/(K·Q) for the unigram distribution p, to which training drives the scores, or −log K for p = Q.

        See `Objective.initial_bias`.
        """
        if log_unigram is None:
            return -math.log(self.num_samples)
        return log_unigram - self.score_correction(torch.arange(vocab_size, device=log_unigram.device))

    @property
    def traces(self) -> bool:
        """See `Objective.traces`."""
        return self.shared and self.exclude != "window" and traces_draws(self.proposal)

    def forward(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> Tensor:
        """Return losses (N,); see `Objective.forward`."""
        noise = self.proposal.draw(target, self.num_samples, shared=self.shared, context=context, generator=generator)
        if is_traced(hidden):
            masks = self.exclude == "target"
            noise_score, target_score = traced_noise(noise, output, hidden, target, mask_target=masks)
            return softplus(-target_score) + softplus(noise_score).sum(dim=1)
        if self.shared and self.exclude != "window":
            step = NoiseStep(
                "logistic", noise.word_ids, multiplicity=noise.multiplicity, mask_target=self.exclude == "target"
            )
            fused = fused_loss(output, hidden, target, step)
            if fused is not None:
                return fused
        scores = score_noise(noise, output, hidden, target)
        excluded = None
        if self.exclude == "target":
            excluded = target
        elif self.exclude == "window":
            assert context is not None  # checked by the head
            excluded = context[WINDOW]
        return binary_loss(
            scores.target_score,
            scores.noise_score,
            multiplicity=scores.multiplicity,
            hit=None if excluded is None else scores.hits(excluded),
        )
