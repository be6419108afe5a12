"""`vastmax lm next`: what may come next."""

from __future__ import annotations

from typing import Annotated

import typer

from vastmax.arguments import whole
from vastmax.cli.lm.model_argument import Device, Run, SearchFile, open_model, open_search, words_of
from vastmax.cli.output import print_json, print_table
from vastmax.cli.vectors_argument import AsJson, TopN


def next_word(
    run: Run,
    context: Annotated[
        str, typer.Argument(metavar="CONTEXT", show_default=False, help='The beginning of a sentence, quoted; or "".')
    ],
    topn: TopN = 10,
    search: SearchFile = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Show the words most likely to come next, with their probabilities.

    \b
    Examples:
      vastmax lm next run "the cat sat on the"
      vastmax lm next run "" --topn 5 --json
      vastmax lm next run "the cat" --search run.index
    """
    folder, model = open_model(run, device)
    whole("topn", topn, 1, len(folder.vocabulary), why="the words that the model knows")

    from vastmax.language_model.prediction import next_words

    found = next_words(model, folder.vocabulary, words_of(folder, context), topn, search=open_search(search, model))
    if as_json:
        print_json([{"word": word, "probability": probability} for word, probability in found])
        return
    print_table(context, ["word", "probability"], [[word, f"{probability:.4f}"] for word, probability in found])
