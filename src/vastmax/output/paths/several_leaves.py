"""The best words of a tree in which words have several leaves."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vastmax.output.linear.scan import topk_lowest_id_first

# Leaves in the first round, times k, times the maximum number of leaves per word; later rounds use four times as many.
_FIRST_ROUND = 2
_GROWTH = 4
# Beyond this share of all leaves, scoring all words costs less.
_LARGEST_SHARE = 1 / 8
# Size of a tile of hidden vectors gathered to score words.
_TILE_NUMEL = 2**24
# Tolerance in nats: sums over leaves and log-probabilities of leaves have different rounding errors.
_ROUNDING = 1e-4

BestLeaves = Callable[[Tensor, int], tuple[Tensor, Tensor]]
"""(hidden (n, D), m) → (log_prob, leaf), (n, m) each, best first."""
WordLogProb = Callable[[Tensor, Tensor], Tensor]
"""(hidden (n, D), word id (n,)) → log p of the word, the sum of its leaves, (n,)."""
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
    """Return the k most probable words of each example, (log_prob, word id), (N, k), as brute force does.

    The words of the best leaves are scored exactly. No leaf of any other word is more probable than the last of these
    leaves, so such a word has at most `leaves_a_word` times that probability. If the k-th best word is better, the k
    words are found. Other examples are searched again with more leaves.

    Args:
        hidden: (N, D).
        k: 1 ≤ k ≤ V.
        leaf_words: (leaves,) int64, the word of each leaf.
        leaves_a_word: the maximum number of leaves per word.
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
    """Return the k best among `words` (n, m) of each example, which may repeat; −inf if there are fewer than k."""
    words = words.sort(dim=1).values
    is_first = torch.ones_like(words, dtype=torch.bool)
    is_first[:, 1:] = words[:, 1:] != words[:, :-1]
    example, column = is_first.nonzero(as_tuple=True)
    log_prob = hidden.new_full(words.shape, -torch.inf)
    log_prob[example, column] = word_log_prob(hidden.index_select(0, example), words[example, column])
    value, column = topk_lowest_id_first(log_prob, k)
    return value, words.gather(1, column)
