"""Exact training of a layer that later needs no normalizer."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.objective.base import Objective
from vastmax.output.base import FlatOutput, Output
from vastmax.proposal.base import Context
from vastmax.tensors.random import Rng

Penalty = Literal["likelihood", "squared", "log"]


class SelfNormalised(Objective):
    """Cross-entropy that keeps log Z near 0, so at test time the score alone approximates log p.

    log Z is computed for a random share γ = `fraction` of the examples (at least one), with weight 1/γ.

    - `penalty="likelihood"`: J = −s(t) + (1/γ)·1[chosen]·(log Z + α·(log Z)²) (Devlin et al. 2014 with γ = 1; today
      called z-loss). Its optimum is at log Z = 0.
    - `penalty="squared"`: J = −s(t) + (α/γ)·1[chosen]·(log Z)² (Andreas & Klein 2015). Its optimum is at log Z =
      1/(2α), so log p ≈ s − 1/(2α).
    - `penalty="log"`: J = −s(t) + (1/γ)·1[chosen]·log Z (Chen et al. 2015, weak normalization).

    If γ·N is not an integer, γ is the share actually chosen, so the loss is unbiased.

    Args:
        alpha: α > 0, the weight of the penalty; unused by "log".
        fraction: 0 < γ ≤ 1.
        penalty: see above.

    Raises:
        InputError: values out of these ranges.

    Cost: cross-entropy over γ·N examples; the (V, D) gradient is dense.

    Example:
        >>> import torch
        >>> from vastmax import objective, output
        >>> layer, hidden, target = output.Dense(4, 50), torch.ones(2, 4), torch.tensor([7, 7])
        >>> score, log_z = layer.exact(hidden, target)
        >>> devlin = -score + log_z + 0.1 * log_z**2
        >>> torch.allclose(objective.SelfNormalised(0.1)(layer, hidden, target), devlin)
        True
    """

    def __init__(self, alpha: float = 0.1, fraction: float = 1.0, *, penalty: Penalty = "likelihood") -> None:
        super().__init__()
        if not (alpha > 0 and math.isfinite(alpha)):
            raise InputError(f"alpha is {alpha}; expected a finite number above 0, such as 0.1")
        if not 0 < fraction <= 1:
            raise InputError(f"fraction is {fraction}; expected above 0 and at most 1: some examples need log Z")
        if penalty not in get_args(Penalty):
            raise InputError(f"penalty is {penalty!r}; expected 'likelihood', 'squared' or 'log'")
        self.alpha = alpha
        self.fraction = fraction
        self.penalty = penalty
        # At the optimum, the score equals log p up to a constant for "squared", and up to a function of h for "log".
        self.self_normalising = penalty == "likelihood"

    def extra_repr(self) -> str:
        """Options."""
        return f"alpha={self.alpha}, fraction={self.fraction}, penalty={self.penalty!r}"

    def initial_bias(self, vocab_size: int, log_unigram: Tensor | None = None) -> float | Tensor:
        """Return log unigram or −log V, so Z ≈ 1 at step 0; see `Objective.initial_bias`."""
        return -math.log(vocab_size) if log_unigram is None else log_unigram

    def forward(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> Tensor:
        """Return losses (N,); see `Objective.forward`. Only their mean is meaningful: a few examples carry log Z."""
        assert isinstance(output, FlatOutput)  # see Objective.check
        num_examples = hidden.shape[0]
        num_chosen = max(1, round(self.fraction * num_examples))
        if num_chosen >= num_examples:
            target_score, log_normaliser = output.exact(hidden, target)
            return self._of_normaliser(log_normaliser) - target_score
        device = hidden.device if generator is None else generator.device
        chosen = torch.randperm(num_examples, generator=generator, device=device)[:num_chosen].to(hidden.device)
        target_score, log_normaliser = output.exact(hidden, target, normaliser_rows=chosen)
        paid = self._of_normaliser(log_normaliser) * (num_examples / num_chosen)
        return (-target_score).index_add(0, chosen, paid)

    def _of_normaliser(self, log_normaliser: Tensor) -> Tensor:
        if self.penalty == "log":
            return log_normaliser
        squared = self.alpha * log_normaliser.square()
        return squared if self.penalty == "squared" else log_normaliser + squared
