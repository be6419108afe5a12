"""Facts about the ways to find the best words: which heads they are for, and when they pay. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HeadKind = Literal["flat", "tree", "classes"]
"""Flat: one vector per word, such as `Dense`, and word vectors; tree: `Hierarchical`; classes: `Adaptive`."""

SCAN_BELOW = 4_000_000
"""Numbers in a table (words × width) below which scoring every word costs no more than what an index adds to a call."""

FLAT_SHARE = 0.1
"""Share of the rows that a certified index scores after all, from which its codes only cost and it scans."""


@dataclass(frozen=True)
class SearchFacts:
    """One way to find the best words.

    Attributes:
        name: the class in `vastmax.search`; "" where no index is needed.
        kind: as `vastmax index --kind` has it; "" where it cannot be built there.
        heads: which heads it is for.
        exact: whether it finds what scoring every word finds.
        summary: what it does, in a few words.
        when: when to take it.
        speed_ups: times as fast as PyTorch's product and selection, by queries at once, on a trained LSTM of 349,437
            words × 256, one thread; from benchmarks/records/search.json.
    """

    name: str
    kind: str
    heads: tuple[HeadKind, ...]
    exact: bool
    summary: str
    when: str
    speed_ups: dict[int, float]


WAYS = (
    SearchFacts(
        name="Certified",
        kind="certified",
        heads=("flat",),
        exact=True,
        summary="codes of 4 and 8 bits bound every score; what remains in doubt is scored",
        when="the words must be those that an exhaustive search finds, or many queries come at once",
        speed_ups={1: 23.5, 32: 6.0},
    ),
    SearchFacts(
        name="Clustered",
        kind="clustered",
        heads=("flat",),
        exact=False,
        summary="the best of balanced clusters of words are looked at",
        when="a recall of 99 % is enough and no queries are at hand to learn from",
        speed_ups={1: 29.8, 32: 14.7},
    ),
    SearchFacts(
        name="Screened",
        kind="",
        heads=("flat",),
        exact=False,
        summary="lists of words that your own queries found",
        when="thousands of queries like those to come are at hand: the fastest, and it adapts to nothing else",
        speed_ups={1: 102.7, 32: 95.6},
    ),
    SearchFacts(
        name="Hashing",
        kind="hashing",
        heads=("flat",),
        exact=False,
        summary="winner-take-all or random-projection hashing",
        when="never first: on trained models it needs more work for less recall than clusters",
        speed_ups={1: 5.1, 32: 0.6},
    ),
    SearchFacts(
        name="Faiss",
        kind="faiss",
        heads=("flat",),
        exact=False,
        summary="an index of the FAISS library; Hnsw is its graph",
        when="FAISS is used elsewhere already; on one thread, clusters were faster",
        speed_ups={1: 5.3, 32: 0.6},
    ),
    SearchFacts(
        name="BestFirst",
        kind="",
        heads=("tree", "classes"),
        exact=True,
        summary="nodes and clusters are opened while they can hold one of the best",
        when="always: it is what head.topk does, and needs no index",
        speed_ups={},
    ),
)
"""The ways to find the best words, in the order in which to consider them."""


def advice_for(vocab_size: int, hidden_size: int) -> tuple[str, ...]:
    """Return sentences on how the best words are found fastest.

    Args:
        vocab_size: V.
        hidden_size: D.

    Example:
        >>> len(advice_for(1000, 64)), len(advice_for(1_000_000, 64))
        (2, 4)
    """
    trees = (
        "Trees, two-level softmax and adaptive softmax: `head.topk` searches best first, which is exact and needs no "
        "index."
    )
    numbers = vocab_size * hidden_size
    if numbers < SCAN_BELOW:
        return (
            f"Flat heads: score every word, as `head.topk` does. An index pays from about {SCAN_BELOW / 1e6:g} million "
            f"numbers on; this table has {numbers / 1e6:.2g} million.",
            trees,
        )
    certified, clustered, screened = (next(each for each in WAYS if each.name == name) for name in _FOR_FLAT)
    return (
        "Flat heads: `vastmax index` builds a certified index, which finds the same words as scoring all of them "
        f"(with 349,437 words of a trained model, {_times(certified)} as fast as PyTorch).",
        f"If 99 % of the best words are enough: `--kind clustered` ({_times(clustered)}), or `search.Screened` with "
        f"queries of your own ({_times(screened)}).",
        "A model whose scores are nearly equal, such as one that was hardly trained, is scanned: a certified index "
        f"notices when it scores more than {FLAT_SHARE:.0%} of the words, and discards its codes. "
        "`vastmax lm race-search` measures every index on your model.",
        trees,
    )


_FOR_FLAT = ("Certified", "Clustered", "Screened")


def _times(facts: SearchFacts) -> str:
    return " and ".join(f"{factor:.0f} times at batch {batch}" for batch, factor in facts.speed_ups.items())
