"""Training a language model: one readable loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vastmax.encoder.base import State
from vastmax.errors import InputError
from vastmax.language_model.model import LanguageModel
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.language_model.streams import IGNORED, Streams, Stretch
from vastmax.optim import RowAdagrad, clip_grad_norm_
from vastmax.output.rows import RowSparse
from vastmax.progress import Progress, Silent


class TrainingFailedError(InputError):
    """The loss is no number; what was last saved is still there."""


@dataclass
class Progressed:
    """How far training has come: what a checkpoint holds beside the parameters, and a log line reports."""

    epoch: int = 0  # complete ones
    stretch: int = 0  # of the epoch under way, complete ones
    step: int = 0
    words: int = 0
    training_seconds: float = 0.0
    best_nats: float = math.inf
    epochs_since_best: int = 0
    losses: list[float] = field(default_factory=list)  # mean a word, of each complete epoch
    validation_nats: list[float] = field(default_factory=list)


class Trainer:
    """Trains `model` on `text`; `run` may be left at any step and another trainer go on from `state_dict`.

    Args:
        model: in the state to start from.
        text: (n,) word ids; see `text_of`.
        settings: see `LanguageModelSettings`.
        first_id: what is read before the text.
        validate: mean nats a word of held-out text, measured after each epoch; None: no validation.
        after_step: called after each step of the optimisers; `Progressed` and the loss of the step, in nats.
        after_epoch: called after each epoch and its validation.
        progress: told of words, loss and rate.
        clock: seconds; for `minutes`.
    """

    def __init__(
        self,
        model: LanguageModel,
        text: NDArray[np.int32],
        settings: LanguageModelSettings,
        *,
        first_id: int,
        validate: Callable[[], float] | None = None,
        after_step: Callable[[Progressed, float], None] | None = None,
        after_epoch: Callable[[Progressed], None] | None = None,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self.settings = settings
        self.progressed = Progressed()
        self.streams = Streams(text, num_streams=settings.num_streams, stretch=settings.stretch, first_id=first_id)
        self._words_an_epoch = text.size
        self._validate, self._after_step, self._after_epoch = validate, after_step, after_epoch
        self._progress = progress or Silent()
        self._clock = clock
        self._device = next(model.parameters()).device
        self.optimizers = optimizers_for(model, settings)
        self._state: State | None = None
        self._loss_sum, self._loss_words = 0.0, 0
        self._scaler = torch.amp.GradScaler(
            self._device.type, enabled=settings.precision == "float16" and self._device.type == "cuda"
        )
        torch.manual_seed(settings.seed)

    def run(self) -> Progressed:
        """Train to the end, by epochs, minutes or patience."""
        settings, progressed = self.settings, self.progressed
        self.model.train()
        self._progress.begin("Training", self._words_an_epoch * settings.epochs, "words")
        try:
            while progressed.epoch < settings.epochs and not self._out_of_time() and not self._out_of_patience():
                for stretch in self._stretches():
                    self._step(stretch)
                self._end_of_epoch()
        finally:
            self._progress.end()
        return progressed

    def _stretches(self) -> Iterator[Stretch]:
        """Those of the epoch under way; none once the time is up."""
        for stretch in self.streams.stretches(self.progressed.stretch):
            if self._out_of_time():
                return
            yield stretch

    def _step(self, stretch: Stretch) -> None:
        settings, progressed = self.settings, self.progressed
        began = self._clock()
        word_ids, target = stretch.word_ids.to(self._device), stretch.target.to(self._device)
        with self._autocast():
            loss, self._state = self.model(word_ids, target, self._state)
        self._scaler.scale(loss / settings.accumulation).backward()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingFailedError(
                f"the loss was {value} at step {progressed.step + 1}; try rates below "
                f"table_rate={settings.table_rate} and dense_rate={settings.dense_rate}"
            )
        words = int((target != IGNORED).sum())
        self._loss_sum, self._loss_words = self._loss_sum + value * words, self._loss_words + words
        if (progressed.step + 1) % settings.accumulation == 0 or progressed.stretch + 1 == len(self.streams):
            self._move()
        progressed.step += 1
        progressed.stretch += 1
        progressed.words += words
        progressed.training_seconds += self._clock() - began
        self._progress.update(
            progressed.words,
            epoch=f"{progressed.epoch + 1}/{settings.epochs}",
            loss=self._loss_sum / self._loss_words,
        )
        if self._after_step is not None:
            self._after_step(progressed, value)

    def _move(self) -> None:
        settings = self.settings
        share = settings.rate_share(self.progressed.step, self._done())
        for optimizer, rate in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * share
            self._scaler.unscale_(optimizer)
        if settings.max_norm is not None:
            clip_grad_norm_(self.model.parameters(), settings.max_norm)
        for optimizer, _ in self.optimizers:
            self._scaler.step(optimizer)
            optimizer.zero_grad()
        self._scaler.update()

    def _end_of_epoch(self) -> None:
        progressed = self.progressed
        progressed.losses.append(self._loss_sum / max(self._loss_words, 1))
        self._loss_sum, self._loss_words = 0.0, 0
        progressed.epoch += 1
        progressed.stretch = 0
        self._state = None
        if self._validate is not None:
            nats = self._validate()
            progressed.validation_nats.append(nats)
            better = nats < progressed.best_nats
            progressed.best_nats = min(nats, progressed.best_nats)
            progressed.epochs_since_best = 0 if better else progressed.epochs_since_best + 1
        if self._after_epoch is not None:
            self._after_epoch(progressed)

    def _done(self) -> float:
        """The share of training that is over."""
        if self.settings.minutes is not None:
            return self.progressed.training_seconds / (60 * self.settings.minutes)
        return (self.progressed.epoch + self.progressed.stretch / len(self.streams)) / self.settings.epochs

    def _out_of_time(self) -> bool:
        minutes = self.settings.minutes
        return minutes is not None and self.progressed.training_seconds >= 60 * minutes

    def _out_of_patience(self) -> bool:
        patience = self.settings.patience
        return patience is not None and self.progressed.epochs_since_best >= patience

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self.settings.precision))

    def state_dict(self) -> dict[str, Any]:
        """All that going on needs, the model's parameters included; exact on a CPU."""
        return {
            "settings": self.settings.as_dict(),
            "progressed": vars(self.progressed).copy(),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _ in self.optimizers],
            "scaler": self._scaler.state_dict(),
            "stream_state": self._state,
            "loss": (self._loss_sum, self._loss_words),
            "random_state": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            InputError: it was trained with other settings; they are named.
        """
        mine, theirs = self.settings.as_dict(), state["settings"]
        changed = [
            f"{name} was {theirs.get(name)}, now {value}" for name, value in mine.items() if theirs.get(name) != value
        ]
        if changed:
            raise InputError(f"cannot resume with other settings: {'; '.join(changed)}")
        self.progressed = Progressed(**state["progressed"])
        self.model.load_state_dict(state["model"])
        for (optimizer, _), of_optimizer in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(of_optimizer)
        self._scaler.load_state_dict(state["scaler"])
        carried: tuple[Tensor, ...] | None = state["stream_state"]
        self._state = None if carried is None else tuple(part.to(self._device) for part in carried)
        self._loss_sum, self._loss_words = state["loss"]
        torch.set_rng_state(state["random_state"])


def optimizers_for(model: nn.Module, settings: LanguageModelSettings) -> list[tuple[torch.optim.Optimizer, float]]:
    """(optimiser, its learning rate): row-wise Adagrad for tables, AdamW for all else.

    A table is what an embedding or an output layer with a row a word holds itself, whether the objective gives it
    sparse gradients or dense ones: so every method is trained by the same rule.
    """
    table_ids = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding | RowSparse)
        for parameter in module.parameters(recurse=False)
    }
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    tables = [parameter for parameter in trainable if id(parameter) in table_ids]
    others = [parameter for parameter in trainable if id(parameter) not in table_ids]
    optimizers: list[tuple[torch.optim.Optimizer, float]] = []
    if tables:
        optimizers.append((RowAdagrad(tables, lr=settings.table_rate), settings.table_rate))
    if others:
        adam = torch.optim.AdamW(others, lr=settings.dense_rate, weight_decay=settings.weight_decay)
        optimizers.append((adam, settings.dense_rate))
    return optimizers
