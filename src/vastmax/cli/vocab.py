"""`vastmax vocab`: what is in a text, before anything is trained on it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vastmax.cli.corpus_options import (
    Column,
    CorpusSources,
    DecodingErrors,
    Errors,
    Lowercase,
    MaxFinalVocab,
    UseCache,
    open_corpus,
    read_by,
)
from vastmax.cli.output import print_json, print_table
from vastmax.cli.vectors_argument import AsJson

if TYPE_CHECKING:
    from vastmax.text import CorpusFacts


def vocab(
    corpus: CorpusSources,
    min_count: Annotated[int, typer.Option(metavar="INT", help="Leave out words that are rarer than this.")] = 1,
    max_final_vocab: MaxFinalVocab = None,
    topn: Annotated[int, typer.Option("--topn", "-n", metavar="INT", help="How many frequent words to list.")] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Keep the words and counts in this file.")
    ] = None,
    lowercase: Lowercase = False,
    errors: Errors = DecodingErrors.STRICT,
    column: Column = None,
    cache: UseCache = True,
    as_json: AsJson = False,
) -> None:
    """Count the words of a text, and its entropy.

    The last lines say how many decisions a hierarchical softmax needs for a word on average, in a balanced tree and in
    a Huffman tree.

    \b
    Examples:
      vastmax vocab corpus.txt
      vastmax vocab corpus.txt --min-count 5 --topn 50
      cat *.txt | vastmax vocab - --lowercase --json
      vastmax vocab corpus.txt -o words.vocabulary
    """
    from vastmax.places import claimed
    from vastmax.progress import console_progress

    with claimed(reads=read_by(corpus), writes={"--output": output}):
        with console_progress() as progress:
            text = open_corpus(
                corpus, lowercase=lowercase, errors=errors, column=column, cache=cache, progress=progress
            )
        vocabulary = text.vocabulary.truncate(min_count=min_count, max_size=max_final_vocab)
        if output is not None:
            vocabulary.save(output)
    facts = vocabulary.facts()
    frequent = [(vocabulary.word(i), int(vocabulary.counts[i])) for i in range(min(topn, len(vocabulary)))]
    if as_json:
        print_json(
            {
                **asdict(facts),
                "sentences": text.num_sentences,
                "frequent_words": [{"word": word, "count": count} for word, count in frequent],
            }
        )
        return
    print_facts(facts)
    print_table("frequent words", ["word", "count"], [[word, f"{count:,}"] for word, count in frequent])


def print_facts(facts: CorpusFacts) -> None:
    """The facts of a vocabulary as a table: what there is, and how long the paths of the trees over it would be."""
    print_table(
        "vocabulary",
        ["", ""],
        [
            ["tokens", f"{facts.tokens:,}"],
            ["types", f"{facts.types:,}"],
            ["unigram entropy, bits a token", f"{facts.entropy_bits:.2f}"],
            ["unigram perplexity", f"{facts.unigram_perplexity:,.0f}"],
            ["bits to number the types", f"{facts.log2_types:.2f}"],
            ["expected path, balanced tree", f"{facts.balanced_code_bits:.2f}"],
            ["expected path, Huffman tree", f"{facts.huffman_code_bits:.2f}"],
            ["saved by Huffman", f"{facts.huffman_saving:.1%}"],
            ["saved by an ideal code", f"{facts.ideal_saving:.1%}"],
        ],
    )
