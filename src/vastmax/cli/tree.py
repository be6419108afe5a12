"""`vastmax tree`: a tree over the words of a text, for hierarchical softmax."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
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
)
from vastmax.cli.output import check_output_file, print_json, print_table
from vastmax.cli.vectors_argument import AsJson
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.text import Vocabulary
    from vastmax.tree import Tree


class Kind(StrEnum):
    """How the tree is built."""

    HUFFMAN = "huffman"
    BALANCED = "balanced"
    CLASSES = "classes"
    RANDOM = "random"
    NESTED = "nested"


class Mass(StrEnum):
    """What every class holds an equal part of."""

    COUNT = "count"
    SQRT_COUNT = "sqrt-count"


def tree(
    corpus: CorpusSources,
    kind: Annotated[
        Kind,
        typer.Option(
            metavar="huffman|balanced|classes|random|nested",
            help="Shortest paths for frequent words; equal paths; two levels by frequency; shuffled; your own labels.",
        ),
    ] = Kind.HUFFMAN,
    min_count: Annotated[int, typer.Option(metavar="INT", help="Leave out words that are rarer than this.")] = 1,
    max_final_vocab: MaxFinalVocab = None,
    classes: Annotated[
        int | None, typer.Option(metavar="INT", help="For classes: how many.  [default: the root of the words' number]")
    ] = None,
    mass: Annotated[
        Mass, typer.Option(metavar="count|sqrt-count", help="For classes: what each holds an equal part of.")
    ] = Mass.SQRT_COUNT,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='For nested: JSON such as {"sports": ["golf"], "music": ["piano"]}.'),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="INT", help="For random: of the shuffle.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Keep the tree in this file.")
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Draw the tree, or its top when it is large.")
    ] = None,
    rows: Annotated[int, typer.Option(metavar="INT", help="For --draw: about how many rows.")] = 40,
    path: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="Show the path to this word; may be given several times.")
    ] = None,
    lowercase: Lowercase = False,
    errors: Errors = DecodingErrors.STRICT,
    column: Column = None,
    cache: UseCache = True,
    as_json: AsJson = False,
) -> None:
    """Arrange the words of a text in a tree, and say what paths through it cost.

    A hierarchical softmax makes one decision a node on the way to a word. The fewest decisions a binary tree can need
    on average lie between the entropy of the words and one bit more.

    \b
    Examples:
      vastmax tree corpus.txt
      vastmax tree corpus.txt --min-count 5 -o huffman.tree --draw huffman.svg
      vastmax tree corpus.txt --kind classes --json
      vastmax tree corpus.txt --path king --path queen
    """
    from vastmax.progress import console_progress

    _check_options(kind, labels, classes, rows)
    for file in (output, draw):
        if file is not None:
            check_output_file(file)
    with console_progress() as progress:
        text = open_corpus(corpus, lowercase=lowercase, errors=errors, column=column, cache=cache, progress=progress)
    vocabulary = text.vocabulary.truncate(min_count=min_count, max_size=max_final_vocab)
    built = _build(kind, vocabulary, classes=classes, mass=mass, labels=labels, seed=seed).with_words(vocabulary.words)
    paths = {word: built.path(vocabulary.id(word)) for word in path or ()}
    if output is not None:
        built.save(output)
    if draw is not None:
        built.draw(draw, counts=vocabulary.counts, max_rows=rows)
    described = built.describe(vocabulary.counts)
    if as_json:
        shown = {word: {"code": found.code, "nodes": list(found.nodes)} for word, found in paths.items()}
        print_json({"kind": kind.value, **asdict(described), "excess_bits": described.excess_bits, "paths": shown})
        return
    print_table(f"{kind.value} tree", ["", ""], described.rows())
    if paths:
        table = [[word, found.code, str(len(found.nodes))] for word, found in paths.items()]
        print_table("paths", ["word", "branches", "decisions"], table)


def _check_options(kind: Kind, labels: Path | None, classes: int | None, rows: int) -> None:
    if (kind is Kind.NESTED) != (labels is not None):
        raise InputError(
            "--kind nested needs --labels FILE"
            if labels is None
            else f"--labels {labels} is for --kind nested, not {kind.value}"
        )
    if classes is not None and kind is not Kind.CLASSES:
        raise InputError(f"--classes {classes} is for --kind classes, not {kind.value}")
    if rows < 2:
        raise InputError(f"--rows is {rows}; a picture needs 2 rows at least")


def _build(
    kind: Kind, vocabulary: Vocabulary, *, classes: int | None, mass: Mass, labels: Path | None, seed: int
) -> Tree:
    from vastmax import tree as trees

    match kind:
        case Kind.HUFFMAN:
            return trees.huffman(vocabulary.counts)
        case Kind.BALANCED:
            return trees.balanced(len(vocabulary))
        case Kind.CLASSES:
            return trees.frequency_classes(vocabulary.counts, classes, mass=mass.value)
        case Kind.RANDOM:
            return trees.random(len(vocabulary), seed)
        case Kind.NESTED:
            assert labels is not None  # see _check_options
            return trees.nested(labels, vocabulary.words)
