"""How a language model is trained: every choice in one place, checked once."""

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
    check_fields,
    one_of,
)
from vastmax.errors import InputError

PRECISIONS = ("float32", "bfloat16", "float16")

_BOUNDS: dict[str, Whole | Number] = {
    "epochs": Whole(1, MOST_EPOCHS),
    "minutes": Number(0.0, MOST_MINUTES, above=True, optional=True),
    "num_streams": Whole(1, MOST_SIZE),
    "stretch": Whole(1, MOST_SIZE),
    "accumulation": Whole(1, MOST_SIZE),
    "table_rate": Number(0.0, MOST_RATE, above=True),
    "dense_rate": Number(0.0, MOST_RATE, above=True),
    "weight_decay": Number(0.0, MOST_RATE),
    "warmup_steps": Whole(0, MOST_STEPS),
    "final_share": Number(0.0, 1.0),
    "max_norm": Number(0.0, above=True, optional=True),
    "patience": Whole(1, MOST_EPOCHS, optional=True),
    "partition_size": Whole(1),
    "seed": Whole(0, MOST_SEED),
}


@dataclass(frozen=True)
class LanguageModelSettings:
    """Of `train`.

    Attributes:
        epochs: passes over the text; the learning rate falls over all of them.
        minutes: train for so long in place of `epochs`, evaluation not counted; the learning rate falls over that time.
        num_streams: B, parts of the text that are read side by side.
        stretch: T, words of each that are read at a time; gradients reach no further back.
        accumulation: stretches whose gradients are added up for a step of the optimisers: it trains B·T words of each.
        table_rate: learning rate of the tables: word vectors and rows of the output layer (row-wise Adagrad).
        dense_rate: learning rate of all else (AdamW).
        weight_decay: of all else.
        warmup_steps: over which both rates rise from 0.
        final_share: of the rates, that is left at the end; they fall linearly.
        max_norm: gradients are scaled down to this norm; None leaves them.
        precision: of the products: "float32", or autocast to "bfloat16" or "float16" (with scaled gradients).
        patience: epochs without a better validation perplexity after which training stops; None: never.
        partition_size: for target sampling: different words that a part of the text may have, over which its softmax
            goes. The larger, the nearer to the softmax over all words, and the dearer.
        seed: of what is random in training. Parameters are drawn before, by whoever builds the model.
    """

    epochs: int = 5
    minutes: float | None = None
    num_streams: int = 32
    stretch: int = 32
    accumulation: int = 1
    table_rate: float = 0.3
    dense_rate: float = 2e-3
    weight_decay: float = 0.0
    warmup_steps: int = 100
    final_share: float = 0.1
    max_norm: float | None = 1.0
    precision: str = "float32"
    patience: int | None = None
    partition_size: int = 4096
    seed: int = 1

    def __post_init__(self) -> None:
        check_fields(self, _BOUNDS)
        one_of("precision", self.precision, PRECISIONS)

    def as_dict(self) -> dict[str, Any]:
        """By name, for a record or a checkpoint."""
        return asdict(self)

    def check_same(self, before: Mapping[str, Any]) -> None:
        """Raise InputError, which names them, where settings differ from those that a run was begun with."""
        changed = [
            f"{name} was {before.get(name)}, now {value}"
            for name, value in self.as_dict().items()
            if before.get(name) != value
        ]
        if changed:
            raise InputError(f"cannot resume with other settings: {'; '.join(changed)}")

    def rate_share(self, step: int, done: float) -> float:
        """The share of the learning rates at a step (from 0), `done` of the training being over."""
        warm = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        return warm * (1 - (1 - self.final_share) * min(max(done, 0.0), 1.0))
