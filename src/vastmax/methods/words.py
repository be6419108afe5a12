"""Facts that follow from the counts of words, from which the costs of the methods are computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.distribution.blocks import default_blocks
from vastmax.distribution.code_length import huffman_merges
from vastmax.distribution.counts import check_counts, floored_counts
from vastmax.distribution.cutoffs import best_cutoffs, most_clusters
from vastmax.errors import InputError
from vastmax.text.facts import CorpusFacts, facts_of
from vastmax.tree.frequency_class_tree import frequency_classes

Law = NDArray[np.float64]
"""(V,) probabilities."""

ASSUMED_LETTERS = 7.0
"""Bytes per word if no words are given: between tokens of English (4.7) and words of a dictionary."""

_MOST_COUNTED = (10, 100, 1_000, 10_000, 100_000)
_MIN_COUNTS = (2, 3, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Cut:
    """A smaller vocabulary.

    Attributes:
        min_count: words with fewer occurrences are left out.
        words: the number of words that remain.
        unknown_share: share of the text that is left out.
    """

    min_count: int
    words: int
    unknown_share: float


class Words:
    """Checked counts, and facts that follow from them, each computed when it is first used.

    Args:
        counts: (V,) in any order, not necessarily integers; at least two above 0.
        spelling: the words in the same order, or None.
    """

    def __init__(self, counts: Any, spelling: Any = None) -> None:
        self.counts = check_counts(counts)
        self.vocab_size = int(self.counts.size)
        if int((self.counts > 0).sum()) < 2:
            raise InputError(
                f"{self.vocab_size} {'word' if self.vocab_size == 1 else 'words'}, one of them with a count above 0: "
                "there is nothing to predict; expected at least 2 different words"
            )
        self._spelling = spelling

    @property
    def spelled(self) -> bool:
        """Whether the words themselves are known."""
        return self._spelling is not None

    @cached_property
    def facts(self) -> CorpusFacts:
        """Entropy, perplexity and path lengths."""
        return facts_of(self.counts)

    @cached_property
    def law(self) -> Law:
        """p(w), (V,), in the order of the counts."""
        return self.power(1.0)

    def power(self, power: float) -> Law:
        """Return the noise distribution ∝ count^power, with zero counts raised as in `proposal.Unigram`."""
        weights = floored_counts(self.counts) ** power
        law: Law = weights / weights.sum()
        return law

    @cached_property
    def coverage(self) -> dict[int, float]:
        """The share of the text that the most frequent words make up, by their number."""
        mass = np.cumsum(np.sort(self.law)[::-1])
        return {size: float(mass[size - 1]) for size in _MOST_COUNTED if size < self.vocab_size}

    @cached_property
    def cuts(self) -> tuple[Cut, ...]:
        """The effects of raising min_count, if it changes anything and leaves at least 2 words."""
        ordered = np.sort(self.counts)[::-1]
        found: list[Cut] = []
        mass = np.cumsum(ordered, dtype=np.float64)
        for min_count in _MIN_COUNTS:
            kept = int(np.searchsorted(-ordered, -min_count, side="right"))
            if 2 <= kept < self.vocab_size and (not found or kept != found[-1].words):
                found.append(Cut(min_count, kept, float(1 - mass[kept - 1] / mass[-1])))
        return tuple(found)

    @cached_property
    def node_masses(self) -> Law:
        """The share of the text that passes each inner node of the Huffman tree, (V − 1,)."""
        merges = huffman_merges(floored_counts(self.counts)).weights.astype(np.float64)
        masses: Law = merges / merges[-1]
        return masses

    @cached_property
    def classes(self) -> tuple[NDArray[np.int64], Law]:
        """(sizes, masses) of the classes of two-level softmax, both (C,); a class of one word has size 1."""
        tree = frequency_classes(self.counts)
        first = int(tree.child_counts[0])
        child = tree.children[:first]
        sizes = np.where(child < 0, 1, tree.child_counts[np.maximum(child, 0)]).astype(np.int64)
        return sizes, tree.edge_sums(self.law[tree.leaf_words])[:first]

    def cutoffs(self, hidden_size: int) -> list[int]:
        """Return the cutoffs of adaptive softmax, as the layer chooses them."""
        return best_cutoffs(self.counts, max_clusters=most_clusters(hidden_size))

    def blocks(self, hidden_size: int) -> tuple[list[int], list[int]]:
        """Return (sizes, widths) of differentiated softmax, as the layer chooses them."""
        return default_blocks(self.counts, hidden_size)

    def mass_between(self, edges: list[int]) -> list[float]:
        """Return the shares of the text of ranks [edges[i], edges[i + 1])."""
        mass = np.concatenate([[0.0], np.cumsum(np.sort(self.law)[::-1])])
        return [float(share) for share in np.diff(mass[edges])]

    @cached_property
    def letters(self) -> NDArray[np.float64]:
        """Bytes of each word, (V,); `ASSUMED_LETTERS` if only counts are known."""
        if self._spelling is None:
            return np.full(self.vocab_size, ASSUMED_LETTERS)
        offsets: NDArray[np.int64] | None = getattr(self._spelling, "offsets", None)
        if offsets is not None:
            return np.diff(offsets).astype(np.float64)
        return np.array([len(word.encode()) for word in self._spelling], dtype=np.float64)


def expected_distinct(law: Law, draws: float) -> Law:
    """Return the probability that each word is among some independent draws, (V,); the sum is the number of words."""
    with np.errstate(divide="ignore"):  # a node that all paths pass: log 0 is -inf, and its probability 1
        chances: Law = -np.expm1(draws * np.log1p(-law))
    return chances


def tries_for(law: Law, distinct: int) -> float:
    """Return how many draws give this many different words on average; infinity for all words."""
    if distinct >= law.size:
        return float("inf")
    low, high = float(distinct), 2.0 * distinct
    while expected_distinct(law, high).sum() < distinct:
        low, high = high, 2 * high
    for _ in range(12):  # to 1/4000 of the result, far more precise than the costs
        middle = (low + high) / 2
        if expected_distinct(law, middle).sum() < distinct:
            low = middle
        else:
            high = middle
    return high
