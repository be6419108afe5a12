"""The settings of a race."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vastmax.arguments import MOST_THREADS, Number, Whole
from vastmax.errors import InputError, argument
from vastmax.language_model.config import ModelConfig
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.options import check_options, option, with_new_names

DEFAULT_MINUTES = 3.0
"""Minutes per method: enough to distinguish methods on a text of some million words, within half an hour in total."""


def default_methods() -> tuple[str, ...]:
    """Return the baseline and the exact and sampled methods that practitioners usually consider."""
    from vastmax.methods import RECIPES

    return tuple(name for name, method in RECIPES.items() if method.in_default_race)


@dataclass(frozen=True)
class RaceKnobs:
    """The settings of the search for rates and of measurements; see `RaceSettings`."""

    trials: int = option(
        0,
        "Short trials per method, to search for its learning rates; 0: none.",
        bound=Whole(0, 1_000),
        flags=("--tune",),
    )
    trial_share: float = option(0.1, "Length of a trial, as a share of the budget.", bound=Number(0.0, 1.0, above=True))
    points: int = option(12, "Number of measurements of the perplexity during training.", bound=Whole(1, 10_000))
    curve_words: int = option(20_000, "Validation words for these; at the end all are used.", bound=Whole(1))
    threads: int | None = option(
        None, "Threads.", bound=Whole(1, MOST_THREADS, optional=True), default_text="one per core"
    )


@dataclass(frozen=True)
class RaceSettings(RaceKnobs):
    """The settings of a race, the same for all methods except for their own options.

    Attributes:
        methods: of `RECIPES`, in the order in which they run.
        encoder: of `ENCODERS`.
        hidden_size: D.
        encoder_options: by name; see `EncoderKind.options`.
        method_options: for each method that has any, options by name, as its recipe takes them.
        training: budget (`minutes` of training, or `epochs`), streams, seed and all else. The rates in it are those
            that every method is trained with, or those from which the search for better ones begins.
        processor_time: `minutes` are those of the processor, all threads together, and not of the clock on the wall:
            for a machine that other work shares.
        trials: how many pairs of rates each method may try before it runs; 0: none, it runs with those of `training`.
        trial_share: of the budget, that a trial trains for.
        points: how often the perplexity is measured, the end included and the start not; closer together at first.
        curve_words: of the validation text that these measurements read. The figures of the end come from all of it.
        threads: of each method's process; None: as many as PyTorch takes.
        device: such as "cpu" or "cuda".

    Raises:
        InputError: a value out of range, a name that does not exist, options of a method that does not run, or a method
            that the training of language models cannot feed.

    Example:
        >>> RaceSettings(methods=("softmax", "nce"), hidden_size=64, training=LanguageModelSettings(epochs=1)).budget
        '1 epoch'
    """

    methods: tuple[str, ...] = field(default_factory=default_methods)
    encoder: str = ModelConfig.encoder
    hidden_size: int = ModelConfig.hidden_size
    encoder_options: Mapping[str, Any] = field(default_factory=dict)
    method_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: LanguageModelSettings = field(default_factory=lambda: LanguageModelSettings(minutes=DEFAULT_MINUTES))
    processor_time: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        import torch

        from vastmax.encoder.registry import ENCODERS
        from vastmax.methods import RECIPES

        object.__setattr__(self, "methods", tuple(self.methods))
        if not self.methods:
            raise InputError(f"{argument('methods')} is ''; expected some of {', '.join(RECIPES)}")
        for name in self.methods:
            self.model(name)  # which checks the names
            if self.methods.count(name) > 1:
                raise InputError(f"the method {name!r} is given twice; give it once")
        for name in self.method_options:
            if name not in self.methods:
                raise InputError(
                    f"there are options for {name!r}, which does not run; expected {', '.join(self.methods)}"
                )
        check_options(self)
        if self.training.patience is not None:
            raise InputError("with patience, methods would have different budgets; leave it out")
        # An encoder that cannot be built would fail every method, one after the other.
        ENCODERS[self.encoder].require_memory(3, self.hidden_size, self.encoder_options)
        with torch.random.fork_rng(devices=[]):
            ENCODERS[self.encoder](3, self.hidden_size, self.encoder_options)

    @property
    def budget(self) -> str:
        """The budget of each method, as text."""
        if self.training.minutes is not None:
            unit = "processor minute" if self.processor_time else "minute"
            return f"{self.training.minutes:g} {unit}{'s' if self.training.minutes != 1 else ''}"
        return f"{self.training.epochs} epoch{'s' if self.training.epochs > 1 else ''}"

    @property
    def clock(self) -> Callable[[], float]:
        """The clock for `minutes`, in seconds."""
        return time.process_time if self.processor_time else time.perf_counter

    @property
    def expected_seconds(self) -> float | None:
        """Seconds of training in the whole race, including trials; None if the budget is in epochs."""
        if self.training.minutes is None:
            return None
        return 60 * self.training.minutes * len(self.methods) * (1 + self.trials * self.trial_share)

    def model(self, method: str) -> ModelConfig:
        """Return the model of a method, with the same encoder and initialization for each."""
        return ModelConfig(
            self.encoder,
            method,
            self.hidden_size,
            dict(self.encoder_options),
            dict(self.method_options.get(method, {})),
            seed=self.training.seed,
        )

    def trained_with(self, rates: Mapping[str, float]) -> LanguageModelSettings:
        """Return `training` with other rates."""
        return LanguageModelSettings(**{**self.training.as_dict(), **rates})

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "methods": list(self.methods)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RaceSettings:
        """Return the settings that `as_dict` describes."""
        return cls(**{**data, "training": LanguageModelSettings(**with_new_names(data["training"]))})
