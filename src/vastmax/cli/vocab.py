"""`vastmax vocab`: what is in a text, before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vastmax.cli.corpus_options import (
    Column,
    CorpusSources,
    DecodingErrors,
    Errors,
    Lowercase,
    MaxVocabSize,
    UseCache,
    open_corpus,
)
from vastmax.cli.output import check_output_file, print_json, print_table
from vastmax.cli.vectors_argument import AsJson

if TYPE_CHECKING:
    from vastmax.text import CorpusFacts


def vocab(
    corpus: CorpusSources,
    min_count: Annotated[int, typer.Option(metavar="INT", help="Leave out words that are rarer than this.")] = 1,
    max_vocab_size: MaxVocabSize = None,
    topn: Annotated[int, typer.Option("--topn", "-n", metavar="INT", help="How many frequent words to list.")] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Keep the words and counts in this file.")
    ] = None,
    lowercase: Lowercase = False,
    errors: Errors = DecodingErrors.strict,
    column: Column = None,
    cache: UseCache = True,
    as_json: AsJson = False,
) -> None:
    """Count the words of a text: entropy, and what a Huffman tree saves over a balanced one.

    \b
    Examples:
      vastmax vocab corpus.txt
      vastmax vocab corpus.txt --min-count 5 --topn 50
      cat *.txt | vastmax vocab - --lowercase --json
      vastmax vocab corpus.txt -o words.vocabulary
    """
    from vastmax.progress import console_progress

    if output is not None:
        check_output_file(output)
    with console_progress() as progress:
        text = open_corpus(corpus, lowercase=lowercase, errors=errors, column=column, cache=cache, progress=progress)
    vocabulary = text.vocabulary.truncate(min_count=min_count, max_size=max_vocab_size)
    if output is not None:
        vocabulary.save(output)
    facts = vocabulary.facts()
    frequent = [(vocabulary.word(i), int(vocabulary.counts[i])) for i in range(min(topn, len(vocabulary)))]
    if as_json:
        print_json(
            {
                **_as_json(facts),
                "sentences": text.num_sentences,
                "frequent_words": [{"word": word, "count": count} for word, count in frequent],
            }
        )
        return
    print_facts(facts)
    print_table("frequent words", ["word", "count"], [[word, f"{count:,}"] for word, count in frequent])


def print_facts(facts: CorpusFacts) -> None:
    """The facts of a vocabulary as a table."""
    print_table(
        "vocabulary",
        ["", ""],
        [
            ["tokens", f"{facts.num_tokens:,}"],
        ],
    )


def _as_json(facts: CorpusFacts) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(facts)
