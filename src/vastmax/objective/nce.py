"""Noise-contrastive estimation."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from vastmax.errors import InputError
from vastmax.objective.base import Objective
from vastmax.objective.noise_scores import checked_num_samples, fused_loss, score_noise, traced_noise, traces_draws
from vastmax.objective.noise_sums import binary_loss
from vastmax.output.base import NoiseStep, Output
from vastmax.proposal.base import Context, Proposal
from vastmax.tensors.random import Rng
from vastmax.tensors.tracing import is_traced

LearnedNormaliser = Literal["scalar", "linear"]


class NCE(Objective):
    """Learn a distribution by distinguishing its words from noise.

    Δ(w) = s(w) − c − log(K·Q(w)), J = −log σ(Δ(t)) − Σ_{j ≤ K} log σ(−Δ(w_j)) (Gutmann & Hyvärinen 2010; Mnih & Teh
    2012). As K grows, the gradient tends to −∇s(t) + Σ_w e^{s(w) − c} ∇s(w), that of cross-entropy if c = log Z.
    Noise words that equal the target are kept.

    Args:
        proposal: the source of noise. With unique draws, the expected count of a word replaces K·Q(w).
        num_samples: K ≥ 1.
        log_normaliser: c. A number is constant (with 0 the layer learns to normalize itself, Z ≈ 1); "scalar" learns
            one, "linear" learns a·h + c_0. Learned ones start at 0.
        hidden_size: D, for "linear" only.
        shared: one set of noise for the batch, scored by one matrix product (Zoph et al. 2016); False draws K words
            per example and is much slower.

    Raises:
        InputError: K < 1; an unknown log_normaliser, or "linear" without hidden_size; unique draws with shared=False.

    Cost: as SampledSoftmax if `shared`; otherwise N·K rows are gathered and scored.

    Example:
        >>> from vastmax import Head, objective, output, proposal
        >>> head = Head(output.Dense(4, 50), objective.NCE(proposal.Unigram(range(1, 51)), num_samples=25))
        >>> round(float(head.output.bias[0].detach().exp()), 4)  # 1/V: Z is about 1 from the start
        0.02
    """

    sampled = True
    proposal: Proposal

    def __init__(
        self,
        proposal: Proposal,
        num_samples: int,
        log_normaliser: float | LearnedNormaliser = 0.0,
        *,
        hidden_size: int | None = None,
        shared: bool = True,
    ) -> None:
        super().__init__()
        if not shared and proposal.unique:
            raise InputError("unique draws are shared by the batch: use shared=True, or a proposal with unique=False")
        self.proposal = proposal
        self.num_samples = checked_num_samples(num_samples)
        self.shared = shared
        self.fixed_log_normaliser: float | None = None
        self.log_normaliser: nn.Module | None = None
        if log_normaliser == "scalar":
            self.log_normaliser = _Affine(0)
        elif log_normaliser == "linear":
            if hidden_size is None:
                raise InputError('log_normaliser="linear" needs hidden_size, the size of the hidden vectors')
            self.log_normaliser = _Affine(hidden_size)
        elif isinstance(log_normaliser, str) or not math.isfinite(log_normaliser):
            raise InputError(f"log_normaliser is {log_normaliser!r}; expected a finite number, 'scalar' or 'linear'")
        else:
            self.fixed_log_normaliser = float(log_normaliser)
        self.self_normalising = self.fixed_log_normaliser == 0.0

    def extra_repr(self) -> str:
        """Options."""
        kind = "learned" if self.fixed_log_normaliser is None else self.fixed_log_normaliser
        return f"num_samples={self.num_samples}, log_normaliser={kind}, shared={self.shared}"

    def initial_bias(self, vocab_size: int, log_unigram: Tensor | None = None) -> float | Tensor:
        """Return c + log unigram or c − log V, so Z ≈ e^c at step 0; see `Objective.initial_bias`."""
        return (self.fixed_log_normaliser or 0.0) + (-math.log(vocab_size) if log_unigram is None else log_unigram)

    @property
    def traces(self) -> bool:
        """See `Objective.traces`."""
        return self.shared and traces_draws(self.proposal)

    def forward(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> Tensor:
        """Return losses (N,); see `Objective.forward`."""
        noise = self.proposal.draw(target, self.num_samples, shared=self.shared, context=context, generator=generator)
        constant = self.fixed_log_normaliser or 0.0
        noise_shift = -noise.log_expected_count - constant
        target_shift = -noise.target_log_expected_count - constant
        if is_traced(hidden):
            noise_score, target_score = traced_noise(noise, output, hidden, target, mask_target=False)
            noise_score, target_score = noise_score + noise_shift, target_score + target_shift
            if self.log_normaliser is not None:
                log_normaliser = self.log_normaliser(hidden).to(target_score.dtype)
                target_score, noise_score = target_score - log_normaliser, noise_score - log_normaliser[:, None]
            return softplus(-target_score) + softplus(noise_score).sum(dim=1)
        if self.shared and self.log_normaliser is None:
            step = NoiseStep("logistic", noise.word_ids, noise_shift, target_shift, noise.multiplicity)
            fused = fused_loss(output, hidden, target, step)
            if fused is not None:
                return fused
        scores = score_noise(noise, output, hidden, target, shift=noise_shift)
        target_score, noise_score = scores.target_score + target_shift, scores.noise_score
        if self.log_normaliser is not None:
            log_normaliser = self.log_normaliser(hidden).to(target_score.dtype)
            target_score, noise_score = target_score - log_normaliser, noise_score - log_normaliser[:, None]
        return binary_loss(target_score, noise_score, multiplicity=scores.multiplicity)


class _Affine(nn.Module):
    """a·h + c_0, (N,), initially zero; a constant if the width is 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.empty(width)) if width else None
        self.offset = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for parameter in self.parameters(recurse=False):
            nn.init.zeros_(parameter)

    def forward(self, hidden: Tensor) -> Tensor:
        if self.slope is None:
            return self.offset.expand(hidden.shape[0])
        return hidden.to(self.slope.dtype) @ self.slope + self.offset
