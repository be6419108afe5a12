"""`vastmax lm generate`: sentences drawn from a model."""

from __future__ import annotations

from typing import Annotated

import typer

from vastmax.cli.lm.model_argument import Device, Run, SearchFile, open_model, open_search, words_of
from vastmax.cli.output import print_json, say
from vastmax.cli.vectors_argument import AsJson


def generate(
    run: Run,
    context: Annotated[str, typer.Option(metavar="TEXT", help="How each sentence begins.")] = "",
    sentences: Annotated[int, typer.Option("--sentences", "-n", metavar="INT", help="How many to draw.")] = 5,
    max_words: Annotated[int, typer.Option(metavar="INT", help="Words of a sentence at most.")] = 50,
    temperature: Annotated[
        float, typer.Option(metavar="FLOAT", help="Below 1 likely words are drawn more often, above 1 less often.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(metavar="INT", help="Draw among so many best words only.")] = None,
    top_p: Annotated[
        float, typer.Option(metavar="FLOAT", help="Draw among the best words that together have this share.")
    ] = 1.0,
    repetition_penalty: Annotated[
        float, typer.Option(metavar="FLOAT", help="What the probability of words said before is divided by.")
    ] = 1.0,
    beams: Annotated[
        int | None, typer.Option(metavar="INT", help="Draw nothing: show the most probable sentences of beam search.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="INT", help="Start of the random numbers.")] = 0,
    search: SearchFile = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Draw sentences from a model, word by word.

    \b
    Examples:
      vastmax lm generate run
      vastmax lm generate run --context "the cat" -n 3 --seed 7
      vastmax lm generate run --temperature 0.8 --top-p 0.95 --search run.index
      vastmax lm generate run --context "the cat" --beams 4
    """
    folder, model = open_model(run, device)

    from vastmax.language_model.generation import Sampling, beam_search, check_choice
    from vastmax.language_model.generation import generate as draw

    sampling = Sampling(temperature, top_k, top_p, repetition_penalty)
    check_choice(sampling, beams)
    begun = words_of(folder, context)
    index = open_search(search, model)
    if beams is not None:
        found = beam_search(model, folder.vocabulary, context=begun, beams=beams, max_words=max_words, search=index)
        drawn = [words for words, _ in found]
    else:
        drawn = draw(
            model,
            folder.vocabulary,
            context=begun,
            num_sentences=sentences,
            max_words=max_words,
            seed=seed,
            sampling=sampling,
            search=index,
        )
    if as_json:
        print_json(drawn)
        return
    for words in drawn:
        say(" ".join(words))
