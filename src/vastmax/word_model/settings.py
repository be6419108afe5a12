"""The settings of training word vectors by a recipe, checked once."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch

from vastmax.arguments import one_of
from vastmax.embedding.settings import OBJECTIVES, CheckedCommonSettings, TrainingSettings, checked_common
from vastmax.errors import InputError, argument
from vastmax.methods import RECIPES
from vastmax.options import check_options, takes_old_names
from vastmax.proposal.target_partition import PARTITION

DEFAULT_ALPHA = 0.1
"""Learning rate of row-wise Adagrad, for every recipe; Adagrad scales all of their steps to this size."""

_NOT_FOR_WORDS = "context:previous_word_id"


def trainable_recipes() -> tuple[str, ...]:
    """Return the names in `RECIPES` of those that can train word vectors."""
    return tuple(name for name, recipe in RECIPES.items() if _NOT_FOR_WORDS not in recipe.needs)


@takes_old_names
@dataclass(frozen=True)
class WordModelSettings(TrainingSettings):
    """`TrainingSettings` of an objective that is trained through PyTorch."""

    objective: str = "sampled-softmax"


@dataclass(frozen=True)
class CheckedWordModelSettings(CheckedCommonSettings):
    """The checked settings of training through PyTorch."""

    objective: str
    objective_options: dict[str, Any]
    batch_size: int
    dense_lr: float
    partition_size: int
    device: str

    weight_decay = 0.0
    """For `optimizers_for`: vectors are trained without weight decay."""

    @property
    def embedding_lr(self) -> float:
        """`alpha`, by the name that `optimizers_for` uses."""
        return self.alpha

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, for a record; an option that is not JSON, such as a tree, as its type."""
        plain = {
            name: value if isinstance(value, str | int | float | list | tuple | None) else type(value).__name__
            for name, value in self.objective_options.items()
        }
        return {**vars(self), "stop_words": list(self.stop_words), "objective_options": plain}

    @property
    def takes_partitions(self) -> bool:
        """Whether the recipe needs the targets of a part of the text."""
        return f"context:{PARTITION}" in RECIPES[self.objective].needs


def checked(settings: TrainingSettings) -> CheckedWordModelSettings:
    """Fill in defaults; raise InputError for the first invalid setting."""
    name, options = settings.objective, dict(settings.objective_options or {})
    if name in RECIPES and name not in trainable_recipes():
        raise InputError(
            f"{argument('objective')} is {name!r}, whose noise depends on the previous word; a pair of words has "
            "none, so it is for language models only (vastmax lm train). Use 'importance-sampling'"
        )
    one_of("objective", name, tuple(dict.fromkeys([*OBJECTIVES, *trainable_recipes()])))
    check_options(settings)
    parameters = inspect.signature(RECIPES[name].build).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            offer = f"it has {', '.join(known)}" if known else "it has none"
            raise InputError(f"objective {name!r} has no option {option!r}; {offer}")
    return CheckedWordModelSettings(
        **vars(checked_common(settings, DEFAULT_ALPHA)),
        objective=name,
        objective_options=options,
        batch_size=settings.batch_size,
        dense_lr=settings.dense_lr,
        partition_size=settings.partition_size,
        device=_usable_device(settings.device),
    )


def _usable_device(name: str) -> str:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, TypeError) as error:
        why = str(error).partition("\n")[0]
        raise InputError(
            f"{argument('device')} is {name!r}, which PyTorch cannot use here ({why}); use 'cpu'"
        ) from None
    return name
