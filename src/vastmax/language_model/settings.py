"""How a language model is trained: every choice in one place, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vastmax.errors import InputError

PRECISIONS = ("float32", "bfloat16", "float16")


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
        for name in ("epochs", "num_streams", "stretch", "accumulation", "partition_size"):
            _whole(name, getattr(self, name), least=1)
        _whole("warmup_steps", self.warmup_steps, least=0)
        _whole("seed", self.seed, least=0)
        if self.patience is not None:
            _whole("patience", self.patience, least=1)
        for name in ("table_rate", "dense_rate"):
            _real(name, getattr(self, name), above=0.0)
        for name in ("minutes", "max_norm"):
            if getattr(self, name) is not None:
                _real(name, getattr(self, name), above=0.0)
        if not self.weight_decay >= 0 or not math.isfinite(self.weight_decay):
            raise InputError(f"weight_decay is {self.weight_decay}; expected 0 or more")
        if not 0 <= self.final_share <= 1:
            raise InputError(f"final_share is {self.final_share}; expected between 0 and 1")
        if self.precision not in PRECISIONS:
            raise InputError(f"precision is {self.precision!r}; expected {', '.join(map(repr, PRECISIONS))}")

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


def _whole(name: str, value: Any, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}; expected a whole number of at least {least}")


def _real(name: str, value: Any, *, above: float) -> None:
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= above:
        raise InputError(f"{name} is {value!r}; expected a finite number above {above:g}")
