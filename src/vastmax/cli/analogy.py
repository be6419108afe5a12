"""`vastmax analogy`: A is to B as C is to what?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import typer

from vastmax.cli.output import print_json, print_table
from vastmax.cli.shared_options import AnswerOptions, VectorsOptions, as_json
from vastmax.options import option, part


@dataclass(frozen=True, kw_only=True)
class AnalogyOptions:
    """The options of `vastmax analogy`."""

    source: VectorsOptions = part()
    a: str = option(..., "A word, …", metavar="A", positional=True)
    b: str = option(..., "… the word it is related to, …", metavar="B", positional=True)
    c: str = option(..., "… and the word to relate likewise.", metavar="C", positional=True)
    answer: AnswerOptions = part()
    method: Literal["3cosadd", "3cosmul"] = option("3cosadd", "Add the cosines, or multiply them.")
    as_json: bool = as_json()


def analogy(options: AnalogyOptions, context: typer.Context) -> None:
    """Show the words that are to C as B is to A.

    \b
    Examples:
      vastmax analogy vectors.safetensors man king woman
      vastmax analogy vectors.safetensors france paris italy --topn 3
      vastmax analogy vectors.safetensors slow slower quick --method 3cosmul --json
    """
    a, b, c, answer = options.a, options.b, options.c, options.answer
    answers = options.source.load().analogy(
        a, b, c, topn=answer.topn, method=options.method, restrict_vocab=answer.restrict_vocab
    )
    if options.as_json:
        found = [{"word": word, "score": score} for word, score in answers]
        print_json({"a": a, "b": b, "c": c, "method": options.method, "answers": found})
        return
    print_table(f"{a} is to {b} as {c} is to", ["word", "score"], [[word, f"{score:.3f}"] for word, score in answers])
