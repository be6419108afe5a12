"""Every recipe after `fully_shard`, on two ranks."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from ranks import Ranks
from torch import Tensor
from torch.distributed.fsdp import fully_shard

from contract import D, HeadContract, V
from vastmax.distributed import register_forward_methods
from vastmax.distributed.forward_methods import FORWARD_METHODS
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import RECIPES
from vastmax.tensors.row_sparse import RowSparse

MAKE = HeadContract()
N = 6


def check_every_recipe_answers_after_fully_shard(ranks: Ranks) -> None:
    mesh = ranks.mesh(2)
    if mesh is None:
        return
    for recipe in RECIPES.values():
        torch.manual_seed(3)
        head = MAKE.build(recipe, "cpu")
        hidden, target = torch.randn(N, D, dtype=torch.float64), torch.randint(V, (N,))
        context = MAKE.context(recipe, (N,), "cpu")
        tables = [module for module in head.modules() if isinstance(module, RowSparse)]
        if any(table.sparse for table in tables):
            with pytest.raises(InputError, match="sparse_gradients=False"):
                fully_shard(copy.deepcopy(head), mesh=mesh)
            for table in tables:
                table.sparse_gradients = False
        alone = copy.deepcopy(head)
        expected = _answers(alone, hidden, target, context) | _gradients(alone, hidden, target, context)
        fully_shard(head, mesh=mesh)
        head.reshard()
        with pytest.raises(InputError, match=r"is sharded \(DTensor\).*register_forward_methods\(head\)"):
            head.topk(hidden, 3)
        register_forward_methods(head)
        found = _answers(head, hidden, target, context) | _gradients(head, hidden, target, context)
        for name, value in found.items():
            try:
                torch.testing.assert_close(value, expected[name])
            except AssertionError as error:
                error.add_note(f"{recipe.name}: {name}")
                raise


def _answers(head: Head, hidden: Tensor, target: Tensor, context: Any) -> dict[str, Any]:
    head.eval()
    options: dict[str, Any] = {"sample": {"generator": torch.Generator().manual_seed(1)}, "topk": {"k": 3}}
    options["diagnose"] = {"target": target, "context": context, "generator": torch.Generator().manual_seed(1)}
    answers = {name: getattr(head, name)(hidden, **options.get(name, {})) for name in FORWARD_METHODS}
    log_prob, word_ids = answers.pop("topk")
    return {**answers, "topk": log_prob, "topk words": word_ids, "loss": head(hidden, target)}


def _gradients(head: Head, hidden: Tensor, target: Tensor, context: Any) -> dict[str, Tensor]:
    """The gradients of a training step in which all processes have the same examples."""
    head.train()
    head(hidden, target, context=context, generator=torch.Generator().manual_seed(2)).backward()
    found = {}
    for name, parameter in head.named_parameters():
        if parameter.grad is not None:
            found[f"gradient of {name}"] = getattr(parameter.grad, "full_tensor", lambda grad=parameter.grad: grad)()
            parameter.grad = None
    return found
