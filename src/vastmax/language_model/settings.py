"""The settings of training a language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vastmax.arguments import (
    MOST_EPOCHS,
    MOST_MINUTES,
    MOST_RATE,
    MOST_SEED,
    MOST_SIZE,
    MOST_STEPS,
    Number,
    Whole,
)
from vastmax.errors import InputError, argument
from vastmax.options import TRAINING, check_options, option, takes_old_names, with_new_names
from vastmax.progress import describe_seconds
from vastmax.training.schedule import linear, warmup

PRECISIONS = ("float32", "bfloat16", "float16")


@takes_old_names
@dataclass(frozen=True)
class LanguageModelSettings:
    """The settings of training a language model.

    Attributes:
        epochs: passes over the text, during which the learning rate falls.
        minutes: train for this time instead of `epochs`, without evaluation; the learning rate falls during this time.
        num_streams: B, parts of the text that are read in parallel.
        bptt: T, the sequence length: words of each stream that are read at a time. Gradients reach no further back.
        accumulation: batches of B·T words whose gradients are added up for one step.
        embedding_lr: learning rate of the tables: word vectors and rows of the output layer (row-wise Adagrad).
        dense_lr: learning rate of all other parameters (AdamW).
        weight_decay: of all other parameters.
        warmup_steps: steps during which both rates rise from 0.
        final_share: share of the rates at the end, to which they fall linearly.
        max_norm: the norm to which larger gradients are scaled down; None: no limit.
        precision: of products: "float32", or autocast to "bfloat16" or "float16" (with scaled gradients).
        patience: stop after this many epochs without a better validation perplexity; None: never.
        partition_size: for target sampling: the number of different words in a part of the text, over which its softmax
            normalizes. Larger parts are closer to the full softmax and cost more.
        seed: of the random numbers of training; the parameters are initialized before.
    """

    epochs: int = option(5, "Passes over the text.", bound=Whole(1, MOST_EPOCHS))
    minutes: float | None = option(
        None, "Train for this long instead of by epochs.", bound=Number(0.0, MOST_MINUTES, above=True, optional=True)
    )
    num_streams: int = option(
        32, "Parts of the text read in parallel.", bound=Whole(1, MOST_SIZE), flags=("--streams",), group=TRAINING
    )
    bptt: int = option(
        32,
        "Sequence length: words of each part read at a time; gradients reach no further back.",
        bound=Whole(1, MOST_SIZE),
        group=TRAINING,
    )
    accumulation: int = option(
        1, "Batches whose gradients are added for one step.", bound=Whole(1, MOST_SIZE), group=TRAINING
    )
    embedding_lr: float = option(
        0.3,
        "Learning rate of word vectors and rows of the output layer (row-wise Adagrad).",
        bound=Number(0.0, MOST_RATE, above=True),
        group=TRAINING,
    )
    dense_lr: float = option(
        2e-3,
        "Learning rate of all other parameters (AdamW).",
        bound=Number(0.0, MOST_RATE, above=True),
        group=TRAINING,
    )
    weight_decay: float = option(
        0.0, "Weight decay of all other parameters.", bound=Number(0.0, MOST_RATE), group=TRAINING
    )
    warmup_steps: int = option(100, "Steps during which the rates rise.", bound=Whole(0, MOST_STEPS), group=TRAINING)
    final_share: float = option(0.1, "Share of the rates left at the end.", bound=Number(0.0, 1.0), group=TRAINING)
    max_norm: float | None = option(
        1.0,
        "Scale larger gradients down to this norm; 0: no limit.",
        bound=Number(0.0, above=True, optional=True),
        zero_is_none=True,
        group=TRAINING,
    )
    precision: str = option("float32", "Of products; float16 on GPUs only.", choices=PRECISIONS, group=TRAINING)
    patience: int | None = option(
        None,
        "Stop after this many epochs without a better perplexity.",
        bound=Whole(1, MOST_EPOCHS, optional=True),
        group=TRAINING,
    )
    partition_size: int = option(
        4096, "For target-sampling: different words in a part of the text.", bound=Whole(1), group=TRAINING
    )
    seed: int = option(1, "Start of the random numbers.", bound=Whole(0, MOST_SEED), group=TRAINING)

    def __post_init__(self) -> None:
        check_options(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, for a record or a checkpoint."""
        return asdict(self)

    def check_same(self, before: Mapping[str, Any]) -> None:
        """Raise InputError, with the differences, if the settings differ from those of the started run."""
        before = with_new_names(before)
        changed = [
            f"{argument(name)} was {before.get(name)}, now {value}"
            for name, value in self.as_dict().items()
            if before.get(name) != value
        ]
        if changed:
            raise InputError(f"cannot resume with other settings: {'; '.join(changed)}")

    def require_time_after(self, seconds: float) -> None:
        """Raise InputError if making the tree of the output layer took all the time of the training."""
        if self.minutes is not None and seconds >= 60 * self.minutes:
            raise InputError(
                f"{argument('minutes')} is {self.minutes:g}, and making the tree of the output layer took "
                f"{describe_seconds(seconds)}, so no time is left to train; give more time, or an existing tree"
            )

    def rate_share(self, step: int, done: float) -> float:
        """Return the share of the learning rates at a step (from 0), after a share `done` of the training."""
        return warmup(step, self.warmup_steps) * linear(1.0, self.final_share, min(max(done, 0.0), 1.0))
