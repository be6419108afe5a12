"""Noise from the model itself: what every other proposal is an approximation of."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.proposal.base import Context, Noise, Proposal
from vastmax.tensors.random import Random

HIDDEN = "hidden"


class _Layer(Protocol):
    vocab_size: int

    def log_prob(self, hidden: Tensor) -> Tensor: ...


class Oracle(Proposal):
    """Q = p(· | h), the distribution of the layer that is trained: for tests and study, since it costs what it saves.

    With draws for each example all importance weights are equal: the estimate of log Z is exact and the gradient has no
    bias. Shared by the batch, Q̄ is the mean of p over its examples.

    Args:
        layer: the output layer; it is looked at, not owned.

    Raises:
        InputError: in a step, `context["hidden"]` that is not the step's hidden vectors (N, D).

    Cost: O(N·V·D) a step. No target may be ignored: `hidden` comes by the context as it is.

    Example:
        >>> from vastmax import Head, objective, output
        >>> layer = output.Dense(4, 50)
        >>> exact = objective.ImportanceSampling(Oracle(layer), min_ess=1, max_samples=5, shared=False)
        >>> head, hidden, target = Head(layer, exact), torch.ones(2, 4), torch.tensor([7, 7])
        >>> torch.allclose(head(hidden, target, context={"hidden": hidden}), -head.log_prob(hidden, target).mean())
        True
    """

    needs = frozenset({HIDDEN})

    def __init__(self, layer: _Layer) -> None:
        super().__init__()
        self.vocab_size = layer.vocab_size
        self._layer = (layer,)  # in a tuple, so that its parameters are not listed here once more

    @torch.no_grad()
    def draw(
        self,
        target: Tensor,
        num_samples: int,
        *,
        shared: bool = True,
        context: Context = None,
        generator: Random = None,
    ) -> Noise:
        """See `Proposal.draw`."""
        assert context is not None  # the head's door checked it
        hidden = context[HIDDEN]
        if not isinstance(hidden, Tensor) or hidden.ndim != 2 or hidden.shape[0] != target.shape[0]:
            raise InputError(
                'context["hidden"] is not the (N, D) hidden vectors of the step; no target may be ignored, nor may '
                "there be several"
            )
        log_prob = self._layer[0].log_prob(hidden)
        example = torch.arange(target.shape[0], device=target.device)
        if shared:
            log_prob = log_prob.logsumexp(dim=0, keepdim=True) - math.log(max(target.shape[0], 1))
            example = torch.zeros_like(example)
        drawn = torch.multinomial(log_prob.exp(), num_samples, replacement=True, generator=generator)
        log_expected = log_prob + math.log(num_samples)
        of_target = log_expected[example, target]
        if not shared:
            word_ids, position = torch.unique(drawn, return_inverse=True)
            return Noise(word_ids, log_expected.gather(1, drawn), of_target, num_samples, False, position=position)
        word_ids, times = torch.unique(drawn, return_counts=True)
        return Noise(
            word_ids, log_expected[0, word_ids], of_target, num_samples, False, multiplicity=times.to(log_prob.dtype)
        )
