"""Trees from word vectors: similar words stay together, by two-way clustering from the root down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from vastmax.arguments import MOST_SEED, MOST_THREADS, real, whole
from vastmax.errors import InputError
from vastmax.kernels.machine import usable_cores
from vastmax.kernels.two_clusters import two_clusters
from vastmax.progress import Progress, Silent
from vastmax.tree.huffman_tree import huffman
from vastmax.tree.joined_tree import grafted, joined, top_of
from vastmax.tree.links import Int64, concatenated_ranges
from vastmax.tree.tree import Tree
from vastmax.tree.word_rows import WordRows, word_rows

Split = Literal["adaptive", "balanced"]

# Steps of EM per node; the means hardly move after that.
ITERATIONS = 10
# Each side of a split has this share of the words exclusively, so no path is longer than a few times log2 V.
_LEAST_SHARE = 0.1


def clustered(
    vectors: Any,
    words: Sequence[str] | None = None,
    *,
    split: Split = "adaptive",
    overlap: float = 0.0,
    copies: int = 1,
    counts: npt.ArrayLike | None = None,
    max_mean_leaves: float = 4.0,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Tree:
    """Return a binary tree from recursive two-way clustering of word vectors (Mnih & Hinton 2008).

    At every node, EM fits a mixture of two Gaussians to the vectors of its words from a random start. The
    responsibility r of a word is the posterior of the second component.

    - ``split="adaptive"``: words with r > ½ go right, the others left.
    - ``split="balanced"``: words in order of r are divided in the middle.
    - ``overlap`` ε: a word with \\|r − ½\\| ≤ ε goes both ways and so gets several leaves, which different contexts may
      reach. Adaptive splits only.
    - ``copies`` m: m trees from different seeds under one root (see `vastmax.tree.joined`).

    Differences from the paper: the two components share one spherical variance (with free ones, the narrower component
    takes the words near the mean, whatever they mean), and each side of a split has a tenth of the words exclusively.

    Args:
        vectors: (V, D) in id order, or `WordVectors`. Their lengths matter: pass unit vectors to cluster by direction.
        words: the vocabulary in id order. With `WordVectors`, rows are looked up by word; words without a vector form
            a separate subtree. None: the words of the vectors.
        split: ``"adaptive"`` or ``"balanced"``.
        overlap: ε in [0, ½).
        copies: m ≥ 1.
        counts: (V,) word counts: they weight the words in the mixtures and in balanced splits, which shortens the
            expected path. None: equal weights, as published.
        max_mean_leaves: the maximum mean number of leaves per word and copy; words nearest to ½ are duplicated first.
        seed: the seed of the random starts, ≥ 0; equal seeds give equal trees.
        threads: None: the cores this process may use. The tree does not depend on them.
        progress: receives the number of words that have a leaf.

    Returns:
        A binary `Tree`.

    Raises:
        InputError: vectors that are not a matrix or contain NaN; options out of range; counts or words do not fit.

    Cost: about 30·D multiply-adds per word and level, for slightly more than log2 V levels, times the copies; memory
    for the vectors as float32, and about 100 bytes per leaf.

    Example:
        >>> import numpy as np
        >>> points = np.array([[0.0, 9.0], [5.0, 0.0], [0.0, 8.0], [5.0, 1.0]])
        >>> t = clustered(points)
        >>> [t.path(word).code[0] for word in range(4)] in (["0", "1", "0", "1"], ["1", "0", "1", "0"])
        True
    """
    check_splits(split, overlap, copies)
    real("max_mean_leaves", max_mean_leaves, 1.0, 1e6, why="every word has a leaf")
    whole("seed", seed, 0, MOST_SEED)
    if threads is not None:
        whole("threads", threads, 1, MOST_THREADS)
    rows = word_rows(vectors, words, counts)
    progress = progress or Silent()
    n = len(rows.vectors)
    progress.begin("clustering", n * copies, "words")
    options = _Options(split, overlap, max_mean_leaves * n, threads or usable_cores())
    trees = []
    for copy, stream in enumerate(np.random.SeedSequence(seed).spawn(copies)):
        links = _cluster(rows, options, np.random.default_rng(stream), progress, done_before=copy * n)
        trees.append(Tree.from_links(links, np.full(links.size // 2, 2)))
    progress.end()
    return with_lacking_words(joined(trees), rows)


def with_lacking_words(tree: Tree, rows: WordRows) -> Tree:
    """Return `tree`, over the words with vectors, and a Huffman tree over the other words under a common root."""
    if not rows.lacking.size:
        return tree if rows.words is None else tree.with_words(rows.words)
    others = huffman(np.ones(rows.lacking.size) if rows.counts is None else rows.counts[rows.lacking])
    top = top_of(2, binary=tree.is_binary)
    return grafted(top, [(tree, rows.word_ids), (others, rows.lacking)], words=rows.words)


class _Options(NamedTuple):
    split: Split
    overlap: float
    max_leaves: float
    threads: int


def _cluster(
    rows: WordRows, options: _Options, rng: np.random.Generator, progress: Progress, *, done_before: int
) -> Int64:
    """Split all words level by level; return the two children of each node, a negative one being ``~row``."""
    n, weights = len(rows.vectors), rows.weights
    if n == 1:
        return np.empty(0, dtype=np.int64)
    members, offsets = np.arange(n, dtype=np.int32), np.array([0, n])
    children: list[Int64] = []
    num_nodes, num_leaves = 1, 0
    while members.size:  # one level of the tree; `members` are its words, node after node
        log_odds = _log_odds(rows, members, offsets, options.threads, rng)
        node = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
        order = np.lexsort((log_odds, node))
        members, log_odds = members[order], log_odds[order]
        spare = int(options.max_leaves) - num_leaves - members.size
        left_stop, right_start = _cuts(log_odds, offsets, None if weights is None else weights[members], options, spare)
        starts = np.stack([offsets[:-1], right_start], axis=1).reshape(-1)
        sizes = np.stack([left_stop, offsets[1:]], axis=1).reshape(-1) - starts
        is_leaf = sizes == 1
        level = np.empty(sizes.size, dtype=np.int64)
        level[is_leaf] = ~members[starts[is_leaf]].astype(np.int64)
        level[~is_leaf] = num_nodes + np.arange(sizes.size - is_leaf.sum())
        children.append(level)
        num_nodes += sizes.size - int(is_leaf.sum())
        num_leaves += int(is_leaf.sum())
        members = members[concatenated_ranges(starts[~is_leaf], sizes[~is_leaf])]
        offsets = np.concatenate([[0], np.cumsum(sizes[~is_leaf])])
        progress.update(done_before + n * num_leaves / (num_leaves + members.size))
    return np.concatenate(children)


def _log_odds(
    rows: WordRows, members: npt.NDArray[np.int32], offsets: Int64, threads: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return log r/(1 − r) of the members of each node with more than two words."""
    sizes = np.diff(offsets)
    seeds = rng.integers(2**64, size=sizes.size, dtype=np.uint64)
    large = sizes > 2
    log_odds = np.zeros(members.size, dtype=np.float32)
    inside = np.repeat(large, sizes)
    log_odds[inside] = two_clusters(
        rows.vectors,
        members[inside],
        np.concatenate([[0], np.cumsum(sizes[large])]),
        seeds[large],
        weights=rows.weights,
        iterations=ITERATIONS,
        threads=threads,
    )
    return log_odds


