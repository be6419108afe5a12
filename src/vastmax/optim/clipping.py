"""Gradient clipping by the total norm, for dense and row-sparse gradients together."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor

from vastmax.errors import InputError
from vastmax.optim.rows import coalesce_rows
from vastmax.tensors.numbers import at_least_float32
from vastmax.tensors.plain_memory import is_sharded
from vastmax.tensors.shard import own_rows, reduce_over_shards


@torch.no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    *,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients in place so that their joint norm is at most ``max_norm``; return the norm before.

    Equals ``torch.nn.utils.clip_grad_norm_`` on dense gradients. A row-sparse gradient is not made dense: its repeated
    rows are summed, and the sum replaces it, so the optimizer need not sum again. The norm of a
    sharded gradient is that of all its rows, in every process.

    Args:
        parameters: a parameter or an iterable of them; those without a gradient are skipped.
        max_norm: the maximum norm, >= 0; infinity measures without clipping.
        norm_type: p of the p-norm, > 0; infinity for the largest absolute entry.
        error_if_nonfinite: raise if the norm is NaN or infinite, before anything is scaled.

    Returns:
        The joint norm, a scalar tensor of float32 or better, on the device of the first gradient.

    Raises:
        InputError: ``max_norm`` or ``norm_type`` out of range, or a sparse gradient not sparse over rows.
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is set.

    Cost: O(entries of the gradients).

    Example:
        >>> import torch
        >>> embedding = torch.nn.Embedding(1000, 4, sparse=True)
        >>> embedding(torch.tensor([5, 5])).sum().backward()  # the gradient of row 5 is (2, 2, 2, 2)
        >>> clip_grad_norm_(embedding.parameters(), max_norm=1.0)
        tensor(4.)
        >>> embedding.weight.grad.coalesce().values().norm()
        tensor(1.0000)
    """
    if math.isnan(max_norm) or max_norm < 0:
        raise InputError(f"max_norm is {max_norm!r}; it must be at least 0: pass infinity to measure without clipping")
    if math.isnan(norm_type) or norm_type <= 0:
        raise InputError(f"norm_type is {norm_type!r}; it must be above 0: pass 2.0 for the Euclidean norm")
    entries: list[Tensor] = []
    sharded: list[tuple[int, Tensor]] = []
    for parameter in [parameters] if isinstance(parameters, Tensor) else parameters:
        if parameter.grad is None:
            continue
        if is_sharded(parameter):
            sharded.append((len(entries), parameter))
        if parameter.grad.layout != torch.strided:
            parameter.grad = coalesce_rows(parameter.grad)
            entries.append(parameter.grad.values())
        else:
            entries.append(own_rows(parameter.grad))
    if not entries:
        return torch.tensor(0.0)
    device = entries[0].device
    norms = [torch.linalg.vector_norm(e, norm_type, dtype=at_least_float32(e.dtype)).to(device) for e in entries]
    for position, parameter in sharded:
        norms[position] = _norm_of_all_rows(norms[position], norm_type, parameter)
    total: Tensor = torch.linalg.vector_norm(torch.stack(norms), norm_type)
    if error_if_nonfinite and not bool(torch.isfinite(total)):
        raise RuntimeError(f"the norm of the gradients is {total.item()}: skip this step, or find the cause")
    if max_norm < math.inf:
        # The constant prevents a division by zero, as in torch.
        scale = (max_norm / (total + 1e-6)).clamp(max=1.0)
        for e in entries:
            e.mul_(scale.to(e.device, e.dtype))
    return total


def _norm_of_all_rows(norm: Tensor, norm_type: float, parameter: Tensor) -> Tensor:
    """Return the norm of a sharded gradient from that of this process's rows."""
    if norm_type == math.inf:
        reduce_over_shards(norm, parameter, dist.ReduceOp.MAX)
        return norm
    power = norm**norm_type
    reduce_over_shards(power, parameter, dist.ReduceOp.SUM)
    root: Tensor = power ** (1 / norm_type)
    return root
