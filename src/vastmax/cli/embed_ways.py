"""The two ways in which `vastmax embed` trains: the native kernels, and PyTorch for every other objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vastmax.cli.failure import EXIT_INTERRUPTED
from vastmax.cli.lm.model_argument import checked_device, require_torch
from vastmax.cli.lm.stopping import StopSignals
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.embedding import WordVectors
    from vastmax.progress import Progress
    from vastmax.text import Corpus

Advise = Callable[[str], object]
"""Told what about the settings wastes time or hurts."""


class Way(Protocol):
    """Settings that were checked, and what trains by them."""

    settings: Any
    checkpoints: Any  # the class of them

    def train(self, text: Corpus, checkpoints: Any, advise: Advise, progress: Progress) -> WordVectors:
        """The vectors; KeyboardInterrupt or SystemExit when it was told to stop, after it has saved."""


class NativeWay:
    """Negative sampling, hierarchical softmax, and both: see `vastmax.train_embeddings`."""

    def __init__(self, options: Mapping[str, Any], start_from: Path | None) -> None:
        from vastmax.embedding import WordVectors
        from vastmax.embedding.checkpoints import Checkpoints
        from vastmax.embedding.settings import TrainingSettings, checked

        self.settings = checked(TrainingSettings(**options))
        self.checkpoints = Checkpoints
        self._start = None if start_from is None else WordVectors.load(start_from)

    def train(self, text: Corpus, checkpoints: Any, advise: Advise, progress: Progress) -> WordVectors:
        """See `Way.train`."""
        from vastmax.embedding.train import train

        return train(text, self.settings, start=self._start, checkpoints=checkpoints, advise=advise, progress=progress)


class RecipeWay:
    """Any recipe, by PyTorch: see `vastmax.train_word_model`."""

    def __init__(self, objective: str, assignments: Sequence[str], options: Mapping[str, Any]) -> None:
        from vastmax.embedding.settings import OBJECTIVES

        require_torch(f"--objective {objective} (all but {', '.join(OBJECTIVES)})")
        from vastmax.language_model.options import parsed_options
        from vastmax.methods import RECIPES
        from vastmax.word_model.checkpoint import WordModelCheckpoints
        from vastmax.word_model.settings import WordModelSettings, checked, trainable_recipes

        if objective not in RECIPES:
            names = dict.fromkeys([*OBJECTIVES, *trainable_recipes()])
            raise InputError(f"objective is {objective!r}; expected {', '.join(names)}")
        settings = WordModelSettings(
            objective=objective,
            objective_options=parsed_options(RECIPES[objective].build, assignments, of=objective),
            **options,
        )
        checked_device(settings.device)
        self.settings = checked(settings)
        self.checkpoints = WordModelCheckpoints

    def train(self, text: Corpus, checkpoints: Any, advise: Advise, progress: Progress) -> WordVectors:
        """See `Way.train`."""
        from vastmax.word_model.train import train

        with StopSignals() as stop:
            run = train(text, self.settings, checkpoints=checkpoints, advise=advise, progress=progress, stop=stop)
        if not run.finished:
            raise KeyboardInterrupt if stop.exit_code == EXIT_INTERRUPTED else SystemExit(stop.exit_code)
        return run.word_vectors()
