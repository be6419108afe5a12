"""The optimizers that move the parameters of an encoder with a head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

from vastmax.optim import RowAdagrad
from vastmax.tensors.row_sparse import RowSparse


class Rates(Protocol):
    """The part of some settings that optimizers are made of."""

    @property
    def embedding_lr(self) -> float:
        """Learning rate of tables."""

    @property
    def dense_lr(self) -> float:
        """Learning rate of all else."""

    @property
    def weight_decay(self) -> float:
        """Weight decay of all other parameters."""


Optimizers = list[tuple[torch.optim.Optimizer, float]]
"""Each with its learning rate at the start."""


def set_rates(optimizers: Optimizers, share: float) -> None:
    """Give each optimizer this share of its learning rate."""
    for optimizer, rate in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * share


def load_states(optimizers: Optimizers, states: Sequence[dict[str, Any]]) -> None:
    """Load the states that a checkpoint holds, in the same order."""
    for (optimizer, _), state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict(state)


def optimizers_for(model: nn.Module, settings: Rates, *, steady_trees: bool = False) -> Optimizers:
    """Return the optimizers, each with its learning rate: row-wise Adagrad for tables, AdamW for all else.

    A table is what an embedding or an output layer with one row per word holds itself, whether the objective gives it
    sparse gradients or dense ones: so every method is trained by the same rule.

    Args:
        model: whose parameters they move.
        settings: the rates.
        steady_trees: the rows of layers that ask for prior visits, those of trees, begin with them; see `RowAdagrad`.
    """
    table_ids = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding | RowSparse)
        for parameter in module.parameters(recurse=False)
    }
    visits = {
        id(parameter): module.prior_visits
        for module in model.modules()
        if steady_trees and isinstance(module, RowSparse)
        for parameter in module.parameters(recurse=False)
    }
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    tables = [parameter for parameter in trainable if id(parameter) in table_ids]
    others = [parameter for parameter in trainable if id(parameter) not in table_ids]
    optimizers: Optimizers = []
    if tables:
        groups = [
            {"params": [p for p in tables if visits.get(id(p), 0.0) == number], "prior_visits": number}
            for number in sorted({visits.get(id(p), 0.0) for p in tables})
        ]
        optimizers.append((RowAdagrad(groups, lr=settings.embedding_lr), settings.embedding_lr))
    if others:
        adam = torch.optim.AdamW(others, lr=settings.dense_lr, weight_decay=settings.weight_decay)
        optimizers.append((adam, settings.dense_lr))
    return optimizers
