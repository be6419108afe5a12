"""The exact objective: maximum likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.objective.base import Objective
from vastmax.output.base import Output
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

    is_exact = True
    requires_flat = False

    def forward(
        self,
        output: Output,
        hidden: Tensor,
        target: Tensor,
        *,
        context: Context | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Losses (N,); see `Objective.forward`."""
        return self.exact_loss(output, hidden, target)
