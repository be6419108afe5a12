"""The two-queue Huffman merge: the one home of it, for code lengths and for trees."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Merges(NamedTuple):
    """The V − 1 merges in the order they happen; the last one makes the root."""

    children: npt.NDArray[np.int64]
    """(V − 1, 2): the lighter part, then the heavier; a merge by its index, a word as ``~word_id``."""
    weights: npt.NDArray[np.float64]
    """(V − 1,) the weight of both parts together. Their sum over the total weight is the expected code length."""


def huffman_merges(weights: npt.NDArray[np.float64]) -> Merges:
    """Merge the two lightest parts until one is left; ties as in word2vec.

    Words queue by ascending weight (of equals the higher id first), merged parts in the order they were made; a word
    is taken only when it is strictly lighter than the merged part at the head of its queue.

    All parts lighter than the sum s of the two lightest come before any part still to be made, since those weigh s or
    more. So they are paired off in one go, and the number of rounds grows with the logarithm of the spread of the
    weights, not with V.

    Args:
        weights: (V,) positive and finite.

    Cost: a sort, then a few passes over V; a million words take about half a second.

    >>> huffman_merges(np.array([4.0, 2.0, 1.0])).children.tolist()
    [[-3, -2], [0, -1]]
    """
    V = weights.size
    queue = np.argsort(-weights, kind="stable")[::-1]
    word_weight = weights[queue]
    children = np.empty((max(V - 1, 0), 2), dtype=np.int64)
    merged = np.empty(max(V - 1, 0), dtype=np.float64)
    words_taken, merges_taken, made = 0, 0, 0
    while made < V - 1:
        heads = np.concatenate([merged[merges_taken : min(merges_taken + 2, made)], word_weight[words_taken:][:2]])
        lightest_sum = np.sort(heads)[:2].sum()
        last_merge = merges_taken + int(np.searchsorted(merged[merges_taken:made], lightest_sum, side="right"))
        last_word = words_taken + int(np.searchsorted(word_weight[words_taken:], lightest_sum, side="left"))
        certain = last_merge - merges_taken + last_word - words_taken
        # Two parts can always be merged, also where rounding makes the sum no heavier than the heavier of them.
        last_merge = max(last_merge, min(merges_taken + 2, made))
        last_word = max(last_word, min(words_taken + 2, V))
        parts = np.concatenate([np.arange(merges_taken, last_merge), ~queue[words_taken:last_word]])
        part_weight = np.concatenate([merged[merges_taken:last_merge], word_weight[words_taken:last_word]])
        order = np.argsort(part_weight, kind="stable")[: max(2, certain - certain % 2)]  # equals: merged parts first
        pairs = parts[order].reshape(-1, 2)
        stop = made + len(pairs)
        children[made:stop] = pairs
        merged[made:stop] = part_weight[order].reshape(-1, 2).sum(axis=1)
        words_now = int((pairs < 0).sum())
        words_taken += words_now
        merges_taken += pairs.size - words_now
        made = stop
    return Merges(children, merged)
