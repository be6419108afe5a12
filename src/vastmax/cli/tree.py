"""`vastmax tree`: a tree over the words of a text, for hierarchical softmax."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vastmax.arguments import whole
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
from vastmax.cli.vectors_argument import AsJson, BadLine, OnBadLine, load_vectors
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.progress import Progress
    from vastmax.text import Vocabulary
    from vastmax.tree import Tree


class Kind(StrEnum):
    """How the tree is built."""

    HUFFMAN = "huffman"
    BALANCED = "balanced"
    CLASSES = "classes"
    RANDOM = "random"
    NESTED = "nested"
    CLUSTERED = "clustered"
    KMEANS = "kmeans"
    WORDNET = "wordnet"


class Split(StrEnum):
    """Where a cluster is cut in two."""

    ADAPTIVE = "adaptive"
    BALANCED = "balanced"


class Mass(StrEnum):
    """What every class holds an equal part of."""

    COUNT = "count"
    SQRT_COUNT = "sqrt-count"


def tree(
    corpus: CorpusSources,
    kind: Annotated[
        Kind,
        typer.Option(
            metavar="huffman|balanced|classes|random|nested|clustered|kmeans|wordnet",
            help="Shortest paths for frequent words; equal paths; two levels by frequency; shuffled; your own labels; "
            "words of like vectors together, in many levels or in two; kinds of things.",
        ),
    ] = Kind.HUFFMAN,
    min_count: Annotated[int, typer.Option(metavar="INT", help="Leave out words that are rarer than this.")] = 1,
    max_final_vocab: MaxFinalVocab = None,
    classes: Annotated[
        int | None,
        typer.Option(metavar="INT", help="For classes and kmeans: how many.  [default: the root of the words' number]"),
    ] = None,
    mass: Annotated[
        Mass, typer.Option(metavar="count|sqrt-count", help="For classes: what each holds an equal part of.")
    ] = Mass.SQRT_COUNT,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='For nested: JSON such as {"sports": ["golf"], "music": ["piano"]}.'),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For clustered and kmeans: word vectors, such as `vastmax embed` makes."),
    ] = None,
    weigh: Annotated[
        bool, typer.Option("--weigh/--no-weigh", help="For clustered and kmeans: words weigh as much as their count.")
    ] = False,
    split: Annotated[
        Split,
        typer.Option(metavar="adaptive|balanced", help="For clustered: cut where the clusters meet, or in two halves."),
    ] = Split.ADAPTIVE,
    overlap: Annotated[
        float, typer.Option(metavar="FLOAT", help="For clustered: words so near to the cut go both ways (0 to 0.5).")
    ] = 0.0,
    copies: Annotated[
        int, typer.Option(metavar="INT", help="For clustered: so many trees of different seeds under one root.")
    ] = 1,
    wordnet: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="For wordnet: the folder of its dictionary files.  [default: where they are installed]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="INT", help="For random, clustered and kmeans.")] = 0,
    on_bad_line: OnBadLine = BadLine.REFUSE,
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
      vastmax tree corpus.txt --kind clustered --vectors vectors.safetensors --draw top.svg
      vastmax tree corpus.txt --kind wordnet --min-count 20 --path dog
      vastmax tree corpus.txt --path king --path queen
    """
    from vastmax.places import claimed
    from vastmax.progress import console_progress

    options = _Options(
        classes, mass.value, labels, vectors, weigh, split.value, overlap, copies, wordnet, seed, on_bad_line
    )
    options.check(kind)
    whole("rows", rows, 2, 10_000)
    reads = read_by(corpus, labels=labels, vectors=vectors, wordnet=wordnet)
    with claimed(reads=reads, writes={"--output": output, "--draw": draw}):
        with console_progress() as progress:
            text = open_corpus(
                corpus, lowercase=lowercase, errors=errors, column=column, cache=cache, progress=progress
            )
            vocabulary = text.vocabulary.truncate(min_count=min_count, max_size=max_final_vocab)
            ids = {word: vocabulary.id(word) for word in path or ()}  # an unknown word is refused before work begins
            built = _build(kind, vocabulary, options, progress).with_words(vocabulary.words)
        if output is not None:
            built.save(output)
        if draw is not None:
            built.draw(draw, counts=vocabulary.counts, max_rows=rows)
    paths = {word: built.word_paths(word_id) for word, word_id in ids.items()}
    described = built.describe(vocabulary.counts)
    if as_json:
        shown = {
            word: [{"code": path.code, "nodes": list(path.nodes)} for path in found] for word, found in paths.items()
        }
        print_json({"kind": kind.value, **asdict(described), "excess_bits": described.excess_bits, "paths": shown})
        return
    print_table(f"{kind.value} tree", ["", ""], described.rows())
    if paths:
        table = [[word, path.code, str(len(path.nodes))] for word, found in paths.items() for path in found]
        print_table("paths", ["word", "branches", "decisions"], table)


