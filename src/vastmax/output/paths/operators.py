"""Kernels of trees as operators, which a compiled or exported graph calls as a whole: float32 on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vastmax.kernels.hierarchical import TreeArrays
from vastmax.output.paths.native import PathLogProb, native_best_first
from vastmax.tensors.tracing import Passes, check_ids, empty_gradients, gradients_or_empty, wanted_only


def traced_log_prob(arrays: TreeArrays, hidden: Tensor, weight: Tensor, bias: Tensor, leaf: Tensor) -> Tensor:
    """Return what `native_log_prob` does, in a graph and with dense gradients.

    The backward pass runs the forward pass once more.
    """
    log_prob: Tensor = _log_prob(hidden, weight, bias, leaf, *_parts(arrays))
    return log_prob


def traced_best_first(
    arrays: TreeArrays, hidden: Tensor, weight: Tensor, bias: Tensor, k: int
) -> tuple[Tensor, Tensor]:
    """Return the k best leaves (log_prob (N, k), leaf (N, k)) as `native_best_first` does, in a graph."""
    found: tuple[Tensor, Tensor] = _best_first(hidden, weight, bias, *_parts(arrays), k)
    return found


def _parts(arrays: TreeArrays) -> tuple[Any, ...]:
    return (
        arrays.path_offsets,
        arrays.path_edges,
        arrays.edge_nodes,
        arrays.child_offsets,
        arrays.children,
        arrays.level_offsets,
        arrays.binary,
    )


@torch.library.custom_op("vastmax::path_log_prob", mutates_args=())
def _log_prob(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    leaf: Tensor,
    path_offsets: Tensor,
    path_edges: Tensor,
    edge_nodes: Tensor,
    child_offsets: Tensor,
    children: Tensor,
    level_offsets: Tensor,
    binary: bool,
) -> Tensor:
    check_ids(leaf, len(path_offsets) - 1)
    arrays = TreeArrays(path_offsets, path_edges, edge_nodes, child_offsets, children, level_offsets, binary)
    with torch.no_grad():
        return PathLogProb.forward(Passes(), hidden, weight, bias, leaf, arrays, (False,) * 3, False)


@torch.library.custom_op("vastmax::path_log_prob_backward", mutates_args=())
def _log_prob_backward(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    leaf: Tensor,
    path_offsets: Tensor,
    path_edges: Tensor,
    edge_nodes: Tensor,
    child_offsets: Tensor,
    children: Tensor,
    level_offsets: Tensor,
    upstream: Tensor,
    binary: bool,
    wanted: list[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    arrays = TreeArrays(path_offsets, path_edges, edge_nodes, child_offsets, children, level_offsets, binary)
    passes = Passes()
    with torch.no_grad():
        wants = wanted[0], wanted[1], wanted[2]
        PathLogProb.forward(passes, hidden, weight, bias, leaf, arrays, wants, False)
        return gradients_or_empty(PathLogProb.backward(passes, upstream), hidden)


@torch.library.custom_op("vastmax::best_first", mutates_args=())
def _best_first(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    path_offsets: Tensor,
    path_edges: Tensor,
    edge_nodes: Tensor,
    child_offsets: Tensor,
    children: Tensor,
    level_offsets: Tensor,
    binary: bool,
    k: int,
) -> tuple[Tensor, Tensor]:
    arrays = TreeArrays(path_offsets, path_edges, edge_nodes, child_offsets, children, level_offsets, binary)
    return native_best_first(arrays, hidden, weight, bias, k)[:2]


@_log_prob.register_fake
def _(hidden: Tensor, *_: Any) -> Tensor:
    return hidden.new_empty(hidden.shape[:1])


@_log_prob_backward.register_fake
def _(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    return empty_gradients(*inputs[:3], wanted=inputs[-1])


@_best_first.register_fake
def _(hidden: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    shape = (hidden.shape[0], rest[-1])
    return hidden.new_empty(shape), hidden.new_empty(shape, dtype=torch.int64)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.binary = inputs
    ctx.save_for_backward(*tensors)


def _gradients(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
    wanted = list(ctx.needs_input_grad[:3])
    found = _log_prob_backward(*ctx.saved_tensors, upstream, ctx.binary, wanted)
    return *wanted_only(found, wanted), *[None] * 8


_log_prob.register_autograd(_gradients, setup_context=_keep)
