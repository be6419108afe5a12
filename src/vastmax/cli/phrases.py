"""`vastmax phrases`: joins words that belong together."""

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
        "The file for the joined text, compressed if it ends in .gz .bz2 .xz or .zst; without this or another output "
        "option, standard output.",
        flags=("--output", "-o"),
        group=OUTPUT,
    )
    passes: int = option(
        1, "Number of passes; each joins pairs of words of the previous one.", bound=Whole(1, MOST_PASSES)
    )
    scoring: str = option(
        "counts",
        "counts: frequency relative to chance; gensim: as in gensim; npmi: normalized pointwise mutual information.",
        choices=("counts", "gensim", "npmi"),
    )
    threshold: float | None = option(
        None,
        "Join pairs with a higher score; halved for each pass, except for npmi.",
        default_text="100; gensim: 10; npmi: 0.5",
    )
    min_count: int = option(5, "Least count of a pair.", bound=Whole(1))
    discount: float | None = option(
        None, "Subtracted from the count of a pair, except for npmi.", default_text="min-count"
    )
    delimiter: str = option("_", "Text between joined words.")
    connectors: Path | None = option(
        None, "Words, one per line, that may be inside a phrase but not at its ends, such as 'of'."
    )
    save: Path | None = option(None, "Save the phrases, for --model.", group=OUTPUT)
    model: Path | None = option(None, "Join the phrases of this file instead of finding some.")
    as_list: bool = option(False, "Print the phrases, highest scores first.", flags=("--list",), group=OUTPUT)
    topn: int | None = option(
        None,
        "Number of phrases listed.",
        bound=Whole(1, optional=True),
        flags=("--topn", "-n"),
        default_text="all",
        group=OUTPUT,
    )
    as_json: bool = as_json()


FOR_FINDING = ("passes", "scoring", "threshold", "min_count", "discount", "delimiter", "connectors")
"""Options that are not used with --model."""


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
        raise InputError(f"--model {model} contains its phrases; leave out {argument(given[0])}")
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
    """Return the phrases with the highest scores, each with the number of its pass."""
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
