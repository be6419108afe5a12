"""`vastmax tree`: a tree over the words of a text, for hierarchical softmax."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from vastmax.arguments import Number, Whole
from vastmax.cli.command import was_given
from vastmax.cli.output import print_json, print_table
from vastmax.cli.shared_options import TextOptions, VocabularyOptions, as_json, load_vectors
from vastmax.errors import InputError, argument
from vastmax.options import DATA, OUTPUT, option, part

if TYPE_CHECKING:
    from vastmax.progress import Progress
    from vastmax.text import Vocabulary
    from vastmax.tree import Tree


KINDS = ("huffman", "balanced", "classes", "random", "nested", "clustered", "kmeans", "wordnet")

OF_VECTORS = ("clustered", "kmeans")

KINDS_OF = {
    "classes": ("classes", "kmeans"),
    "mass": ("classes",),
    "labels": ("nested",),
    "vectors": OF_VECTORS,
    "weigh": OF_VECTORS,
    "split": ("clustered",),
    "overlap": ("clustered",),
    "copies": ("clustered",),
    "wordnet": ("wordnet",),
    "on_bad_line": OF_VECTORS,
    "seed": ("random", *OF_VECTORS),
}
"""Option → the kinds of tree that use it."""


@dataclass(frozen=True, kw_only=True)
class TreeOptions:
    """The options of `vastmax tree`."""

    text: TextOptions = part()
    kind: str = option(
        "huffman",
        "Shortest paths for frequent words; equal paths; two levels by frequency; shuffled; your own labels; similar "
        "vectors together, in many levels or in two; WordNet's hierarchy.",
        choices=KINDS,
    )
    words: VocabularyOptions = part()
    classes: int | None = option(
        None,
        "For classes and kmeans: number of classes.",
        bound=Whole(1, optional=True),
        default_text="square root of the number of words",
        also=("num_classes",),
    )
    mass: Literal["count", "sqrt-count"] = option("sqrt-count", "For classes: what is equal in each class.")
    labels: Path | None = option(None, 'For nested: JSON such as {"sports": ["golf"], "music": ["piano"]}.')
    vectors: Path | None = option(None, "For clustered and kmeans: word vectors, such as those of `vastmax embed`.")
    weigh: bool = option(
        False, "For clustered and kmeans: weight words by their counts.", flags=("--weigh/--no-weigh",)
    )
    split: Literal["adaptive", "balanced"] = option(
        "adaptive",
        "For clustered: split between the clusters, or into halves.",
    )
    overlap: float = option(
        0.0, "For clustered: words this near to the split are on both sides.", bound=Number(0.0, 0.5)
    )
    copies: int = option(1, "For clustered: number of trees of different seeds under one root.", bound=Whole(1))
    wordnet: Path | None = option(
        None,
        "For wordnet: the folder of its dictionary files.",
        metavar="DIR",
        default_text="where it is installed",
    )
    seed: int = option(0, "For random, clustered and kmeans: start of the random numbers.", bound=Whole(0))
    on_bad_line: Literal["refuse", "skip"] = option(
        "refuse",
        "Lines of text vectors that are not a word and its numbers: stop with the line, or skip them and print their "
        "number.",
        group=DATA,
    )
    output: Path | None = option(None, "Save the tree to this file.", flags=("--output", "-o"), group=OUTPUT)
    draw: Path | None = option(None, "Draw the tree, or the top of a large one.", metavar="FILE.svg", group=OUTPUT)
    rows: int = option(40, "For --draw: approximate number of rows.", bound=Whole(2, 10_000), group=OUTPUT)
    path: tuple[str, ...] = option(
        (), "Show the path to this word; may be given several times.", metavar="WORD", group=OUTPUT
    )
    as_json: bool = as_json()

    def check_kind(self, context: typer.Context) -> None:
        """Raise InputError for options of other kinds, and for missing ones."""
        for name, kinds in KINDS_OF.items():
            if was_given(context, name) and self.kind not in kinds:
                value = getattr(self, name)
                given = argument(name) if value is True else f"{argument(name)} {value}"
                raise InputError(f"{given} is for --kind {' or '.join(kinds)}, not {self.kind}")
        if self.kind == "nested" and self.labels is None:
            raise InputError("--kind nested needs --labels FILE")
        if self.kind in OF_VECTORS and self.vectors is None:
            raise InputError(f"--kind {self.kind} needs --vectors FILE, such as from `vastmax embed`")


def tree(options: TreeOptions, context: typer.Context) -> None:
    """Arrange the words of a text in a tree, and show the cost of its paths.

    A hierarchical softmax makes one decision per node on the path to a word. The lowest average for a binary tree is
    between the entropy of the words and one bit more.

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

    options.check_kind(context)
    reads = options.text.read_by(labels=options.labels, vectors=options.vectors, wordnet=options.wordnet)
    with claimed(reads=reads, writes={"--output": options.output, "--draw": options.draw}):
        with console_progress() as progress:
            vocabulary = options.words.of(options.text.open(progress))
            ids = {word: vocabulary.id(word) for word in options.path}  # an unknown word is an error before work begins
            built = _build(options, vocabulary, progress).with_words(vocabulary.words)
        if options.output is not None:
            built.save(options.output)
        if options.draw is not None:
            built.draw(options.draw, counts=vocabulary.counts, max_rows=options.rows)
    paths = {word: built.word_paths(word_id) for word, word_id in ids.items()}
    described = built.describe(vocabulary.counts)
    if options.as_json:
        shown = {
            word: [{"code": path.code, "nodes": list(path.nodes)} for path in found] for word, found in paths.items()
        }
        print_json({"kind": options.kind, **asdict(described), "excess_bits": described.excess_bits, "paths": shown})
        return
    print_table(f"{options.kind} tree", ["", ""], described.rows())
    if paths:
        table = [[word, path.code, str(len(path.nodes))] for word, found in paths.items() for path in found]
        print_table("paths", ["word", "branches", "decisions"], table)


def _build(options: TreeOptions, vocabulary: Vocabulary, progress: Progress) -> Tree:
    from vastmax import tree as trees

    words, counts = list(vocabulary.words), vocabulary.counts
    match options.kind:
        case "huffman":
            return trees.huffman(counts)
        case "balanced":
            return trees.balanced(len(vocabulary))
        case "classes":
            return trees.frequency_classes(counts, options.classes, mass=options.mass)
        case "random":
            return trees.random(len(vocabulary), options.seed)
        case "nested":
            assert options.labels is not None  # see check_kind
            return trees.nested(options.labels, words)
        case "wordnet":
            return trees.wordnet(words, counts, options.wordnet)
    assert options.vectors is not None
    vectors = load_vectors(options.vectors, options.on_bad_line)
    weights = counts if options.weigh else None
    if options.kind == "kmeans":
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
