"""Callbacks of training, as gensim has them."""

from __future__ import annotations

from typing import Any

from vastmax.training.loop import StopTraining

__all__ = ["CallbackAny2Vec", "StopTraining"]


class CallbackAny2Vec:
    """Is told of the beginnings and ends of training and of its epochs; override the methods that are wanted.

    `model.wv` holds the vectors as they are at that moment, and `model.get_latest_training_loss()` the loss so far. A
    method that raises `StopTraining` ends training after the epoch, and the model keeps what it learned.
    """

    def on_epoch_begin(self, model: Any) -> None:
        """Hear that an epoch begins."""

    def on_epoch_end(self, model: Any) -> None:
        """Hear that an epoch is over."""

    def on_train_begin(self, model: Any) -> None:
        """Hear that training begins."""

    def on_train_end(self, model: Any) -> None:
        """Hear that training is over."""
