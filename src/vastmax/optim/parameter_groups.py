"""Which parameters of a model get row-sparse gradients, and so want a row optimiser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

from vastmax.errors import InputError


class ParameterGroups(NamedTuple):
    """The trainable parameters of a model, each exactly once."""

    dense: list[nn.Parameter]
    row_sparse: list[nn.Parameter]


@runtime_checkable
class HasRowSparseParameters(Protocol):
    """A module that says which of its own parameters get row-sparse gradients."""

    def row_sparse_parameters(self) -> Iterable[nn.Parameter]:
        """Those parameters; nothing when the module was built with dense gradients."""
        ...


def parameter_groups(model: nn.Module) -> ParameterGroups:
    """Split the trainable parameters of ``model`` into dense ones, for AdamW, and row-sparse ones, for a row optimiser.

    Row-sparse are the tables of ``nn.Embedding`` and ``nn.EmbeddingBag`` with ``sparse=True``, and what a module of
    its own names in ``row_sparse_parameters()``, as the output layers here do when ``sparse_gradients`` is on.
    A parameter that several modules share (tied weights) is listed once, and is row-sparse if any of them makes it so:
    the row optimisers take dense gradients too, AdamW does not take sparse ones. Frozen parameters are in neither list.

    Args:
        model: the whole model, or a head.

    Returns:
        ``(dense, row_sparse)``, each in the order of ``model.parameters()``. Either may be empty; torch optimisers
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
        raise InputError(
            f"parameter_groups got a {type(model).__name__}; pass the torch.nn.Module that holds the parameters"
        )
    row_sparse_ids = {id(p) for module in model.modules() for p in _own_row_sparse_parameters(module)}
    trainable = [p for p in model.parameters() if p.requires_grad]
    return ParameterGroups(
        dense=[p for p in trainable if id(p) not in row_sparse_ids],
        row_sparse=[p for p in trainable if id(p) in row_sparse_ids],
    )


def _own_row_sparse_parameters(module: nn.Module) -> Iterator[Tensor]:
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        if module.sparse:
            yield module.weight
    elif isinstance(module, HasRowSparseParameters):
        yield from module.row_sparse_parameters()