@dataclass(frozen=True)
class _Options:
    """What only some kinds of tree have a use for."""

    classes: int | None
    mass: Literal["count", "sqrt-count"]
    labels: Path | None
    vectors: Path | None
    weigh: bool
    split: Literal["adaptive", "balanced"]
    overlap: float
    copies: int
    wordnet: Path | None
    seed: int
    on_bad_line: BadLine

    def check(self, kind: Kind) -> None:
        """Refuse an option that another kind is asked to take, and a kind without what it needs."""
        of_vectors = (Kind.CLUSTERED, Kind.KMEANS)
        kinds_of: dict[str, tuple[object, object, tuple[Kind, ...]]] = {  # value, default, who takes it
            "classes": (self.classes, None, (Kind.CLASSES, Kind.KMEANS)),
            "mass": (self.mass, Mass.SQRT_COUNT.value, (Kind.CLASSES,)),
            "labels": (self.labels, None, (Kind.NESTED,)),
            "vectors": (self.vectors, None, of_vectors),
            "weigh": (self.weigh, False, of_vectors),
            "split": (self.split, Split.ADAPTIVE.value, (Kind.CLUSTERED,)),
            "overlap": (self.overlap, 0.0, (Kind.CLUSTERED,)),
            "copies": (self.copies, 1, (Kind.CLUSTERED,)),
            "wordnet": (self.wordnet, None, (Kind.WORDNET,)),
            "on-bad-line": (self.on_bad_line, BadLine.REFUSE, of_vectors),
            "seed": (self.seed, 0, (Kind.RANDOM, *of_vectors)),
        }
        for name, (value, default, kinds) in kinds_of.items():
            if value != default and kind not in kinds:
                given = f"--{name}" if value is True else f"--{name} {value}"
                raise InputError(f"{given} is for --kind {' or '.join(kinds)}, not {kind.value}")
        if kind is Kind.NESTED and self.labels is None:
            raise InputError("--kind nested needs --labels FILE")
        if kind in of_vectors and self.vectors is None:
            raise InputError(f"--kind {kind.value} needs --vectors FILE; `vastmax embed` makes them")


def _build(kind: Kind, vocabulary: Vocabulary, options: _Options, progress: Progress) -> Tree:
    from vastmax import tree as trees

    words, counts = list(vocabulary.words), vocabulary.counts
    match kind:
        case Kind.HUFFMAN:
            return trees.huffman(counts)
        case Kind.BALANCED:
            return trees.balanced(len(vocabulary))
        case Kind.CLASSES:
            return trees.frequency_classes(counts, options.classes, mass=options.mass)
        case Kind.RANDOM:
            return trees.random(len(vocabulary), options.seed)
        case Kind.NESTED:
            assert options.labels is not None  # see _Options.check
            return trees.nested(options.labels, words)
        case Kind.WORDNET:
            return trees.wordnet(words, counts, options.wordnet)
    assert options.vectors is not None
    vectors = load_vectors(options.vectors, options.on_bad_line)
    weights = counts if options.weigh else None
    if kind is Kind.KMEANS:
        return trees.kmeans_classes(
            vectors, words, num_classes=options.classes, counts=weights, seed=options.seed, progress=progress
        )
    return trees.clustered(
        vectors,
        words,
        split=options.split,
        overlap=options.overlap,
        copies=options.copies,
        counts=weights,
        seed=options.seed,
        progress=progress,
    )
