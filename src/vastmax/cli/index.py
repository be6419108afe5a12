"""`vastmax index`: an index of a model's output layer, or of word vectors, in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from vastmax.arguments import Number
from vastmax.cli.output import print_json, say
from vastmax.cli.shared_options import as_json, load_vectors
from vastmax.errors import InputError
from vastmax.options import DATA, option

if TYPE_CHECKING:
    from vastmax.search import Index

_QUERIES = 256


@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    """The options of `vastmax index`."""

    source: Path = option(
        ..., "The folder of a language model, or a file of word vectors.", metavar="RUN|VECTORS", positional=True
    )
    output: Path = option(..., "The file for the index.", flags=("--output", "-o"), metavar="FILE")
    kind: Literal["certified", "clustered", "hashing", "faiss", "hnsw"] = option(
        "certified",
        "certified: provably the same words as without an index; the others find most of them.",
    )
    recall: float = option(
        0.99, "Share of the ten best words that the others must find.", bound=Number(0.0, 1.0, above=True)
    )
    tolerance: float = option(
        1e-3, "Tolerance of log-probabilities with a certified index.", bound=Number(0.0, 1.0, above=True)
    )
    on_bad_line: Literal["refuse", "skip"] = option(
        "refuse", "Lines of text vectors that are not a word and its numbers: stop, or skip them.", group=DATA
    )
    as_json: bool = as_json()


def index(options: IndexOptions, context: typer.Context) -> None:
    """Build an index that finds the best words without scoring all of them.

    Use it with --search of vastmax lm next and vastmax lm generate, or with vastmax.search.load. The printed results
    are measured here, on random words of the run's vocabulary, or on vectors of words: milliseconds per query, with and
    without the index, and the share of the ten best words that was found.

    \b
    Examples:
      vastmax index run -o run.index
      vastmax index run --kind clustered --recall 0.98 -o run.index
      vastmax index vectors.safetensors -o vectors.index
    """
    from vastmax.places import claimed

    source, output = options.source, options.output
    with claimed(reads={"RUN|VECTORS": source}, writes={"--output": output}):
        target, queries = _run(source) if source.is_dir() else _vectors(source, options.on_bad_line)
        built, facts = _build(target, queries, options)
        built.save(output)
    report = built.report(queries[1::2][:50], min(10, built.vocab_size))
    facts |= {
        "kind": options.kind,
        "bytes": output.stat().st_size,
        "milliseconds": report.milliseconds,
        "exact_milliseconds": report.exact_milliseconds,
        "recall": report.recall,
        "scored_share": report.scored_share,
        "certified_share": report.certified_share,
    }
    if options.as_json:
        print_json(facts)
        return
    say(
        f"{output}: {options.kind}, {built.vocab_size:,} words, {output.stat().st_size / 1e6:.1f} MB; "
        f"{report.milliseconds:.2f} ms per query, {report.exact_milliseconds:.2f} ms by scoring every word; "
        f"{report.recall:.1%} of the ten best words found, {report.certified_share:.0%} of queries proved"
    )


def _run(path: Path) -> tuple[Any, Any]:
    """Return the head of a run, and hidden vectors of its encoder."""
    import torch

    from vastmax.language_model.run_folder import RunFolder

    model = RunFolder.open(path).load_model("cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        word_ids = torch.randint(model.vocab_size, (8, _QUERIES // 4), generator=generator)
        # Frequent words more often, as in texts.
        word_ids = (word_ids.double() / model.vocab_size).pow(4).mul(model.vocab_size).long()
        hidden, _ = model.encoder(word_ids)
    queries = hidden.reshape(-1, hidden.shape[-1])
    return model.head, queries[torch.randperm(len(queries), generator=generator)]


def _vectors(path: Path, on_bad_line: Literal["refuse", "skip"]) -> tuple[Any, Any]:
    """Return word vectors, and some of them as queries."""
    import numpy as np
    import torch

    vectors = load_vectors(path, on_bad_line)
    word_ids = np.random.default_rng(0).integers(0, len(vectors), 2 * _QUERIES)
    return vectors, torch.from_numpy(vectors.unit_vectors(word_ids))


def _build(source: Any, queries: Any, options: IndexOptions) -> tuple[Index, dict[str, float | int | str | bool]]:
    from vastmax import search
    from vastmax.search.approximate import Approximate

    builders: dict[str, Callable[[], Index]] = {
        "certified": lambda: search.Certified(source, tolerance=options.tolerance),
        "clustered": lambda: search.Clustered(source),
        "hashing": lambda: search.Hashing(source),
        "faiss": lambda: search.Faiss(source),
        "hnsw": lambda: search.Hnsw(source),
    }
    built = builders[options.kind]()
    if not isinstance(built, Approximate):
        return built, {}
    found = built.calibrate(queries, options.recall, k=min(10, built.vocab_size))
    if not found.reached:
        raise InputError(
            f"--recall is {options.recall}, but --kind {options.kind} reached at most {found.recall:.3f}; lower it, "
            "or use another kind"
        )
    return built, {"effort": found.effort, "recall_low": found.low, "recall_high": found.high}
