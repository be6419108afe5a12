"""`vastmax vocab`: the words of a text, and facts about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vastmax.arguments import Whole
from vastmax.cli.output import Figure, print_json, print_table
from vastmax.cli.shared_options import TextOptions, VocabularyOptions, as_json
from vastmax.options import OUTPUT, option, part

if TYPE_CHECKING:
    from vastmax.text import CorpusFacts


@dataclass(frozen=True, kw_only=True)
class VocabOptions:
    """The options of `vastmax vocab`."""

    text: TextOptions = part()
    words: VocabularyOptions = part()
    topn: int = option(10, "Number of frequent words listed.", bound=Whole(0), flags=("--topn", "-n"))
    output: Path | None = option(
        None, "Save the words and counts to this file.", flags=("--output", "-o"), group=OUTPUT
    )
    as_json: bool = as_json()


def vocab(options: VocabOptions, context: typer.Context) -> None:
    """Count the words of a text, and its entropy.

    The facts include how many decisions per word a hierarchical softmax needs on average, in a balanced tree and in a
    Huffman tree. In a pipe, words and counts go to standard output and the facts to standard error.

    \b
    Examples:
      vastmax vocab corpus.txt
      vastmax vocab corpus.txt --min-count 5 --topn 50
      cat *.txt | vastmax vocab - --lowercase --json
      vastmax vocab corpus.txt -o words.vocabulary
    """
    from vastmax.places import claimed
    from vastmax.progress import console_progress

    with claimed(reads=options.text.read_by(), writes={"--output": options.output}):
        with console_progress() as progress:
            text = options.text.open(progress)
        vocabulary = options.words.of(text)
        if options.output is not None:
            vocabulary.save(options.output)
    facts = vocabulary.facts()
    num_listed = min(options.topn, len(vocabulary))
    frequent = [(vocabulary.word(i), int(vocabulary.counts[i])) for i in range(num_listed)]
    if options.as_json:
        print_json(
            {
                **asdict(facts),
                "sentences": text.num_sentences,
                "frequent_words": [{"word": word, "count": count} for word, count in frequent],
            }
        )
        return
    print_facts(facts, aside=True)
    print_table("frequent words", ["word", "count"], frequent)


def print_facts(facts: CorpusFacts, *, aside: bool = False) -> None:
    """Print the facts of a vocabulary as a table: its size, and the path lengths of trees over it."""
    print_table(
        "vocabulary",
        ["", ""],
        [
            ["tokens", facts.tokens],
            ["types", facts.types],
            ["unigram entropy, bits per token", f"{facts.entropy_bits:.2f}"],
            ["unigram perplexity", Figure(facts.unigram_perplexity, ",.0f")],
            ["bits to number the types", f"{facts.log2_types:.2f}"],
            ["expected path, balanced tree", f"{facts.balanced_code_bits:.2f}"],
            ["expected path, Huffman tree", f"{facts.huffman_code_bits:.2f}"],
            ["saved by Huffman", f"{facts.huffman_saving:.1%}"],
            ["saved by an ideal code", f"{facts.ideal_saving:.1%}"],
        ],
        aside=aside,
    )
