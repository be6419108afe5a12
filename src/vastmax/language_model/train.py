"""The training of a language model, step by step."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from vastmax.encoder.base import State
from vastmax.errors import InputError, argument
from vastmax.language_model.model import LanguageModel
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.language_model.streams import Batch, Streams
from vastmax.optim import clip_grad_norm_
from vastmax.progress import Progress, Silent, describe_seconds
from vastmax.proposal.target_partition import PARTITION, partitions
from vastmax.training import loop
from vastmax.training.loop import Phase, Saving, run_training
from vastmax.training.pytorch.optimizers import load_states, optimizers_for, set_rates
from vastmax.training.pytorch.process_group import ProcessGroup

_Told = tuple[Batch, dict[str, Any] | None]
"""A batch, and other data that the objective needs."""


class TrainingFailedError(InputError):
    """The loss or the gradient is not finite; what was last saved is kept."""


@dataclass
class Progressed(loop.Progressed):
    """The progress of training a language model, also for the log and callbacks."""

    batch: int = 0  # complete ones of the current epoch
    step: int = 0  # of the optimizers
    training_seconds: float = 0.0  # without validation
    prepared_seconds: float = 0.0  # part of it, before the first step: for a tree
    best_nats: float = math.inf
    epochs_since_best: int = 0
    validation_nats: list[float] = field(default_factory=list)


class Trainer:
    """Trains `model` on `text`. It can stop after any step, and another trainer can resume from its `state_dict`.

    With `torch.distributed`, each process creates this trainer for its share of the streams and calls `run` and, at the
    same step, `state_dict`. For a method without random draws, the result is that of one process.

    Args:
        model: in its initial state.
        text: (n,) word ids; see `text_of`.
        settings: see `LanguageModelSettings`.
        first_id: the word before the text.
        validate: returns the mean nats per word of held-out text, after each epoch; None: no validation.
        after_step: called after each step of the optimizers with `Progressed` and the mean loss of the step, in nats.
        after_epoch: called after each epoch and its validation.
        stop: called after each step; if it returns True, `run` returns, and `finished` is False.
        progress: shows words, loss and time left.
        clock: seconds; for `minutes`.

    Raises:
        InputError: the text is empty, or the processes cannot share the streams.
        TrainingFailedError: in `run`: a loss or a gradient is not finite. The parameters are those before the step.
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
        stop: Callable[[], bool] | None = None,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self.settings = settings
        self.progressed = Progressed()
        self.streams = Streams(text, num_streams=settings.num_streams, bptt=settings.bptt, first_id=first_id)
        self.group = ProcessGroup()
        self._part = self.group.part(self.streams.num_streams)
        self._words_per_epoch, self._words_before = text.size, 0
        self._validate, self._after_step, self._after_epoch = validate, after_step, after_epoch
        self._stop = stop or (lambda: False)
        self._is_stopped = False  # agreed on by all processes
        self._progress = (progress if self.group.is_main else None) or Silent()
        self._clock = clock
        self._device = next(model.parameters()).device
        self._wrapped = self.group.wrap(model)
        self.optimizers = optimizers_for(model, settings, steady_trees=True)
        self._state: State | None = None
        self._loss_sum, self._loss_words = 0.0, 0
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=settings.precision == "float16")
        torch.manual_seed(settings.seed + self.group.rank)

    @property
    def finished(self) -> bool:
        """Whether training is over, by epochs, minutes or patience."""
        settings, progressed = self.settings, self.progressed
        if settings.patience is not None and progressed.epochs_since_best >= settings.patience:
            return True
        return self._out_of_time() if settings.minutes is not None else progressed.epoch >= settings.epochs

    @property
    def done(self) -> float:
        """The share of the training that is done, by epochs or minutes; 1 at the end."""
        if self.settings.minutes is not None:
            return self.progressed.training_seconds / (60 * self.settings.minutes)
        of_epoch = min(self.progressed.batch * self.streams.bptt / self.streams.length, 1.0)
        return (self.progressed.epoch + of_epoch) / self.settings.epochs

    one_phase = False

    def prepared(self, seconds: float) -> None:
        """Count the time of preparing the model, such as clustering a tree from the text, as training time."""
        self.progressed.prepared_seconds = seconds
        self.progressed.training_seconds += seconds

    def run(self, saving: Saving | None = None, write: Callable[[Path], None] = lambda path: None) -> Progressed:
        """Train to the end, or until `stop` returns True; see `run_training` for the arguments."""
        self.model.train()
        self._is_stopped = False
        run_training(self, saving=saving, write=write, stop=lambda: self._is_stopped, progress=self._progress)
        return self.progressed

    def begin_phase(self) -> Phase:
        """Return the phase of progress that begins: the rest of the epoch."""
        epochs = "" if self.settings.minutes is not None else f" of {self.settings.epochs}"
        done_before = self.progressed.batch * self.streams.num_streams * self.streams.bptt
        self._words_before = self.progressed.words
        return Phase(f"Epoch {self.progressed.epoch + 1}{epochs}", max(self._words_per_epoch - done_before, 0), "words")

    def standing(self) -> tuple[float, dict[str, float | str]]:
        """Return the number of words read in this phase, the mean loss and the time left."""
        left = f"{describe_seconds(self._seconds_left())} left"
        return self.progressed.words - self._words_before, {
            "loss": self._loss_sum / self._loss_words,
            "whole_run": left,
        }

    def steps(self, look_up: Callable[[], bool]) -> Iterator[None]:
        """Train the rest of the current epoch, one step of the optimizers at a time, until the time is up."""
        rest = self._batches()
        while not self._out_of_time():
            batches = list(islice(rest, self.settings.accumulation))
            if not batches:
                return
            self._step(batches)
            yield

    def at_rest(self) -> str:
        """Return why nothing is saved after an interrupt: it may have occurred within a step."""
        return "it was stopped at once"

    def _batches(self) -> Iterator[_Told]:
        """Yield the remaining batches of the current epoch, with other data that the objective needs."""
        first = self.progressed.batch
        if PARTITION not in self.model.head.objective.needs:
            return ((batch, None) for batch in self.streams.batches_from(first))
        # Parts begin at the start of the epoch, so a resumed run has those of an uninterrupted one.
        parts = partitions(self.streams, self.settings.partition_size, lambda batch: batch.target)
        return ((batch, {PARTITION: part}) for part, batch in islice(parts, first, None))

    def _step(self, batches: Sequence[_Told]) -> None:
        """Make one step of the optimizers, and agree with the other processes on whether to stop after it."""
        progressed, began = self.progressed, self._clock()
        words = sum(batch.num_words for batch, _ in batches)
        state, losses = self._state, []
        for number, (batch, context) in enumerate(batches):
            with self._sends_gradients(number + 1 == len(batches)):
                loss, state = self._backward(batch, context, state, words)
            losses.append(loss)
        value = float(sum(losses)) / words  # waits for a GPU, once per step
        seconds = self._clock() - began
        value, seconds, stops = self.group.sums(
            value, seconds if self.group.is_main else 0.0, float(self._stop()), device=self._device
        )
        if not math.isfinite(value):
            raise self._failed(f"the loss was {value}")
        began = self._clock()
        self._move()
        seconds += self.group.from_main(self._clock() - began, self._device)
        self._state = state
        self._loss_sum, self._loss_words = self._loss_sum + value * words, self._loss_words + words
        progressed.step += 1
        progressed.batch += len(batches)
        progressed.words += words
        progressed.training_seconds += seconds
        self._is_stopped = stops > 0
        if self._after_step is not None:
            self._after_step(progressed, value)

    def _backward(
        self, batch: Batch, context: dict[str, Any] | None, state: State | None, words: int
    ) -> tuple[Tensor, State]:
        """Add the gradient of Σ loss / words; return Σ loss and the state of the encoder."""
        word_ids, target = (part[self._part].to(self._device) for part in batch)
        with self._autocast():
            loss, state = self._wrapped(word_ids, target, state, reduction="sum", context=context)
        # Processes average their gradients; this makes it the sum.
        self._scaler.scale(loss * (self.group.size / words)).backward()
        return loss.detach(), state

    def _move(self) -> None:
        settings = self.settings
        set_rates(self.optimizers, settings.rate_share(self.progressed.step, self.done))
        for optimizer, _ in self.optimizers:
            self._scaler.unscale_(optimizer)
        if settings.max_norm is not None:
            norm = float(clip_grad_norm_(self.model.parameters(), settings.max_norm))
            # In float16 this is normal: the scaler skips the step and scales less.
            if not math.isfinite(norm) and not self._scaler.is_enabled():
                raise self._failed(f"the norm of the gradient was {norm}")
        for optimizer, _ in self.optimizers:
            self._scaler.step(optimizer)
            optimizer.zero_grad()
        self._scaler.update()

    def _failed(self, what: str) -> TrainingFailedError:
        return TrainingFailedError(
            f"{what} at step {self.progressed.step + 1}; try rates below "
            f"{argument('embedding_lr', self.settings.embedding_lr)} and "
            f"{argument('dense_lr', self.settings.dense_lr)}"
        )

    def check_finite(self) -> None:
        """Raise TrainingFailedError if a parameter is not finite: such a state must not be saved."""
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise TrainingFailedError(
                f"a parameter is not finite after step {self.progressed.step}; try lower rates, or set "
                f"{argument('max_norm')}"
            )

    def end_epoch(self) -> Progressed:
        """Close the current epoch: its mean loss, and validation."""
        progressed = self.progressed
        progressed.losses.append(self._loss_sum / max(self._loss_words, 1))
        self._loss_sum, self._loss_words = 0.0, 0
        progressed.epoch += 1
        progressed.batch = 0
        self._state = None
        if self._validate is not None:
            # All processes measure and use the result of the main one; otherwise their decisions could differ.
            nats = self.group.from_main(self._validate(), self._device)
            progressed.validation_nats.append(nats)
            better = nats < progressed.best_nats
            progressed.best_nats = min(nats, progressed.best_nats)
            progressed.epochs_since_best = 0 if better else progressed.epochs_since_best + 1
        if self._after_epoch is not None:
            self._after_epoch(progressed)
        return progressed

    def _seconds_left(self) -> float:
        done, progressed = min(max(self.done, 1e-9), 1.0), self.progressed
        if self.settings.minutes is not None:
            return progressed.training_seconds * (1 - done) / done
        return (progressed.training_seconds - progressed.prepared_seconds) * (1 - done) / done

    def _out_of_time(self) -> bool:
        minutes = self.settings.minutes
        return minutes is not None and self.progressed.training_seconds >= 60 * minutes

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=getattr(torch, self.settings.precision))

    def _sends_gradients(self, sends: bool) -> AbstractContextManager[Any]:
        """Return a context in which gradients are exchanged only if `sends`."""
        if sends or not isinstance(self._wrapped, DistributedDataParallel):
            return nullcontext()
        return self._wrapped.no_sync()

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to resume, including the model's parameters; exact on a CPU.

        The states of all processes are gathered, so all processes of a group must call this together.
        """
        return {
            "settings": self.settings.as_dict(),
            "progressed": copy.deepcopy(vars(self.progressed)),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer, _ in self.optimizers],
            "scaler": self._scaler.state_dict(),
            "loss": (self._loss_sum, self._loss_words),
            "of_process": self.group.gather(
                {
                    "stream_state": None if self._state is None else tuple(part.cpu() for part in self._state),
                    "random_state": torch.get_rng_state(),
                    "device_random_state": self._device_random_state(),
                }
            ),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a `state_dict`.

        Raises:
            InputError: the settings differ, or the number of processes.
        """
        self.settings.check_same(state["settings"])
        of_process = state["of_process"]
        if len(of_process) != self.group.size:
            raise InputError(f"trained by {len(of_process)} processes, now {self.group.size}; start the same number")
        progressed = copy.deepcopy(state["progressed"])
        if "stretch" in progressed:  # the name in vastmax 0.1 and 0.2
            progressed["batch"] = progressed.pop("stretch")
        self.progressed = Progressed(**progressed)
        self.model.load_state_dict(state["model"])
        groups = [len(optimizer["param_groups"]) for optimizer in state["optimizers"]]
        if groups != [len(optimizer.param_groups) for optimizer, _ in self.optimizers]:
            # Started before tree decisions had their own group: it continues with the old rule.
            self.optimizers = optimizers_for(self.model, self.settings)
        load_states(self.optimizers, state["optimizers"])
        self._scaler.load_state_dict(state["scaler"])
        self._loss_sum, self._loss_words = state["loss"]
        mine = of_process[self.group.rank]
        carried: tuple[Tensor, ...] | None = mine["stream_state"]
        self._state = None if carried is None else tuple(part.to(self._device) for part in carried)
        torch.set_rng_state(mine["random_state"].cpu())
        if self._device.type == "cuda" and mine["device_random_state"] is not None:
            torch.cuda.set_rng_state(mine["device_random_state"].cpu(), self._device)

    def _device_random_state(self) -> Tensor | None:
        return torch.cuda.get_rng_state(self._device) if self._device.type == "cuda" else None
