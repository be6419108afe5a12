"""Lightning modules whose head gives row-sparse gradients: their optimizer, their clipping, and a whole module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from vastmax.errors import InputError
from vastmax.extras import require
from vastmax.head import Head
from vastmax.optim import JoinedOptimizer, clip_grad_norm_

require("vastmax.integrations.lightning", "lightning")
from lightning.pytorch import LightningModule  # noqa: E402


class HeadMixin:
    """Gives a LightningModule one optimizer for dense and row-sparse parameters, and the clipping that goes with it.

    Write `class Mine(HeadMixin, LightningModule)` and train with automatic optimization: accumulation,
    `gradient_clip_val`, checkpoints and schedulers work as with AdamW. A `configure_optimizers` of your own takes
    precedence; return a `JoinedOptimizer` there.

    Attributes:
        lr: AdamW's learning rate.
        row_lr: `RowAdagrad`'s, for row-sparse parameters.
        weight_decay: AdamW's; rows do not decay.

    Example:
        >>> from lightning.pytorch import LightningModule
        >>> class Mine(HeadMixin, LightningModule):
        ...     row_lr = 0.3
        >>> Mine().row_lr, Mine().lr
        (0.3, 0.001)
    """

    lr: float = 1e-3
    row_lr: float = 0.1
    weight_decay: float = 0.01

    def configure_optimizers(self) -> Any:
        """Return AdamW for the dense parameters, joined with `RowAdagrad` for the row-sparse ones."""
        assert isinstance(self, nn.Module)
        return JoinedOptimizer.of(self, lr=self.lr, row_lr=self.row_lr, weight_decay=self.weight_decay)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip all gradients together, as the Trainer asks; where none is sparse, by Lightning's own function.

        With manual optimization, call it between `manual_backward` and `step`.

        Raises:
            InputError: sparse gradients are to be clipped by value.
        """
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if not any(parameter.grad is not None and parameter.grad.is_sparse for parameter in parameters):
            clip: Callable[..., None] = super().configure_gradient_clipping  # type: ignore[misc]
            clip(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_algorithm == "value":
            raise InputError(
                "gradient_clip_algorithm is 'value', and row-sparse gradients are clipped by their norm: pass 'norm', "
                "or build the layer with sparse_gradients=False"
            )
        elif gradient_clip_val:
            clip_grad_norm_(parameters, gradient_clip_val)


class HeadModule(HeadMixin, LightningModule):  # type: ignore[misc]
    """Trains an encoder and a head on batches (inputs, targets): `head(encoder(inputs), targets)`.

    It logs `train_loss`, what the objective minimizes, and `val_loss`, the exact negative log-likelihood in nats per
    token, whatever the objective: that is what checkpoints should go by.

    Args:
        encoder: from inputs to hidden vectors (…, D).
        head: what the hidden vectors are given to, with targets (…); −100 is ignored.
        lr: AdamW's learning rate.
        row_lr: `RowAdagrad`'s.
        weight_decay: AdamW's.

    Raises:
        InputError: `head` is not a `vastmax.Head`.

    Example:
        >>> import torch
        >>> from vastmax import Head, objective, output, proposal
        >>> head = Head(output.Dense(8, 1000), objective.NCE(proposal.Uniform(1000), 16))
        >>> module = HeadModule(nn.EmbeddingBag(50, 8), head)
        >>> module.training_step((torch.tensor([[1, 2]]), torch.tensor([7])), 0).ndim
        0
    """

    def __init__(
        self, encoder: nn.Module, head: Head, *, lr: float = 1e-3, row_lr: float = 0.1, weight_decay: float = 0.01
    ) -> None:
        super().__init__()
        if not isinstance(head, Head):
            raise InputError(f"head is of type {type(head).__name__}; expected a vastmax.Head")
        self.encoder = encoder
        self.head = head
        self.lr, self.row_lr, self.weight_decay = lr, row_lr, weight_decay

    def forward(self, inputs: Any) -> Tensor:
        """Return the hidden vectors; ask `self.head` for words."""
        hidden: Tensor = self.encoder(inputs)
        return hidden

    def training_step(self, batch: tuple[Any, Tensor], batch_index: int) -> Tensor:
        """Return the objective's loss of a batch."""
        inputs, target = batch
        loss: Tensor = self.head(self(inputs), target)
        self._log("train_loss", loss, target)
        return loss

    def validation_step(self, batch: tuple[Any, Tensor], batch_index: int) -> None:
        """Log the exact loss of a batch."""
        inputs, target = batch
        self._log("val_loss", self.head(self(inputs), target), target)

    def _log(self, name: str, loss: Tensor, target: Tensor) -> None:
        if self._trainer is not None:  # called outside of a Trainer otherwise
            self.log(name, loss.detach(), prog_bar=True, batch_size=max(1, int((target != -100).sum())))
