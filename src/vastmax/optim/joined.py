"""One optimiser out of several: what trainers want that hold exactly one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, MutableMapping
from itertools import chain
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vastmax.errors import InputError
from vastmax.optim.clipping import clip_grad_norm_
from vastmax.optim.parameter_groups import parameter_groups
from vastmax.optim.row_adagrad import RowAdagrad
from vastmax.optim.row_optimizer import check_option


class JoinedOptimizer(Optimizer):
    """Several optimisers that step together and look like one, each with parameters of its own.

    A model with a sampled head has two kinds of parameters: dense ones, for AdamW, and row-sparse ones, for a row
    optimiser. Trainers that hold one optimiser (Transformers, Lightning's automatic optimisation, GradScaler, learning
    rate schedulers) take this one. ``param_groups`` are those of the parts, one after the other, and the very same
    objects: a scheduler that sets a learning rate sets it there. ``state_dict`` has the usual form, so that a part may
    be exchanged for another of the same kind.

    Args:
        optimizers: the parts, in the order of their steps; no parameter in two of them.
        max_grad_norm: > 0: all gradients together are clipped to this norm before the parts step, for trainers whose
            own clipping takes dense gradients only (switch that off). None: nothing is clipped here.

    Raises:
        InputError: no optimiser, something that is none, or a parameter that two of them would move.

    Cost: the parts' own.

    Example:
        >>> from vastmax import Head, objective, output, proposal
        >>> head = Head(output.Dense(8, 1000), objective.NCE(proposal.Uniform(1000), 16))
        >>> model = nn.ModuleDict({"encoder": nn.Linear(8, 8), "head": head})
        >>> optimizer = JoinedOptimizer.of(model, lr=1e-3, row_lr=0.1)
        >>> [type(part).__name__ for part in optimizer.optimizers]
        ['AdamW', 'RowAdagrad']
        >>> head(model["encoder"](torch.ones(2, 8)), torch.tensor([1, 2])).backward()
        >>> optimizer.step()
    """

    _joined = False

    def __init__(self, *optimizers: Optimizer, max_grad_norm: float | None = None) -> None:
        for optimizer in optimizers:
            if not isinstance(optimizer, Optimizer):
                raise InputError(
                    f"JoinedOptimizer got a {type(optimizer).__name__}; pass optimisers, such as "
                    "JoinedOptimizer(torch.optim.AdamW(groups.dense), RowAdagrad(groups.row_sparse))"
                )
        if not optimizers:
            raise InputError("JoinedOptimizer got no optimiser: pass those to be joined")
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        parameters = [parameter for group in groups for parameter in group["params"]]
        if len(set(parameters)) < len(parameters):
            raise InputError(
                "a parameter is in two of the optimisers, and would be moved twice: split them, as "
                "vastmax.optim.parameter_groups(model) does"
            )
        if max_grad_norm is not None:
            check_option("max_grad_norm", max_grad_norm, low=0.0, low_open=True)
        self.max_grad_norm = max_grad_norm
        self.optimizers = list(optimizers)
        super().__init__([{"params": parameters}], {})
        self._take_over()

    @classmethod
    def of(
        cls,
        model: nn.Module,
        *,
        lr: float | Tensor = 1e-3,
        row_lr: float | Tensor = 0.1,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = None,
    ) -> JoinedOptimizer:
        """Return AdamW for the dense parameters of `model`, joined with `RowAdagrad` for its row-sparse ones.

        Args:
            model: with its head built; see `parameter_groups`.
            lr: AdamW's learning rate.
            row_lr: that of `RowAdagrad`.
            weight_decay: AdamW's; the rows do not decay.
            max_grad_norm: see the class.

        Raises:
            InputError: a model without a trainable parameter.
        """
        groups = parameter_groups(model)
        optimizers: list[Optimizer] = []
        if groups.dense:
            optimizers.append(torch.optim.AdamW(groups.dense, lr=lr, weight_decay=weight_decay))
        if groups.row_sparse:
            optimizers.append(RowAdagrad(groups.row_sparse, lr=row_lr))
        if not optimizers:
            raise InputError(f"{type(model).__name__} has no parameter that requires a gradient: unfreeze some")
        return cls(*optimizers, max_grad_norm=max_grad_norm)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Let every part step, after one call of the closure; return the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.max_grad_norm is not None:
            clip_grad_norm_([p for group in self.param_groups for p in group["params"]], self.max_grad_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Refuse a group that no part was named for.

        Raises:
            InputError: always, once the parts are joined: add the group to one of them before.
        """
        if self._joined:
            raise InputError("which part is to move this group? add it to one of the optimisers, then join them")
        super().add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return what the parts hold, parameters counted through: ``{"state": …, "param_groups": …}``."""
        state: dict[int, Any] = {}
        groups: list[dict[str, Any]] = []
        first = 0
        for optimizer in self.optimizers:
            part = optimizer.state_dict()
            state |= {first + index: value for index, value in part["state"].items()}
            groups += [{**group, "params": [first + i for i in group["params"]]} for group in part["param_groups"]]
            first += sum(len(group["params"]) for group in optimizer.param_groups)
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give each part its own of a state that `state_dict` returned.

        Raises:
            InputError: the state of other parts: another number of groups, or of parameters in one.
        """
        saved = [len(group["params"]) for group in state_dict["param_groups"]]
        held = [len(group["params"]) for group in self.param_groups]
        if saved != held:
            raise InputError(
                f"the state is of parameter groups with {saved} parameters, and this optimiser has {held}: join the "
                "same optimisers, in the same order, over the same model"
            )
        groups = iter(state_dict["param_groups"])
        first = 0
        for optimizer in self.optimizers:
            own = [next(groups) for _ in optimizer.param_groups]
            number = sum(len(group["params"]) for group in own)
            optimizer.load_state_dict(
                {
                    "state": {
                        index - first: value
                        for index, value in state_dict["state"].items()
                        if first <= index < first + number
                    },
                    "param_groups": [{**group, "params": [i - first for i in group["params"]]} for group in own],
                }
            )
            first += number
        self._take_over()

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "optimizers": self.optimizers, "max_grad_norm": self.max_grad_norm}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._take_over()

    def _take_over(self) -> None:
        """Show the groups and states of the parts as one's own; loading a state makes new ones."""
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        self.state = _StateOfParts(self.optimizers)  # type: ignore[assignment]
        self._joined = True


class _StateOfParts(MutableMapping[Tensor, Any]):
    """The states of several optimisers, by parameter; written where the parameter belongs."""

    def __init__(self, optimizers: list[Optimizer]) -> None:
        self._optimizers = optimizers

    def __getitem__(self, parameter: Tensor) -> Any:
        return self._of(parameter)[parameter]

    def __setitem__(self, parameter: Tensor, value: Any) -> None:
        self._of(parameter)[parameter] = value

    def __delitem__(self, parameter: Tensor) -> None:
        del self._of(parameter)[parameter]

    def __iter__(self) -> Iterator[Tensor]:
        return chain.from_iterable(optimizer.state for optimizer in self._optimizers)

    def __len__(self) -> int:
        return sum(len(optimizer.state) for optimizer in self._optimizers)

    def _of(self, parameter: Tensor) -> defaultdict[Tensor, Any]:
        for optimizer in self._optimizers:
            if any(parameter is own for group in optimizer.param_groups for own in group["params"]):
                return optimizer.state
        raise KeyError(parameter)
