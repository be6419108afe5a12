"""`vastmax analogy`: A is to B as C is to what?"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from vastmax.cli.output import print_json, print_table
from vastmax.cli.vectors_argument import AsJson, BadLine, OnBadLine, RestrictVocab, TopN, VectorsFile, load_vectors


class Method(StrEnum):
    """How the three cosines make one score."""

    add = "3cosadd"
    mul = "3cosmul"


def analogy(
    vectors: VectorsFile,
    a: Annotated[str, typer.Argument(metavar="A", show_default=False, help="A word, …")],
    b: Annotated[str, typer.Argument(metavar="B", show_default=False, help="… the word it is related to, …")],
    c: Annotated[str, typer.Argument(metavar="C", show_default=False, help="… and the word to do the same with.")],
    topn: TopN = 10,
    method: Annotated[
        Method, typer.Option(metavar="3cosadd|3cosmul", help="Add the cosines, or multiply them.")
    ] = Method.add,
    restrict_vocab: RestrictVocab = None,
    on_bad_line: OnBadLine = BadLine.REFUSE,
    as_json: AsJson = False,
) -> None:
    """Show the words that are to C as B is to A.

    \b
    Examples:
      vastmax analogy vectors.safetensors man king woman
      vastmax analogy vectors.safetensors france paris italy --topn 3
      vastmax analogy vectors.safetensors slow slower quick --method 3cosmul --json
    """
    answers = load_vectors(vectors, on_bad_line).analogy(
        a, b, c, topn=topn, method=method.value, restrict_vocab=restrict_vocab
    )
    if as_json:
        print_json(
            {"a": a, "b": b, "c": c, "method": method.value, "answers": [{"word": w, "score": s} for w, s in answers]}
        )
        return
    print_table(f"{a} is to {b} as {c} is to", ["word", "score"], [[word, f"{score:.3f}"] for word, score in answers])
