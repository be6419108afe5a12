"""The best words of a tree in which words have several leaves, found among its best leaves."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vastmax.output.linear.scan import topk_lowest_id_first

# Leaves looked at in the first round, for each of the k words and each leaf a word has at most; later rounds take
# four times as many.
_FIRST_ROUND = 2
_GROWTH = 4
# Where more than this share of all leaves would be looked at, scoring all words at once costs less.
_LARGEST_SHARE = 1 / 8
# Hidden numbers gathered at a time, to score the words found.
_TILE_NUMEL = 2**24
# Nats: sums over leaves and the leaves' own log-probabilities come by different routes, and rounding is not to decide.
_ROUNDING = 1e-4

BestLeaves = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""(hidden (n, D), how many) → (log_prob, leaf), (n, how many), best first."""
WordLogProb = Callable[[Tensor, Tensor], Tensor]
"""(hidden (n, D), word id (n,)) → log p of the word, all its leaves together, (n,)."""
BruteForce = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""(hidden (n, D), k) → (log_prob, word id), (n, k)."""


def best_words(
    hidden: Tensor,
    k: int,
    *,
    leaf_words: Tensor,
    leaves_a_word: int,
    best_leaves: BestLeaves,
    word_log_prob: WordLogProb,
    brute_force: BruteForce,
) -> tuple[Tensor, Tensor]:
    """The k most probable words of each example, (log_prob, word id), (N, k), as brute force finds them.

    The words of the best leaves are scored exactly. No leaf of any other word is more probable than the last leaf
    taken, so that such a word has at most `leaves_a_word` times that probability: when the k-th best word is better
    than this, the k are found. Examples where it is not are asked again for more leaves.

    Args:
        hidden: (N, D).
        k: 1 ≤ k ≤ V.
        leaf_words: (leaves,) int64, the word of each leaf.
        leaves_a_word: the most that any word has.
        best_leaves: see `BestLeaves`.
        word_log_prob: see `WordLogProb`.
        brute_force: see `BruteForce`.
    """
    value = hidden.new_empty(hidden.shape[0], k)
    word_id = torch.empty(hidden.shape[0], k, dtype=torch.int64)
    unsure = torch.arange(hidden.shape[0])
    num_leaves = _FIRST_ROUND * k * leaves_a_word
    while unsure.shape[0] and num_leaves <= _LARGEST_SHARE * leaf_words.shape[0]:
        step = max(1, _TILE_NUMEL // (num_leaves * leaves_a_word * hidden.shape[1]))
        left = []
        for example in torch.split(unsure, step):
            part = hidden.index_select(0, example)
            leaf_log_prob, leaf = best_leaves(part, num_leaves)
            found_value, found_id = _best_of(part, leaf_words[leaf], k, word_log_prob)
            bound = leaf_log_prob[:, -1] + math.log(leaves_a_word) + _ROUNDING
            sure = found_value[:, -1] > bound
            value[example[sure]], word_id[example[sure]] = found_value[sure], found_id[sure]
            left.append(example[~sure])
        unsure = torch.cat(left)
        num_leaves *= _GROWTH
    if unsure.shape[0]:
        value[unsure], word_id[unsure] = brute_force(hidden.index_select(0, unsure), k)
    return value, word_id


def _best_of(hidden: Tensor, words: Tensor, k: int, word_log_prob: WordLogProb) -> tuple[Tensor, Tensor]:
    """The k best among `words` (n, m) of each example, which may repeat; −inf where there are fewer than k."""
    words = words.sort(dim=1).values
    is_first = torch.ones_like(words, dtype=torch.bool)
    is_first[:, 1:] = words[:, 1:] != words[:, :-1]
    example, column = is_first.nonzero(as_tuple=True)
    log_prob = hidden.new_full(words.shape, -torch.inf)
    log_prob[example, column] = word_log_prob(hidden.index_select(0, example), words[example, column])
    value, column = topk_lowest_id_first(log_prob, k)
    return value, words.gather(1, column)
