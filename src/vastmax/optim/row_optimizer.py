"""The base of the row optimizers: the loop over gradients, checks, and saved state with exact dtypes."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from vastmax.eager import eager
from vastmax.errors import InputError
from vastmax.optim.rows import scale_rows_, touched_rows
from vastmax.tensors.numbers import at_least_float32
from vastmax.tensors.plain_memory import is_sharded
from vastmax.tensors.shard import first_row, like_rows, own_rows


class ClosureOptimizer(Optimizer):
    """A torch optimizer whose `step` evaluates the closure and then calls `update`, without gradients."""

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @eager  # how many rows a step touches depends on the gradient
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Evaluate `closure` if there is one, update the parameters, and return its loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            self.update()
        return loss

    @abstractmethod
    def update(self) -> None:
        """Update the parameters from their gradients."""


class RowOptimizer(ClosureOptimizer):
    """A torch optimizer whose step reads and writes only the rows with a gradient.

    A subclass defines the update of the touched rows of one parameter (``update_rows``) and checks its options
    (``check_group``). Row r of a parameter is ``parameter[r]``: a vector of a (V, D) matrix, one number of a (V,) bias.

    Every row optimizer has these options besides its own:

    - ``lr``: a number, or a tensor with one, which a captured or compiled schedule may change in place;
    - ``weight_decay``: λ ≥ 0; before its update, a touched row is multiplied by 1 − lr·λ, as ``torch.optim.AdamW`` does
      with every row. Other rows do not decay: that would cost a pass over all V in every step;
    - ``maximize``: maximize instead of minimizing.

    Raises:
        InputError: an option out of range; in ``step``, a sparse gradient that is not sparse over rows.
    """

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # missing in old saved optimizers
            group.setdefault("weight_decay", 0.0)
            group.setdefault("maximize", False)

    def update(self) -> None:
        """Update every parameter with a gradient, each only in its touched rows."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if is_sharded(parameter):
                    self._move_own_rows(parameter, group)
                else:
                    row_ids, gradient = touched_rows(parameter.grad)
                    if gradient.numel() > 0:
                        self._move(parameter, row_ids, gradient, self.state[parameter], group)

    def _move(
        self, table: Tensor, row_ids: Tensor | None, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        gradient = gradient.to(at_least_float32(table.dtype))
        if group["weight_decay"]:
            scale_rows_(table, row_ids, 1 - float(group["lr"]) * group["weight_decay"])
        if group["maximize"]:
            gradient = -gradient
        self.update_rows(table, row_ids, gradient, state, group)

    def _move_own_rows(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """Move this process's rows of a sharded parameter; state that has an entry per row is sharded like it."""
        if group.get("prior_visits"):
            raise InputError("prior_visits is a mean over all rows, and this parameter is sharded: leave it at 0")
        assert parameter.grad is not None
        row_ids, gradient = touched_rows(own_rows(parameter.grad))
        if row_ids is not None:
            row_ids = row_ids - first_row(parameter)
        state = self.state[parameter]
        own_state = {name: own_rows(value) for name, value in state.items()}
        # Also where no row was touched: a checkpoint needs the state of all processes.
        self._move(own_rows(parameter), row_ids, gradient, own_state, group)
        for name, value in own_state.items():
            if name not in state:
                state[name] = like_rows(value, parameter) if value.ndim > 0 else value

    @abstractmethod
    def update_rows(
        self, parameter: Tensor, row_ids: Tensor | None, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """Update ``parameter[row_ids]`` (unique ids; None: all rows) from ``gradient``, in the state's precision."""

    @abstractmethod
    def check_group(self, group: dict[str, Any]) -> None:
        """Raise InputError unless the options of this parameter group are valid."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Check and add a group of parameters; options that it does not contain have their defaults."""
        options = {**self.defaults, **param_group}
        check_option("lr", options["lr"], low=0.0)
        check_option("weight_decay", options["weight_decay"], low=0.0)
        if not isinstance(options["maximize"], bool):
            raise InputError(f"maximize is {options['maximize']!r}; it must be True or False")
        self.check_group(options)
        super().add_param_group(param_group)
        for parameter in self.param_groups[-1]["params"]:
            if not parameter.is_floating_point():
                self.param_groups.pop()
                raise InputError(
                    f"a parameter has dtype {parameter.dtype}, but {type(self).__name__} supports only real "
                    "floating-point parameters: leave it out or store its real and imaginary parts"
                )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state exactly, each tensor with its own dtype on the parameter's device.

        torch casts loaded state to the dtype of the parameter, but the accumulators of a bfloat16 parameter are float32
        and row counts are integers.
        """
        super().load_state_dict(state_dict)
        saved_ids = [i for group in state_dict["param_groups"] for i in group["params"]]
        parameters = [p for group in self.param_groups for p in group["params"]]
        for saved_id, parameter in zip(saved_ids, parameters, strict=True):
            for name, value in state_dict["state"].get(saved_id, {}).items():
                if isinstance(value, Tensor):
                    self.state[parameter][name] = value.to(parameter.device, copy=True)


def check_option(
    name: str, value: float | Tensor, *, low: float, high: float = math.inf, low_open: bool = False
) -> None:
    """Raise InputError unless ``low <= value < high`` (``low < value`` with low_open), also for one-number tensors."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    valid = isinstance(value, int | float) and math.isfinite(value) and (low < value if low_open else low <= value)
    if not valid or value >= high:
        bound = f"{'above' if low_open else 'at least'} {low:g}" + (f" and below {high:g}" if high < math.inf else "")
        raise InputError(f"{name} is {value!r}; it must be a finite number {bound}: pass such a {name}")
