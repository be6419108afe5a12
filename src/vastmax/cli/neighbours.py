"""`vastmax neighbours`: the words most similar to given words."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from vastmax.cli.output import print_json, print_table
from vastmax.cli.shared_options import AnswerOptions, VectorsOptions, as_json
from vastmax.options import option, part


@dataclass(frozen=True, kw_only=True)
class NeighboursOptions:
    """The options of `vastmax neighbours`."""

    source: VectorsOptions = part()
    words: tuple[str, ...] = option(..., "Words.", metavar="WORD", positional=True)
    answer: AnswerOptions = part()
    as_json: bool = as_json()


def neighbours(options: NeighboursOptions, context: typer.Context) -> None:
    """Show the words most similar to each WORD, with their cosines.

    On a terminal, there is a table for each word. Elsewhere, each line has the word, the similar word and the cosine,
    separated by tabs.

    \b
    Examples:
      vastmax neighbours vectors.safetensors coffee
      vastmax neighbours vectors.safetensors red green blue --topn 5
      vastmax neighbours glove.6B.100d.txt king --restrict-vocab 30000 --json
    """
    words, answer = options.words, options.answer
    found = options.source.load().neighbours(list(words), answer.topn, restrict_vocab=answer.restrict_vocab)
    if options.as_json:
        print_json(
            [
                {"word": word, "neighbours": [{"word": other, "similarity": cosine} for other, cosine in near]}
                for word, near in zip(words, found, strict=True)
            ]
        )
        return
    for word, near in zip(words, found, strict=True):
        print_table(word, ["neighbour", "similarity"], [[other, f"{cosine:.3f}"] for other, cosine in near], key=word)
