"""`vastmax lm generate`: sentences drawn from a model."""

from __future__ import annotations

from typing import Annotated

import typer

from vastmax.cli.lm.model_argument import Device, Run, open_model, words_of
from vastmax.cli.output import print_json, say
from vastmax.cli.vectors_argument import AsJson


def generate(
    run: Run,
    context: Annotated[str, typer.Option(metavar="TEXT", help="How each sentence begins.")] = "",
    sentences: Annotated[int, typer.Option("--sentences", "-n", metavar="INT", help="How many to draw.")] = 5,
    max_words: Annotated[int, typer.Option(metavar="INT", help="Words of a sentence at most.")] = 50,
    seed: Annotated[int, typer.Option(metavar="INT", help="Start of the random numbers.")] = 0,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Draw sentences from a model, word by word.

    \b
    Examples:
      vastmax lm generate run
      vastmax lm generate run --context "the cat" -n 3 --seed 7
    """
    folder, model = open_model(run, device)

    from vastmax.language_model.prediction import generate as draw

    drawn = draw(
        model,
        folder.vocabulary,
        context=words_of(folder, context),
        num_sentences=sentences,
        max_words=max_words,
        seed=seed,
    )
    if as_json:
        print_json(drawn)
        return
    for words in drawn:
        say(" ".join(words))
