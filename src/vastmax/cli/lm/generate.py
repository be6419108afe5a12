"""`vastmax lm generate`: sentences drawn from a model."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from vastmax.arguments import MOST_SEED, Whole
from vastmax.cli.output import print_json, say
from vastmax.cli.shared_options import ModelOptions, as_json, words_of
from vastmax.options import option, part


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """Of `vastmax lm generate`."""

    model: ModelOptions = part()
    context: str = option("", "How each sentence begins.")
    sentences: int = option(
        5, "How many to draw.", bound=Whole(1, 1_000_000), flags=("--sentences", "-n"), also=("num_sentences",)
    )
    max_words: int = option(50, "Words of a sentence at most.", bound=Whole(1, 1_000_000))
    seed: int = option(0, "Start of the random numbers.", bound=Whole(0, MOST_SEED))
    as_json: bool = as_json()


def generate(options: GenerateOptions, context: typer.Context) -> None:
    """Draw sentences from a model, word by word.

    \b
    Examples:
      vastmax lm generate run
      vastmax lm generate run --context "the cat" -n 3 --seed 7
    """
    folder, model = options.model.open()

    from vastmax.language_model.prediction import generate as draw

    drawn = draw(
        model,
        folder.vocabulary,
        context=words_of(folder, options.context),
        num_sentences=options.sentences,
        max_words=options.max_words,
        seed=options.seed,
    )
    if options.as_json:
        print_json(drawn)
        return
    for words in drawn:
        say(" ".join(words))
