"""Several optimizers as one, for trainers that hold exactly one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vastmax.errors import InputError
from vastmax.optim.clipping import clip_grad_norm_
from vastmax.optim.parameter_groups import parameter_groups
from vastmax.optim.row_adagrad import RowAdagrad
from vastmax.optim.row_optimizer import ClosureOptimizer, check_option


class JoinedOptimizer(ClosureOptimizer):
    """Several optimizers that step together and look like one, each with its own parameters.

    A model with a sampled head has dense parameters, for AdamW, and row-sparse parameters, for a row optimizer.
    Trainers that hold one optimizer (Transformers, Lightning's automatic optimization, GradScaler, learning rate
    schedulers) can use this one. ``param_groups`` are those of the parts in order, as the same objects, so a scheduler
    sets the learning rates of the parts. ``state_dict`` has the usual form, so a part can be exchanged for another of
    the same kind.

    Args:
        optimizers: the parts, in the order of their steps; no parameter in two of them.
        max_grad_norm: > 0; clip all gradients together to this norm before the parts step, for trainers whose own
            clipping supports dense gradients only (disable that). None: no clipping.

    Raises:
        InputError: no optimizer, an object that is not an optimizer, or a parameter in two of them.

    Cost: that of the parts.

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
                    f"JoinedOptimizer got a {type(optimizer).__name__}; pass optimizers, such as "
                    "JoinedOptimizer(torch.optim.AdamW(groups.dense), RowAdagrad(groups.row_sparse))"
                )
        if not optimizers:
            raise InputError("JoinedOptimizer got no optimizer: pass those to join")
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        parameters = [parameter for group in groups for parameter in group["params"]]
        if len(set(parameters)) < len(parameters):
            raise InputError(
                "a parameter is in two of the optimizers and would be updated twice: split them, as "
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
            lr: the learning rate of AdamW.
            row_lr: the learning rate of `RowAdagrad`.
            weight_decay: for AdamW; the rows do not decay.
            max_grad_norm: see the class.

        Raises:
            InputError: the model has no trainable parameter.
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

    def update(self) -> None:
        """Clip the gradients if `max_grad_norm` is set, and let every part step."""
        if self.max_grad_norm is not None:
            clip_grad_norm_([p for group in self.param_groups for p in group["params"]], self.max_grad_norm)
        for optimizer in self.optimizers:
            optimizer.step()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group during construction; raise InputError afterward, when its part would be unknown."""
        if self._joined:
            raise InputError("it is unknown which part this group belongs to: add it to an optimizer, then join them")
        super().add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the parts, parameters numbered through: ``{"state": …, "param_groups": …}``."""
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
        """Restore the states of the parts from `state_dict`.

        Raises:
            InputError: the number of groups or of their parameters differs.
        """
        saved = [len(group["params"]) for group in state_dict["param_groups"]]
        held = [len(group["params"]) for group in self.param_groups]
        if saved != held:
            raise InputError(
                f"the state has parameter groups of {saved} parameters, but this optimizer has {held}: join the same "
                "optimizers, in the same order, over the same model"
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
        """Present the groups and states of the parts, which loading a state replaces."""
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        self.state = _StateOfParts(self.optimizers)  # type: ignore[assignment]
        self._joined = True


class _StateOfParts(MutableMapping[Tensor, Any]):
    """The states of several optimizers, by parameter."""

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
