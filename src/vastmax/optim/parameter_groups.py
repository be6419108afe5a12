"""Parameters of a model with row-sparse gradients, which need a row optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from vastmax.errors import InputError
from vastmax.tensors.row_sparse import RowSparse


class ParameterGroups(NamedTuple):
    """The trainable parameters of a model, each exactly once."""

    dense: list[nn.Parameter]
    row_sparse: list[nn.Parameter]


def parameter_groups(model: nn.Module) -> ParameterGroups:
    """Split the trainable parameters of ``model`` into dense ones, for AdamW, and row-sparse ones, for a row optimizer.

    The row-sparse parameters are the direct parameters of modules whose ``sparse`` is true: ``nn.Embedding`` and
    ``nn.EmbeddingBag`` with ``sparse=True``, and our output layers, which set it according to the objective. So build
    the head first. A parameter shared by several modules (tied weights) is listed once, and is row-sparse if any of
    them makes it so: row optimizers accept dense gradients, but AdamW does not accept sparse ones. Frozen parameters
    are in neither list.

    Args:
        model: the whole model, or a head.

    Returns:
        ``(dense, row_sparse)``, each in the order of ``model.parameters()``. Either may be empty; torch optimizers
        refuse an empty list.

    Raises:
        InputError: ``model`` is not a module.

    Cost: one walk over the modules.

    Example:
        >>> import torch
        >>> from vastmax.optim import RowAdagrad
        >>> model = torch.nn.Sequential(torch.nn.Embedding(1000, 8, sparse=True), torch.nn.Linear(8, 8))
        >>> groups = parameter_groups(model)
        >>> [tuple(p.shape) for p in groups.row_sparse], [tuple(p.shape) for p in groups.dense]
        ([(1000, 8)], [(8, 8), (8,)])
        >>> optimizers = [torch.optim.AdamW(groups.dense), RowAdagrad(groups.row_sparse)]
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"parameter_groups got a {type(model).__name__}; pass the torch.nn.Module with the parameters")
    row_sparse_ids = {id(p) for module in model.modules() for p in _own_row_sparse_parameters(module)}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return ParameterGroups(
        dense=[p for p in trainable if id(p) not in row_sparse_ids],
        row_sparse=[p for p in trainable if id(p) in row_sparse_ids],
    )


def _own_row_sparse_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    if isinstance(module, nn.Embedding | nn.EmbeddingBag | RowSparse) and module.sparse:
        yield from module.parameters(recurse=False)
