"""Adagrad with one accumulator per row."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from vastmax.optim.row_optimizer import RowOptimizer, check_option
from vastmax.optim.rows import add_rows_, one_per_row, read_rows, write_rows_
from vastmax.tensors.numbers import at_least_float32

_NUMBERS_AT_ONCE = 2**19
"""Size of a piece of the gradient, 2 MB in float32. Intermediate results for a whole large gradient would take new
memory in each step and leave the cache between operations."""


class RowAdagrad(RowOptimizer):
    r"""Adagrad (Duchi et al. 2011) with one accumulated square per row: V numbers of state instead of V·D.

    For each row r in the gradient g::

        a_r = a_r + mean(g_r ** 2)
        w_r = w_r - lr * g_r / (sqrt(a_r) + eps)

    A row that is absent from a batch has gradient 0, and dense row-wise Adagrad would not change it, either. For a (V,)
    bias, it equals ``torch.optim.Adagrad``. Rare rows keep a large step and frequent ones a small one, which suits
    words with a Zipf distribution.

    The first step has root mean square lr, however small the gradient. This is too large if the score of a row is a
    decision by itself, such as a tree node far from the root: one word makes the model certain of the next. With
    ``prior_visits`` n, every row starts as if it had been visited n times, with average gradients: n·m is added to a_r
    under the root, where m is the mean of mean(g_r ** 2) over all rows in all gradients so far.

    Args:
        params: as for every torch optimizer.
        lr: learning rate, >= 0. The first step of a row has root mean square lr.
        initial_accumulator: a_r before the first step, >= 0; above 0, it damps the first steps of each row.
        prior_visits: n, >= 0; unlike an initial accumulator, it adapts to the size of the gradients.
        eps: added to the root, > 0.
        weight_decay: see `RowOptimizer`.
        maximize: see `RowOptimizer`.

    Cost: O(U * D) per step for U touched rows.

    Example:
        >>> import torch
        >>> embedding = torch.nn.Embedding(1_000_000, 4, sparse=True)
        >>> optimizer = RowAdagrad(embedding.parameters(), lr=0.5)
        >>> before = embedding.weight[7].detach().clone()
        >>> embedding(torch.tensor([7])).sum().backward()
        >>> optimizer.step()
        >>> torch.allclose(embedding.weight[7], before - 0.5)
        True
        >>> optimizer.state[embedding.weight]["sum"].shape
        torch.Size([1000000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.1,
        *,
        initial_accumulator: float = 0.0,
        prior_visits: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        own = {"lr": lr, "initial_accumulator": initial_accumulator, "prior_visits": prior_visits, "eps": eps}
        super().__init__(params, {**own, "weight_decay": weight_decay, "maximize": maximize})

    def check_group(self, group: dict[str, Any]) -> None:
        """Check: initial_accumulator and prior_visits finite and >= 0, eps > 0."""
        check_option("initial_accumulator", group["initial_accumulator"], low=0.0)
        check_option("prior_visits", group["prior_visits"], low=0.0)
        check_option("eps", group["eps"], low=0.0, low_open=True)

    def update_rows(
        self, parameter: Tensor, row_ids: Tensor | None, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """See the class."""
        if "sum" not in state:
            state["sum"] = torch.full(
                parameter.shape[:1],
                float(group["initial_accumulator"]),
                dtype=at_least_float32(parameter.dtype),
                device=parameter.device,
            )
        for piece in _pieces(gradient):
            sums, table = state["sum"], parameter
            if row_ids is None:
                sums, table = sums[piece], table[piece]
            part, ids = gradient[piece], None if row_ids is None else row_ids[piece]
            square = part.square()
            if square.dim() > 1:
                square = square.flatten(1).mean(1)
            total = read_rows(sums, ids).add_(square)
            write_rows_(sums, ids, total)
            if group.get("prior_visits"):  # missing in old saved optimizers
                total = total + group["prior_visits"] * _mean_square(square, state)
            scale = total.sqrt().add_(group["eps"]).reciprocal_()
            add_rows_(table, ids, part * one_per_row(scale, part), alpha=-float(group["lr"]))


def _mean_square(square: Tensor, state: dict[str, Any]) -> Tensor:
    """Return the mean of `square` (U,) and all previous ones."""
    if "squares" not in state:
        state["squares"] = torch.zeros(2, dtype=torch.float64, device=square.device)  # their sum, and how many
    state["squares"][0] += square.sum(dtype=torch.float64)
    state["squares"][1] += len(square)
    mean: Tensor = (state["squares"][0] / state["squares"][1]).to(square.dtype)
    return mean


def _pieces(gradient: Tensor) -> list[Any]:
    """Return indices of pieces of the gradient whose intermediate results stay in the cache."""
    if gradient.numel() <= _NUMBERS_AT_ONCE:
        return [...]
    rows = max(1, _NUMBERS_AT_ONCE * len(gradient) // gradient.numel())
    return [slice(start, start + rows) for start in range(0, len(gradient), rows)]
