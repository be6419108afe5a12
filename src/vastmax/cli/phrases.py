"""`vastmax phrases`: words that belong together, joined."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vastmax.arguments import MOST_PASSES, Whole
from vastmax.cli.command import was_given
from vastmax.cli.output import print_json, print_table, say
from vastmax.cli.shared_options import TextOptions, as_json
from vastmax.errors import InputError, argument
from vastmax.options import OUTPUT, option, part

if TYPE_CHECKING:
    from vastmax.text import Corpus, Phrase, Phrases


@dataclass(frozen=True, kw_only=True)
class PhrasesOptions:
    """The options of `vastmax phrases`."""

    text: TextOptions = part()
    output: Path | None = option(
        None,
        "Where the joined text goes, compressed if it is called .gz .bz2 .xz or .zst; standard output if nothing else "
        "is asked for.",
        flags=("--output", "-o"),
        group=OUTPUT,
    )
    passes: int = option(1, "Each pass joins two of the words before it.", bound=Whole(1, MOST_PASSES))
    scoring: str = option(
        "counts",
        "How much more often than by chance; or as gensim has it; or normalised pointwise mutual information.",
        choices=("counts", "gensim", "npmi"),
    )
    threshold: float | None = option(
        None,
        "Pairs with a higher score are joined; halved from pass to pass, except for npmi.",
        default_text="100; gensim: 10; npmi: 0.5",
    )
    min_count: int = option(5, "Pairs that are rarer are not joined.", bound=Whole(1))
    discount: float | None = option(None, "Taken off the count of a pair, not with npmi.", default_text="min-count")
    delimiter: str = option("_", "Stands between joined words.")
    connectors: Path | None = option(
        None, "Words, one per line, that may stand inside a phrase but not at its ends, such as 'of'."
    )
    save: Path | None = option(None, "Keep the phrases, for --model.", group=OUTPUT)
    model: Path | None = option(None, "Join the phrases kept in this file, instead of finding some.")
    as_list: bool = option(False, "Print the phrases, the highest scores first.", flags=("--list",), group=OUTPUT)
    topn: int | None = option(
        None,
        "How many phrases to list.",
        bound=Whole(1, optional=True),
        flags=("--topn", "-n"),
        default_text="all",
        group=OUTPUT,
    )
    as_json: bool = as_json()


FOR_FINDING = ("passes", "scoring", "threshold", "min_count", "discount", "delimiter", "connectors")
"""Options that mean nothing with --model."""


def phrases(options: PhrasesOptions, context: typer.Context) -> None:
    """Find words that belong together, and join them: new york -> new_york.

    \b
    Examples:
      vastmax phrases corpus.txt -o joined.txt.gz --passes 2
      vastmax phrases corpus.txt --list -n 50
      vastmax phrases corpus.txt --save phrases.jsonl --connectors of-the-and.txt
      vastmax phrases new.txt --model phrases.jsonl | vastmax embed - -o vectors.safetensors
    """
    from vastmax.places import claimed
    from vastmax.progress import console_progress
    from vastmax.text import Phrases, find_phrases, read_word_list

    model, output, save = options.model, options.output, options.save
    given = [name for name in FOR_FINDING if was_given(context, name)]
    if model is not None and given:
        raise InputError(f"--model {model} says how its phrases were found: leave out {argument(given[0])}")
    reads = options.text.read_by(model=model, connectors=options.connectors)
    context.with_resource(claimed(reads=reads, writes={"--output": output, "--save": save}))
    found = None if model is None else Phrases.load(model)
    connectors = [] if options.connectors is None else read_word_list(options.connectors)
    with console_progress() as progress:
        text = options.text.open(progress)
        if found is None:
            found = find_phrases(
                text,
                passes=options.passes,
                scoring=options.scoring,
                threshold=options.threshold,
                min_count=options.min_count,
                discount=options.discount,
                delimiter=options.delimiter,
                connectors=connectors,
                progress=progress,
            )
        if save is not None:
            found.save(save)
        joined = None
        if output is not None or not (options.as_list or options.as_json or save is not None):
            joined = found.apply(text, progress=progress)
    if joined is not None:
        _write(joined, output)
    _print(options, found, text, joined)


def _print(options: PhrasesOptions, found: Phrases, text: Corpus, joined: Corpus | None) -> None:
    if options.as_json:
        _print_as_json(found, text, joined, options.topn)
    elif options.as_list:
        highest = _highest(found, options.topn)
        rows = [[phrase.text, phrase.count, f"{phrase.score:.4g}"] for _, phrase in highest]
        print_table("phrases", ["phrase", "count", "score"], rows)
    elif joined is not None and options.output is not None:
        say(f"{options.output}: {joined.num_tokens:,} words for {text.num_tokens:,}; {len(found):,} phrases")
    elif options.save is not None:
        say(f"{options.save}: {len(found):,} phrases")


def _highest(found: Phrases, topn: int | None) -> list[tuple[int, Phrase]]:
    """The phrases with the highest scores, each with the number of its pass."""
    numbered = [(number, phrase) for number, of_pass in enumerate(found.passes, start=1) for phrase in of_pass]
    return sorted(numbered, key=lambda pair: -pair[1].score)[:topn]


def _write(joined: Corpus, output: Path | None) -> None:
    from vastmax.atomic import replacing
    from vastmax.embedding.formats.compressed import SUFFIXES, writing
    from vastmax.text import plain_text

    if output is None:
        for piece in plain_text(joined):
            sys.stdout.buffer.write(piece)
        return
    compression = output.suffix if output.suffix in SUFFIXES else None
    with replacing(output) as beside, writing(beside, compression) as stream:
        for piece in plain_text(joined):
            stream.write(piece)


def _print_as_json(found: Phrases, text: Corpus, joined: Corpus | None, topn: int | None) -> None:
    from dataclasses import asdict

    print_json(
        {
            "settings": asdict(found.settings),
            "tokens": text.num_tokens,
            "joined_tokens": None if joined is None else joined.num_tokens,
            "phrases": [
                {"phrase": phrase.text, "pass": number, "count": phrase.count, "score": phrase.score}
                for number, phrase in _highest(found, topn)
            ],
        }
    )
