"""The exact objective: maximum likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.objective.base import Objective
from vastmax.output.base import FlatOutput, Output
from vastmax.proposal.base import Context


class CrossEntropy(Objective):
    """Negative log-likelihood, −s(t) + log Z; for factored layers −log p(t).

    Equals `F.cross_entropy(scores, target, reduction="none", …)` without ever allocating the (N, V) scores.

    Cost: a flat layer's O(N·V·D), forward once and backward three times; a factored layer's own.

    Example:
        >>> import torch
        >>> from vastmax.output import Dense
        >>> layer, hidden, target = Dense(4, 50), torch.ones(2, 4), torch.tensor([7, 7])
        >>> torch.allclose(CrossEntropy()(layer, hidden, target), -layer.log_prob(hidden, target))
        True
    """

    requires_flat = False

    def forward(
        self,
        output: Output,
        hidden: Tensor,
        target: Tensor,
        *,
        context: Context | None = None,
        generator: torch.Generator | None = None,
        weight: Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> Tensor:
        """Losses (N,).

        Args:
            output: any layer; a flat one for `weight` and `label_smoothing`.
            hidden: (N, D).
            target: (N,) int64.
            context: not used.
            generator: not used.
            weight: (V,): the loss of a target t is multiplied by weight_t.
            label_smoothing: ε: (1 − ε)·w_t·(−log p(t)) + (ε/V)·Σ_w weight_w·(−log p(w)), as in PyTorch.
        """
        target_score, log_normaliser = output.exact(hidden, target)
        loss = log_normaliser - target_score
        if weight is not None:
            weight = weight.to(loss.dtype)
            loss = loss * weight.index_select(0, target)
        if label_smoothing > 0 and isinstance(output, FlatOutput):
            total = output.vocab_size if weight is None else weight.sum()
            smooth = total * log_normaliser - output.weighted_score(hidden, weight)
            loss = (1 - label_smoothing) * loss + (label_smoothing / output.vocab_size) * smooth
        return loss
