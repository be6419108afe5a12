"""Log-probabilities of leaves by native kernels: one pass for the value and the derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vastmax.eager import eager
from vastmax.kernels.hierarchical import TreeArrays
from vastmax.tensors.first_derivative import first_derivative_only
from vastmax.tensors.row_sparse import gradient_of_rows, wanted_gradients


def empty_in_large_pages(rows: int, width: int) -> Tensor:
    """Return `torch.empty(rows, width)`, float32 on the CPU, in large pages if the system has them.

    numpy requests them from 4 MiB on, torch does not. With large pages (Linux's default), page faults cost a fraction,
    and scattered reads from a gigabyte miss the TLB less often.
    """
    return torch.from_numpy(np.empty((rows, width), dtype=np.float32))


class PathLogProb(torch.autograd.Function):
    """Compute log p of leaves; forward keeps its derivatives by hidden and by the scores, backward scatters them."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        leaf: Tensor,
        arrays: TreeArrays,
        wants: tuple[bool, bool, bool],
        sparse_gradients: bool,
    ) -> Tensor:
        """See `native_log_prob`; `wants`: whether hidden, weight and bias get a gradient."""
        N = hidden.shape[0]
        hidden, leaf = hidden.contiguous(), leaf.contiguous()
        wants_rows = wants[1] or wants[2]
        plan = arrays.plan(leaf, grouped=wants_rows)
        log_prob = hidden.new_empty(N)
        hidden_slope = torch.empty_like(hidden) if wants[0] else None
        # A tree that is not binary needs this memory anyway.
        slope = hidden.new_empty(plan.num_slopes) if wants_rows or not arrays.binary else None
        arrays.forward(
            plan,
            leaf,
            hidden,
            weight.contiguous(),
            bias.contiguous(),
            log_prob=log_prob,
            slope=slope,
            hidden_slope=hidden_slope,
            threads=torch.get_num_threads(),
        )
        log_prob.add_(hidden.sum(dim=1), alpha=0)  # `undefined_rows` in two short calls, as this step is cheap
        ctx.save_for_backward(hidden, hidden_slope, slope if wants_rows else None)
        ctx.plan, ctx.arrays, ctx.wants, ctx.sparse_gradients = plan, arrays, wants, sparse_gradients
        ctx.weight_shape = weight.shape
        return log_prob

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of hidden, weight and bias."""
        hidden, hidden_slope, slope = ctx.saved_tensors
        if slope is None:
            return hidden_slope * upstream[:, None] if ctx.wants[0] else None, *[None] * 6
        row = torch.from_numpy(ctx.plan.rows.copy())
        weight_rows = empty_in_large_pages(row.shape[0], hidden.shape[1])
        bias_rows = hidden.new_empty(row.shape[0])
        to_hidden = torch.empty_like(hidden) if ctx.wants[0] else None
        ctx.arrays.backward(
            ctx.plan,
            hidden,
            slope=slope,
            upstream=upstream.contiguous(),
            hidden_slope=hidden_slope,
            hidden_gradient=to_hidden,
            weight_gradient=weight_rows,
            bias_gradient=bias_rows,
            threads=torch.get_num_threads(),
        )
        to_weight = gradient_of_rows(row, weight_rows, ctx.weight_shape, ctx.sparse_gradients) if ctx.wants[1] else None
        to_bias = gradient_of_rows(row, bias_rows, ctx.weight_shape[:1], ctx.sparse_gradients) if ctx.wants[2] else None
        return to_hidden, to_weight, to_bias, None, None, None, None


@eager  # the kernel takes memory, which a traced tensor does not have
def native_log_prob(
    arrays: TreeArrays,
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    leaf: Tensor,
    *,
    sparse_gradients: bool,
) -> Tensor:
    """Return log p(leaf | hidden), (N,), differentiable, for float32 on the CPU: the sum of `decision_log_prob`.

    Args:
        arrays: the tree.
        hidden: (N, D).
        weight: (rows, D).
        bias: (rows,) or None.
        leaf: (N,) int64.
        sparse_gradients: whether weight and bias get sparse gradients for the rows on the paths.

    Raises:
        InputError: sparse gradients for a weight that is not a leaf of the graph (sharded or parametrised).
    """
    wants = wanted_gradients(hidden, weight, bias, sparse=sparse_gradients)
    if bias is None:
        bias = weight.new_zeros(weight.shape[0])
    log_prob: Tensor = PathLogProb.apply(hidden, weight, bias, leaf, arrays, wants, sparse_gradients)  # type: ignore[no-untyped-call]
    return log_prob


@eager
def native_best_first(
    arrays: TreeArrays, hidden: Tensor, weight: Tensor, bias: Tensor, k: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (log_prob (N, k), leaf (N, k), expanded nodes (N,)): the k best leaves, best first, ties by id."""
    N = hidden.shape[0]
    log_prob = hidden.new_empty(N, k)
    leaf = torch.empty(N, k, dtype=torch.int64)
    num_expanded = torch.empty(N, dtype=torch.int64)
    arrays.best_first(
        hidden.detach().contiguous(),
        weight.detach().contiguous(),
        bias.detach().contiguous(),
        log_prob=log_prob,
        leaves=leaf,
        num_expanded=num_expanded,
        threads=torch.get_num_threads(),
    )
    return log_prob, leaf, num_expanded
