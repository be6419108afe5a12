"""`vastmax neighbours`: the words most like one word."""

from __future__ import annotations

from typing import Annotated

import typer

from vastmax.cli.output import print_json, print_table
from vastmax.cli.vectors_argument import AsJson, BadLine, OnBadLine, RestrictVocab, TopN, VectorsFile, load_vectors


def neighbours(
    vectors: VectorsFile,
    words: Annotated[list[str], typer.Argument(metavar="WORD", show_default=False, help="The words to look around.")],
    topn: TopN = 10,
    restrict_vocab: RestrictVocab = None,
    on_bad_line: OnBadLine = BadLine.REFUSE,
    as_json: AsJson = False,
) -> None:
    """Show the words most like each WORD.

    The number is the cosine similarity. On a terminal there is a table for each word; elsewhere each line holds word,
    neighbour and similarity, separated by tabs.

    \b
    Examples:
      vastmax neighbours vectors.safetensors coffee
      vastmax neighbours vectors.safetensors red green blue --topn 5
      vastmax neighbours glove.6B.100d.txt king --restrict-vocab 30000 --json
    """
    found = load_vectors(vectors, on_bad_line).neighbours(words, topn, restrict_vocab=restrict_vocab)
    if as_json:
        print_json(
            [
                {"word": word, "neighbours": [{"word": other, "similarity": cosine} for other, cosine in near]}
                for word, near in zip(words, found, strict=True)
            ]
        )
        return
    for word, near in zip(words, found, strict=True):
        print_table(word, ["neighbour", "similarity"], [[other, f"{cosine:.3f}"] for other, cosine in near], key=word)
