"""Run by test_plain_memory.py: every recipe with its parameters as DTensors, in a group of one process."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import distribute_tensor

from contract import D, HeadContract, V
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import RECIPES, Method

MAKE = HeadContract()
N = 33


def refused(name: str, call: Callable[[], object]) -> None:
    try:
        with pytest.raises(InputError, match=r"is sharded \(DTensor\).*register_forward_methods"):
            call()
    except BaseException as error:
        error.add_note(name)
        raise


def calls(head: Head, recipe: Method, hidden: torch.Tensor, target: torch.Tensor) -> dict[str, Callable[[], object]]:
    context = MAKE.context(recipe, (N,), "cpu")
    return {
        "loss": lambda: head.train()(hidden, target, context=context),
        "eval loss": lambda: head.eval()(hidden, target),
        "log_prob": lambda: head.log_prob(hidden),
        "log_prob of targets": lambda: head.log_prob(hidden, target),
        "topk": lambda: head.topk(hidden, 3),
        "sample": lambda: head.sample(hidden),
        "diagnose": lambda: head.diagnose(hidden, target, context=context),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=0, world_size=1)
        mesh = init_device_mesh("cpu", (1,))
        hidden, target = torch.randn(N, D), torch.randint(V, (N,))
        for recipe in RECIPES.values():
            head = MAKE.build(recipe, "cpu", dtype=torch.float32)
            for name, call in calls(head, recipe, distribute_tensor(hidden, mesh), target).items():
                refused(f"{recipe.name} {name}, hidden", call)
            for module in head.output.modules():
                for name, parameter in module._parameters.items():
                    if parameter is not None:
                        module._parameters[name] = nn.Parameter(distribute_tensor(parameter.detach(), mesh))
            for name, call in calls(head, recipe, hidden, target).items():
                refused(f"{recipe.name} {name}", call)
        whole = MAKE.build(RECIPES["adaptive"], "cpu", dtype=torch.float32)
        expected = whole.log_prob(hidden, target)
        sharded = fully_shard(whole, mesh=mesh)
        torch.testing.assert_close(-sharded.eval()(hidden, target, reduction="none"), expected)
        sharded.reshard()
        refused("topk of a resharded head", lambda: sharded.topk(hidden, 3))
        sharded.unshard()
        assert sharded.topk(hidden, 3)[1].shape == (N, 3)
        print(f"{len(RECIPES)} recipes")
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
