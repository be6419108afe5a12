"""Transformers' Trainer for models whose head gives row-sparse gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from vastmax.extras import require
from vastmax.optim import JoinedOptimizer, clip_grad_norm_

require("vastmax.integrations.transformers_trainer", "transformers")
from transformers import Trainer  # noqa: E402


class HeadTrainer(Trainer):  # type: ignore[misc]
    """`Trainer` with an optimizer and a clipping that take dense and row-sparse gradients together.

    Everything else is `Trainer`'s. Where no gradient is sparse it clips by `Trainer`'s own function.

    Attributes:
        row_learning_rate: of `RowAdagrad`, for the row-sparse parameters; set it before `train()`. AdamW has the
            learning rate and the weight decay of the arguments.

    Example:
        >>> from vastmax.integrations.transformers_trainer import HeadTrainer
        >>> HeadTrainer.row_learning_rate
        0.1
    """

    row_learning_rate: float = 0.1

    def create_optimizer(self, model: Any = None) -> Optimizer:
        """Join AdamW and `RowAdagrad` for the model, unless an optimizer was passed; return it."""
        passed: Optimizer | None = self.optimizer
        if passed is not None:
            return passed
        joined = JoinedOptimizer.of(
            self.model if model is None else model,
            lr=self.args.learning_rate,
            row_lr=self.row_learning_rate,
            weight_decay=self.args.weight_decay,
        )
        self.optimizer: Any = joined
        return joined

    def create_accelerator_and_postprocess(self) -> None:
        """Do what `Trainer` does; the accelerator then measures and clips sparse gradients, too."""
        super().create_accelerator_and_postprocess()
        accelerator = self.accelerator
        of_dense = accelerator.clip_grad_norm_

        def clip(parameters: Iterable[Tensor], max_norm: float, norm_type: float = 2.0) -> Tensor:
            parameters = list(parameters)
            if not any(parameter.grad is not None and parameter.grad.is_sparse for parameter in parameters):
                norm: Tensor = of_dense(parameters, max_norm, norm_type)
                return norm
            accelerator.unscale_gradients()
            return clip_grad_norm_(parameters, max_norm, norm_type)

        accelerator.clip_grad_norm_ = clip
