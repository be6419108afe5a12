"""Which optimiser moves which parameter of an encoder with a head."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn

from vastmax.optim import RowAdagrad
from vastmax.tensors.row_sparse import RowSparse


class Rates(Protocol):
    """The part of some settings that optimisers are made by."""

    @property
    def table_rate(self) -> float:
        """Learning rate of tables."""

    @property
    def dense_rate(self) -> float:
        """Learning rate of all else."""

    @property
    def weight_decay(self) -> float:
        """Of all else."""


def optimizers_for(model: nn.Module, settings: Rates) -> list[tuple[torch.optim.Optimizer, float]]:
    """(optimiser, its learning rate): row-wise Adagrad for tables, AdamW for all else.

    A table is what an embedding or an output layer with a row a word holds itself, whether the objective gives it
    sparse gradients or dense ones: so every method is trained by the same rule.
    """
    table_ids = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding | RowSparse)
        for parameter in module.parameters(recurse=False)
    }
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    tables = [parameter for parameter in trainable if id(parameter) in table_ids]
    others = [parameter for parameter in trainable if id(parameter) not in table_ids]
    optimizers: list[tuple[torch.optim.Optimizer, float]] = []
    if tables:
        optimizers.append((RowAdagrad(tables, lr=settings.table_rate), settings.table_rate))
    if others:
        adam = torch.optim.AdamW(others, lr=settings.dense_rate, weight_decay=settings.weight_decay)
        optimizers.append((adam, settings.dense_rate))
    return optimizers
