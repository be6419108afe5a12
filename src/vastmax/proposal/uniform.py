"""The uniform proposal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vastmax.proposal.fixed import FixedProposal
from vastmax.tensors.random import Rng


class Uniform(FixedProposal):
    """Q(w) = 1/V.

    The weakest proposal: frequent words, which contribute most of log Z, are rarely drawn. It needs no counts.

    Args:
        vocab_size: V ≥ 1.
        unique: draw each word at most once.

    Example:
        >>> import torch
        >>> noise = Uniform(1000, unique=True).draw(torch.tensor([1, 2]), num_samples=5)
        >>> noise.word_ids.shape, noise.target_log_expected_count.exp()
        (torch.Size([5]), tensor([0.0050, 0.0050]))
    """

    def draw_ids(self, num: int, *, device: torch.device, generator: Rng) -> Tensor:
        """See `FixedProposal.draw_ids`."""
        drawn_on = device if generator is None else generator.device
        return torch.randint(self.vocab_size, (num,), generator=generator, device=drawn_on).to(device)

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """Return −log V."""
        return torch.full(word_ids.shape, -math.log(self.vocab_size), device=word_ids.device)
