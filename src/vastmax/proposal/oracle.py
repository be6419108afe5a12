"""Noise from the model itself, which every other proposal approximates."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.proposal.base import Context, Noise, Proposal
from vastmax.tensors.random import Rng

HIDDEN = "hidden"


class _Layer(Protocol):
    vocab_size: int

    def log_prob(self, hidden: Tensor) -> Tensor: ...


class Oracle(Proposal):
    """Q = p(· | h), the distribution of the layer that is trained: for tests and studies, as it costs what it saves.

    If noise is drawn for each example, all importance weights are equal: the estimate of log Z is exact and the
    gradient is unbiased. If it is shared by the batch, Q̄ is the mean of p over the examples.

    Args:
        layer: the output layer; its parameters do not become parameters of the proposal.

    Raises:
        InputError: in a step, `context["hidden"]` is not the (N, D) hidden vectors of the step. They arrive unfiltered,
            so no target may be ignored.

    Cost: O(N·V·D) per step.

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
        self._layer = (layer,)  # the tuple hides its parameters from nn.Module

    @torch.no_grad()
    def draw(
        self, target: Tensor, num_samples: int, *, shared: bool = True, context: Context = None, generator: Rng = None
    ) -> Noise:
        """See `Proposal.draw`."""
        assert context is not None  # checked by the head
        hidden = context[HIDDEN]
        if not isinstance(hidden, Tensor) or hidden.ndim != 2 or hidden.shape[0] != target.shape[0]:
            raise InputError(
                'context["hidden"] is not the (N, D) hidden vectors of the step; targets may be neither ignored nor '
                "several per example"
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
