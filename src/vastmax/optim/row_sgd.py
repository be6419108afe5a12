"""Stochastic gradient descent over rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from vastmax.optim.row_optimizer import RowOptimizer, check_option
from vastmax.optim.rows import add_rows_, read_rows, write_rows_
from vastmax.tensors.numbers import at_least_float32


class RowSGD(RowOptimizer):
    r"""SGD with optional momentum that touches only the rows with a gradient.

    For each row r in the gradient g::

        b_r = momentum * b_r + g_r        # without momentum: b_r = g_r, and no state is kept
        w_r = w_r - lr * b_r

    With dense gradients, it equals ``torch.optim.SGD``. With row-sparse ones, momentum is *lazy*: the velocity of a row
    that is not in the batch neither decays nor moves the row, whereas the dense algorithm does both in every step, over
    all V rows. Each row follows the trajectory of dense SGD on its own sequence of gradients.

    Args:
        params: as for every torch optimizer.
        lr: learning rate, >= 0.
        momentum: in [0, 1). Above 0, it needs a velocity of the parameter's size, float32 or better.
        weight_decay: see `RowOptimizer`.
        maximize: see `RowOptimizer`.

    Cost: O(U * D) per step for U touched rows.

    Example:
        >>> import torch
        >>> embedding = torch.nn.Embedding(1_000_000, 4, sparse=True)
        >>> optimizer = RowSGD(embedding.parameters(), lr=0.1)
        >>> embedding(torch.tensor([3, 3, 7])).sum().backward()
        >>> before = embedding.weight[3].detach().clone()
        >>> optimizer.step()
        >>> torch.allclose(embedding.weight[3], before - 0.2)  # two occurrences, each with gradient 1
        True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "maximize": maximize})

    def check_group(self, group: dict[str, Any]) -> None:
        """Check: momentum in [0, 1)."""
        check_option("momentum", group["momentum"], low=0.0, high=1.0)

    def update_rows(
        self, parameter: Tensor, row_ids: Tensor | None, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """See the class."""
        if group["momentum"] > 0:
            if "velocity" not in state:
                state["velocity"] = torch.zeros_like(parameter, dtype=at_least_float32(parameter.dtype))
            velocity = read_rows(state["velocity"], row_ids).mul_(group["momentum"]).add_(gradient)
            write_rows_(state["velocity"], row_ids, velocity)
            gradient = velocity
        add_rows_(parameter, row_ids, gradient, alpha=-float(group["lr"]))
