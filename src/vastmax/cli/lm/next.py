"""`vastmax lm next`: the most probable next words."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from vastmax.arguments import Whole, whole
from vastmax.cli.output import print_json, print_table
from vastmax.cli.shared_options import ModelOptions, SearchOptions, as_json, words_of
from vastmax.options import option, part


@dataclass(frozen=True, kw_only=True)
class NextOptions:
    """The options of `vastmax lm next`."""

    model: ModelOptions = part()
    context: str = option(..., 'The beginning of a sentence, quoted; or "".', metavar="CONTEXT", positional=True)
    topn: int = option(10, "Number of words shown.", bound=Whole(1), flags=("--topn", "-n"))
    index: SearchOptions = part()
    as_json: bool = as_json()


def next_word(options: NextOptions, context: typer.Context) -> None:
    """Show the words most likely to come next, with their probabilities.

    \b
    Examples:
      vastmax lm next run "the cat sat on the"
      vastmax lm next run "" --topn 5 --json
      vastmax lm next run "the cat" --search run.index
    """
    folder, model = options.model.open()
    whole("topn", options.topn, 1, len(folder.vocabulary), why="the words of the model")

    from vastmax.language_model.prediction import next_words

    index = options.index.open(model)
    found = next_words(model, folder.vocabulary, words_of(folder, options.context), options.topn, search=index)
    if options.as_json:
        print_json([{"word": word, "probability": probability} for word, probability in found])
        return
    rows = [[word, f"{probability:.4f}"] for word, probability in found]
    print_table(options.context, ["word", "probability"], rows)
