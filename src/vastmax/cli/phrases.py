"""`vastmax phrases`: words that belong together, joined."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vastmax.arguments import whole
from vastmax.cli.corpus_options import (
    Column,
    CorpusSources,
    DecodingErrors,
    Errors,
    Lowercase,
    UseCache,
    open_corpus,
    read_by,
)
from vastmax.cli.given import was_given
from vastmax.cli.output import print_json, print_table, say
from vastmax.cli.vectors_argument import AsJson
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.text import Corpus, Phrase, Phrases


class Scoring(StrEnum):
    """How a pair of words is judged."""

    COUNTS = "counts"
    GENSIM = "gensim"
    NPMI = "npmi"


FOR_FINDING = ("passes", "scoring", "threshold", "min_count", "discount", "delimiter", "connectors")
"""Options that mean nothing with --model."""


def phrases(
    context: typer.Context,
    corpus: CorpusSources,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where the joined text goes, compressed if it is called .gz .bz2 .xz or .zst; standard output if "
            "nothing else is asked for.",
        ),
    ] = None,
    passes: Annotated[int, typer.Option(metavar="INT", help="Each pass joins two of the words before it.")] = 1,
    scoring: Annotated[
        Scoring,
        typer.Option(
            metavar="counts|gensim|npmi",
            help="How much more often than by chance; or as gensim has it; or normalised pointwise mutual information.",
        ),
    ] = Scoring.COUNTS,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="FLOAT",
            help="Pairs with a higher score are joined; halved from pass to pass, but for npmi.  "
            "[default: 100; gensim: 10; npmi: 0.5]",
        ),
    ] = None,
    min_count: Annotated[int, typer.Option(metavar="INT", help="Pairs that are rarer are not joined.")] = 5,
    discount: Annotated[
        float | None,
        typer.Option(metavar="FLOAT", help="Taken off the count of a pair, not with npmi.  [default: min-count]"),
    ] = None,
    delimiter: Annotated[str, typer.Option(metavar="TEXT", help="Stands between joined words.")] = "_",
    connectors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Words, one a line, that may stand inside a phrase but not at its ends, such as 'of'."
        ),
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the phrases, for --model.")] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Join the phrases kept in this file, instead of finding some.")
    ] = None,
    as_list: Annotated[bool, typer.Option("--list", help="Print the phrases, the highest scores first.")] = False,
    topn: Annotated[
        int | None, typer.Option("--topn", "-n", metavar="INT", help="How many phrases to list.  [default: all]")
    ] = None,
    lowercase: Lowercase = False,
    errors: Errors = DecodingErrors.STRICT,
    column: Column = None,
    cache: UseCache = True,
    as_json: AsJson = False,
) -> None:
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

    given = [name for name in FOR_FINDING if was_given(context, name)]
    if model is not None and given:
        option = "--" + given[0].replace("_", "-")
        raise InputError(f"--model {model} says how its phrases were found: leave out {option}")
    if topn is not None:
        whole("topn", topn, 1, None)
    reads = read_by(corpus, model=model, connectors=connectors)
    context.with_resource(claimed(reads=reads, writes={"--output": output, "--save": save}))
    found = None if model is None else Phrases.load(model)
    between = [] if connectors is None else read_word_list(connectors)
    with console_progress() as progress:
        text = open_corpus(corpus, lowercase=lowercase, errors=errors, column=column, cache=cache, progress=progress)
        if found is None:
            found = find_phrases(
                text,
                passes=passes,
                scoring=scoring.value,
                threshold=threshold,
                min_count=min_count,
                discount=discount,
                delimiter=delimiter,
                connectors=between,
                progress=progress,
            )
        if save is not None:
            found.save(save)
        listed = as_list or as_json
        joined = None
        if output is not None or not (listed or save is not None):
            joined = found.apply(text, progress=progress)
    if joined is not None:
        _write(joined, output)
    if as_json:
        _print_as_json(found, text, joined, topn)
    elif as_list:
        rows = [[phrase.text, f"{phrase.count:,}", f"{phrase.score:.4g}"] for _, phrase in _highest(found, topn)]
        print_table("phrases", ["phrase", "count", "score"], rows)
    elif output is not None and joined is not None:
        say(f"{output}: {joined.num_tokens:,} words for {text.num_tokens:,}; {len(found):,} phrases")
    elif save is not None:
        say(f"{save}: {len(found):,} phrases")


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