def _cuts(
    log_odds: npt.NDArray[np.float32],
    offsets: Int64,
    weights: npt.NDArray[np.float32] | None,
    options: _Options,
    spare: int,
) -> tuple[Int64, Int64]:
    """Return for each node (the end of its left part, the start of its right part), with members in order of odds.

    Members between the two go both ways; at most `spare` may.
    """
    first, stop = offsets[:-1], offsets[1:]
    sizes = stop - first
    least = np.ceil(_LEAST_SHARE * sizes).astype(np.int64)
    alike = log_odds[first] == log_odds[stop - 1]  # the mixture cannot tell these words apart
    if options.split == "adaptive":
        cut = first + np.add.reduceat(log_odds < 0, first, dtype=np.int64)
        cut = np.clip(cut, first + least, stop - least)
        cut[alike] = (first + sizes // 2)[alike]
    elif weights is None:
        cut = first + sizes // 2
    else:
        cut = _equal_mass(weights, first, stop)
    if not options.overlap or spare <= 0:
        return cut, cut
    reach = math.log((0.5 + options.overlap) / (0.5 - options.overlap))  # |r − ½| ≤ ε in log-odds
    distance = np.abs(log_odds)
    near = distance[distance <= reach]
    if near.size > spare:
        # The nearest ones; of several that are equally near, all or none.
        reach = float(np.nextafter(np.partition(near, spare)[spare], np.float32(-1)))
    begin = first + np.add.reduceat(log_odds < -reach, first, dtype=np.int64)
    end = first + np.add.reduceat(log_odds <= reach, first, dtype=np.int64)
    begin, end = np.minimum(begin, cut), np.maximum(end, cut)
    return (
        np.where(alike, cut, np.minimum(end, stop - least)),
        np.where(alike, cut, np.maximum(begin, first + least)),
    )


def _equal_mass(weights: npt.NDArray[np.float32], first: Int64, stop: Int64) -> Int64:
    """Return the cuts nearest to half of the mass of each range, with at least one member on each side."""
    total = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    goal = (total[first] + total[stop]) / 2
    above = np.searchsorted(total, goal)
    nearest = np.where(goal - total[above - 1] < total[above] - goal, above - 1, above)
    cut: Int64 = np.clip(nearest, first + 1, stop - 1)
    return cut


def check_splits(split: str, overlap: float, copies: int) -> None:
    """Raise InputError for invalid options of `clustered`; callers use it before long work."""
    if split not in ("adaptive", "balanced"):
        raise InputError(f'split is {split!r}; choose "adaptive" or "balanced"')
    real("overlap", overlap, 0.0, 0.5, below=True)
    if overlap and split != "adaptive":
        raise InputError(f'overlap is {overlap} with split="balanced"; only adaptive splits overlap')
    whole("copies", copies, 1, 1_000)
