"""The options for the text of commands that train language models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vastmax.arguments import Number, Whole
from vastmax.cli.shared_options import TextOptions
from vastmax.options import DATA, option

if TYPE_CHECKING:
    from vastmax.language_model.text import TrainingText
    from vastmax.progress import Progress


@dataclass(frozen=True, kw_only=True)
class HeldOutOptions:
    """The options for held-out text and the vocabulary."""

    valid: tuple[str, ...] = option((), "Validation text; may be given several times.", metavar="FILE", group=DATA)
    held_out: float = option(
        0.05,
        "Without --valid: share of CORPUS, at its end, to hold out; 0 for none.",
        bound=Number(0.0, 1.0, below=True),
        group=DATA,
    )
    min_count: int = option(2, "Words with fewer occurrences are <unk>.", bound=Whole(1), group=DATA)
    max_final_vocab: int | None = option(
        None,
        "Keep at most this many words, the most frequent ones.",
        bound=Whole(3, optional=True, why="</s>, <unk> and one word"),
        also=("max_size",),
        group=DATA,
    )

    def read(self, text: TextOptions, progress: Progress) -> TrainingText:
        """Return the texts as ids, and the vocabulary of the training text."""
        from vastmax.language_model.text import training_text

        corpus = text.open(progress)
        return training_text(
            corpus,
            text.open(progress, self.valid) if self.valid else None,
            held_out=self.held_out,
            min_count=self.min_count,
            max_size=self.max_final_vocab,
        )

    def facts(self, text: TextOptions) -> dict[str, Any]:
        """Return what a run records about its text."""
        valid = list(self.valid) or None
        return {"sources": list(text.corpus), "validation_sources": valid, "lowercase": text.lowercase}


def encoder_options(encoder: str, assignments: Sequence[str]) -> dict[str, Any]:
    """Return the options of an encoder, from NAME=VALUE."""
    from vastmax.encoder.registry import ENCODERS
    from vastmax.language_model.options import parsed_options

    kind = ENCODERS[encoder]
    return parsed_options(kind.build, assignments, of=encoder, allowed=kind.options)


def encoder_option() -> tuple[str, ...]:
    """Return the field of a command that builds an encoder."""
    declared: tuple[str, ...] = option((), "Such as num_layers=2; may be given several times.", metavar="NAME=VALUE")
    return declared
