"""Nodes and edges as arrays: sort them in breadth-first order, and check that they form a tree."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


class Ordered(NamedTuple):
    """A tree in breadth-first order, see `vastmax.tree.Tree`."""

    children: Int64
    """(E,)"""
    child_counts: npt.NDArray[np.integer]
    """(M,)"""
    leaf_words: Int64
    """(leaves,)"""
    nodes: Int64
    """(M,) the old number of each node."""


def breadth_first(
    children: npt.NDArray[np.integer], child_counts: npt.NDArray[np.integer], *, root: int = 0
) -> Ordered:
    """Number nodes by level and leaves by word, given links in any order; see `Tree.from_links`.

    Raises:
        InputError: a node is not reached from the root, or reached twice.
    """
    num_nodes = len(child_counts)
    offsets = np.concatenate([[0], np.cumsum(child_counts, dtype=np.int64)])
    level = np.array([root], dtype=np.int64) if num_nodes else np.empty(0, dtype=np.int64)
    node_order, edge_order, seen = [level[:0]], [level[:0]], 0
    while level.size:
        seen += level.size
        if seen > num_nodes:
            raise InputError(f"not a tree: some of {num_nodes} inner nodes are reached twice from the root")
        node_order.append(level)
        edges = concatenated_ranges(offsets[level], np.asarray(child_counts)[level])
        edge_order.append(edges)
        targets = np.asarray(children)[edges]
        level = targets[targets >= 0].astype(np.int64)
    if seen != num_nodes:
        raise InputError(f"not a tree: {num_nodes - seen} of {num_nodes} inner nodes cannot be reached")
    if not num_nodes:
        return Ordered(level, np.empty(0, dtype=np.int32), np.zeros(1, dtype=np.int64), level)
    order = np.concatenate(node_order)
    ordered = np.asarray(children)[np.concatenate(edge_order)].astype(np.int64)
    is_leaf = ordered < 0
    ordered[~is_leaf] = np.arange(1, num_nodes)
    edge_words = ~ordered[is_leaf]
    by_word = np.argsort(edge_words, kind="stable")
    leaf_ids = np.empty_like(by_word)
    leaf_ids[by_word] = np.arange(by_word.size)
    ordered[is_leaf] = ~leaf_ids
    return Ordered(ordered, np.asarray(child_counts)[order], edge_words[by_word], order)


def check_tree(children: Int32, child_counts: Int32, leaf_words: Int32) -> None:
    """Raise InputError unless the arrays form a tree as described in `vastmax.tree.Tree`."""
    if child_counts.size and (child_counts.min() < 1 or child_counts.sum() != children.size):
        raise InputError(
            f"not a tree: {child_counts.size} inner nodes have {child_counts.sum()} children, but {children.size} are "
            "given; each needs at least one"
        )
    if not child_counts.size and children.size:
        raise InputError(f"not a tree: {children.size} children but no inner node")
    inner = children[children >= 0]
    parents = np.repeat(np.arange(child_counts.size), child_counts)[children >= 0]
    numbers = np.arange(1, child_counts.size)
    if not np.array_equal(inner, numbers) or bool((parents >= numbers).any()):
        raise InputError("not a tree in breadth-first order: each inner node must be a child once, by level")
    leaves = ~children[children < 0]
    num_leaves = max(1, leaves.size)
    if children.size and not (
        leaves.max(initial=-1) < num_leaves and (np.bincount(leaves, minlength=num_leaves) == 1).all()
    ):
        raise InputError(f"not a tree: the {num_leaves} leaves must be numbered from 0, each a child once")
    if leaf_words.size != num_leaves:
        raise InputError(f"not a tree: {num_leaves} leaves but {leaf_words.size} words on them")
    steps = np.diff(leaf_words)
    if leaf_words[0] != 0 or ((steps != 0) & (steps != 1)).any():
        raise InputError("not a tree: the words of the leaves must ascend from 0 without gaps")


def concatenated_ranges(starts: npt.NDArray[np.integer], lengths: npt.NDArray[np.integer]) -> Int64:
    """Return ``np.concatenate([np.arange(s, s + n) for s, n in zip(starts, lengths)])``, without the loop."""
    lengths = np.asarray(lengths, dtype=np.int64)
    ends = np.cumsum(lengths)
    ranges: Int64 = np.arange(ends[-1] if ends.size else 0)
    ranges += np.repeat(np.asarray(starts) - (ends - lengths), lengths)
    return ranges
