"""Lazy Adam over rows."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from vastmax.errors import InputError
from vastmax.optim.row_optimizer import RowOptimizer, check_option
from vastmax.optim.rows import add_rows_, one_per_row, read_rows, write_rows_
from vastmax.tensors.numbers import at_least_float32

BiasCorrection = Literal["row", "step"]


class RowAdam(RowOptimizer):
    r"""Adam (Kingma & Ba 2015) that updates the moments of a row only when the row has a gradient.

    For each row r in the gradient g, touched for the t_r-th time::

        m_r = beta1 * m_r + (1 - beta1) * g_r
        v_r = beta2 * v_r + (1 - beta2) * g_r ** 2
        w_r = w_r - lr * (m_r / (1 - beta1 ** t)) / (sqrt(v_r / (1 - beta2 ** t)) + eps)

    With ``bias_correction="row"`` (the default), t = t_r, the count of the row: each row follows the trajectory of Adam
    on its own sequence of gradients, and its first step always has size lr. With ``bias_correction="step"``, t is the
    number of steps, as in ``torch.optim.SparseAdam``: a row first visited late is not corrected, and its first step is
    (1 - beta1) / sqrt(1 - beta2), about 3.2, times as large. With dense gradients, both equal ``torch.optim.Adam``, or
    with ``weight_decay`` ``torch.optim.AdamW``.

    Dense Adam would also move absent rows by their old momentum and decay their moments, at the cost of a pass over all
    V rows in every step.

    Args:
        params: as for every torch optimizer.
        lr: learning rate, >= 0.
        betas: decay of the two moments, each in [0, 1).
        eps: added to the root, > 0.
        bias_correction: "row" or "step".
        weight_decay: see `RowOptimizer`.
        maximize: see `RowOptimizer`.

    Cost: O(U * D) per step for U touched rows; state: two moments of the parameter's size (float32 or better) and, with
    "row", one count per row.

    Example:
        >>> import torch
        >>> embedding = torch.nn.Embedding(1000, 4, sparse=True)
        >>> optimizer = RowAdam(embedding.parameters(), lr=0.01)
        >>> before = embedding.weight[7].detach().clone()
        >>> embedding(torch.tensor([7])).sum().backward()
        >>> optimizer.step()
        >>> torch.allclose(embedding.weight[7], before - 0.01)
        True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        bias_correction: BiasCorrection = "row",
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        own = {"lr": lr, "betas": betas, "eps": eps, "bias_correction": bias_correction}
        super().__init__(params, {**own, "weight_decay": weight_decay, "maximize": maximize})

    def check_group(self, group: dict[str, Any]) -> None:
        """Check: two betas in [0, 1), eps > 0, bias_correction one of the two."""
        check_option("eps", group["eps"], low=0.0, low_open=True)
        if len(group["betas"]) != 2:
            raise InputError(f"betas is {group['betas']!r}; it must be two numbers, such as (0.9, 0.999)")
        for beta in group["betas"]:
            check_option("betas", beta, low=0.0, high=1.0)
        if group["bias_correction"] not in get_args(BiasCorrection):
            raise InputError(f'bias_correction is {group["bias_correction"]!r}; choose "row" or "step"')

    def update_rows(
        self, parameter: Tensor, row_ids: Tensor | None, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """See the class."""
        if not state:
            for name in ("mean", "square"):
                state[name] = torch.zeros_like(parameter, dtype=at_least_float32(parameter.dtype))
            count_shape = parameter.shape[:1] if group["bias_correction"] == "row" else ()
            state["count"] = torch.zeros(count_shape, dtype=torch.int64, device=parameter.device)
        beta1, beta2 = group["betas"]
        mean = read_rows(state["mean"], row_ids).lerp_(gradient, 1 - beta1)
        write_rows_(state["mean"], row_ids, mean)
        square = read_rows(state["square"], row_ids).mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        write_rows_(state["square"], row_ids, square)
        if state["count"].dim() == 0:
            count = state["count"].add_(1)
        else:
            count = read_rows(state["count"], row_ids).add_(1)
            write_rows_(state["count"], row_ids, count)
            count = one_per_row(count, gradient)
        root = square.div(_one_minus_power(beta2, count, square.dtype)).sqrt_().add_(group["eps"])
        update = mean.div(_one_minus_power(beta1, count, mean.dtype)).div_(root)
        add_rows_(parameter, row_ids, update, alpha=-float(group["lr"]))


def _one_minus_power(beta: float, count: Tensor, dtype: torch.dtype) -> Tensor:
    """Return 1 - beta ** count without cancellation, which costs four digits at beta = 0.999, count = 1 in float32."""
    if beta == 0.0:
        return torch.ones_like(count, dtype=dtype)
    return torch.expm1(count.to(dtype) * math.log(beta)).neg_()
