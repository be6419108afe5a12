"""`vastmax index`: an index of a model's output layer, or of word vectors, in a file."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vastmax import extras
from vastmax.cli.output import print_json, say
from vastmax.cli.vectors_argument import AsJson, BadLine, OnBadLine, load_vectors
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.search import Index

_QUERIES = 256


class Kind(StrEnum):
    """Which index."""

    CERTIFIED = "certified"
    CLUSTERED = "clustered"
    HASHING = "hashing"
    FAISS = "faiss"
    HNSW = "hnsw"


def index(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|VECTORS",
            show_default=False,
            help="The folder of a language model, or a file of word vectors.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the index goes.", show_default=False)
    ],
    kind: Annotated[
        Kind,
        typer.Option(
            metavar="certified|clustered|hashing|faiss|hnsw",
            help="certified: the same words as without an index, proved; the others find most of them.",
        ),
    ] = Kind.CERTIFIED,
    recall: Annotated[
        float, typer.Option(metavar="FLOAT", help="Share of the ten best words that the others are to find.")
    ] = 0.99,
    tolerance: Annotated[
        float, typer.Option(metavar="FLOAT", help="Of log-probabilities by a certified index.")
    ] = 1e-3,
    on_bad_line: OnBadLine = BadLine.REFUSE,
    as_json: AsJson = False,
) -> None:
    """Build an index that finds the best words without scoring all of them.

    Read it with --search of vastmax lm next and vastmax lm generate, or by vastmax.search.load. What is printed was
    measured here, on words of the run's own vocabulary put in random order, or on vectors of words: milliseconds per
    query, beside those of scoring every word, and the share of the ten best words that was found.

    \b
    Examples:
      vastmax index run -o run.index
      vastmax index run --kind clustered --recall 0.98 -o run.index
      vastmax index vectors.safetensors -o vectors.index
    """
    extras.require("an index", "torch")
    if output.is_dir():
        raise InputError(f"{output} is a folder; expected a file to write")
    target, queries = _run(source) if source.is_dir() else _vectors(source, on_bad_line)
    built, facts = _build(target, kind, queries, recall, tolerance)
    built.save(output)
    report = built.report(queries[1::2][:50])
    facts |= {
        "kind": kind.value,
        "bytes": output.stat().st_size,
        "milliseconds": report.milliseconds,
        "exact_milliseconds": report.exact_milliseconds,
        "recall": report.recall,
        "scored_share": report.scored_share,
        "certified_share": report.certified_share,
    }
    if as_json:
        print_json(facts)
        return
    say(
        f"{output}: {kind.value}, {built.vocab_size:,} words, {output.stat().st_size / 1e6:.1f} MB; "
        f"{report.milliseconds:.2f} ms per query, {report.exact_milliseconds:.2f} ms by scoring every word; "
        f"{report.recall:.1%} of the ten best words found, {report.certified_share:.0%} of queries proved"
    )


def _run(path: Path) -> tuple[Any, Any]:
    """The head of a run, and hidden vectors of its encoder."""
    import torch

    from vastmax.cli.lm.model_argument import open_model

    _, model = open_model(path, "cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        word_ids = torch.randint(model.vocab_size, (8, _QUERIES // 4), generator=generator)
        # Frequent words more often, as in texts.
        word_ids = (word_ids.double() / model.vocab_size).pow(4).mul(model.vocab_size).long()
        hidden, _ = model.encoder(word_ids)
    queries = hidden.reshape(-1, hidden.shape[-1])
    return model.head, queries[torch.randperm(len(queries), generator=generator)]


def _vectors(path: Path, on_bad_line: BadLine) -> tuple[Any, Any]:
    """Word vectors, and some of them as queries."""
    import numpy as np
    import torch

    vectors = load_vectors(path, on_bad_line)
    word_ids = np.random.default_rng(0).integers(0, len(vectors), 2 * _QUERIES)
    return vectors, torch.from_numpy(vectors.unit_vectors(word_ids))


def _build(
    source: Any, kind: Kind, queries: Any, recall: float, tolerance: float
) -> tuple[Index, dict[str, float | int | str | bool]]:
    from vastmax import search
    from vastmax.search.approximate import Approximate

    builders: dict[Kind, Callable[[], Index]] = {
        Kind.CERTIFIED: lambda: search.Certified(source, tolerance=tolerance),
        Kind.CLUSTERED: lambda: search.Clustered(source),
        Kind.HASHING: lambda: search.Hashing(source),
        Kind.FAISS: lambda: search.Faiss(source),
        Kind.HNSW: lambda: search.Hnsw(source),
    }
    built = builders[kind]()
    if not isinstance(built, Approximate):
        return built, {}
    found = built.calibrate(queries, recall, k=min(10, built.vocab_size))
    if not found.reached:
        raise InputError(
            f"--recall is {recall}, and the most that --kind {kind.value} reached here is {found.recall:.3f}: ask for "
            "less, or for another kind"
        )
    return built, {"effort": found.effort, "recall_low": found.low, "recall_high": found.high}
