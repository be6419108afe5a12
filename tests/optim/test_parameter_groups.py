"""parameter_groups: every trainable parameter once, with the optimiser that can take its gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vastmax.errors import InputError
from vastmax.optim import RowAdagrad, clip_grad_norm_, parameter_groups


class SparseOutput(nn.Embedding):
    """A stand-in for an output layer: a row-sparse table, and a dense child."""

    def __init__(self, weight: nn.Parameter, sparse_gradients: bool = True) -> None:
        nn.Module.__init__(self)
        self.weight, self.sparse = weight, sparse_gradients
        self.projection = nn.Linear(2, 2, bias=False)


def names(parameters: list[nn.Parameter], model: nn.Module) -> list[str]:
    known = {id(p): name for name, p in model.named_parameters()}
    return [known[id(p)] for p in parameters]


def test_splits_by_what_the_modules_say() -> None:
    model = nn.ModuleDict(
        {
            "sparse": nn.Embedding(5, 2, sparse=True),
            "bag": nn.EmbeddingBag(5, 2, sparse=True, mode="sum"),
            "dense": nn.Embedding(5, 2),
            "out": SparseOutput(nn.Parameter(torch.zeros(5, 2))),
            "dense_out": SparseOutput(nn.Parameter(torch.zeros(5, 2)), sparse_gradients=False),
        }
    )
    groups = parameter_groups(model)
    assert names(groups.row_sparse, model) == ["sparse.weight", "bag.weight", "out.weight"]
    assert names(groups.dense, model) == [
        "dense.weight",
        "out.projection.weight",
        "dense_out.weight",
        "dense_out.projection.weight",
    ]


@pytest.mark.parametrize("sparse_first", [True, False])
def test_a_tied_weight_is_listed_once_and_is_row_sparse(sparse_first: bool) -> None:
    embedding = nn.Embedding(5, 2, sparse=sparse_first)
    model = nn.ModuleList([embedding, SparseOutput(embedding.weight, sparse_gradients=not sparse_first)])
    groups = parameter_groups(model)
    assert [id(p) for p in groups.row_sparse] == [id(embedding.weight)]
    assert len(groups.dense) == 1


def test_frozen_parameters_are_left_out() -> None:
    model = nn.ModuleList([nn.Embedding(5, 2, sparse=True), nn.Linear(2, 2)])
    for p in model.parameters():
        p.requires_grad_(False)
    assert parameter_groups(model) == ([], [])


def test_the_two_optimisers_train_a_tied_model_together() -> None:
    torch.manual_seed(0)
    embedding, linear = nn.Embedding(6, 4, sparse=True), nn.Linear(4, 4)
    model = nn.ModuleList([embedding, linear])
    groups = parameter_groups(model)
    optimizers = [torch.optim.AdamW(groups.dense, lr=0.05), RowAdagrad(groups.row_sparse, lr=0.3)]
    losses = []
    for _ in range(60):
        hidden = linear(embedding(torch.arange(6)))
        # The dense product with the same table makes the sum of its gradients dense.
        loss = nn.functional.cross_entropy(hidden @ embedding.weight.T, torch.arange(6).roll(1))
        losses.append(loss.item())
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert losses[-1] < 0.1 * losses[0]


def test_what_is_not_a_module_is_refused() -> None:
    with pytest.raises(InputError, match=r"got a list; pass the torch.nn.Module"):
        parameter_groups([nn.Parameter(torch.zeros(1))])  # type: ignore[arg-type]
