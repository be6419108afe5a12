"""Layers for a changed vocabulary, with words kept, added and removed."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.errors import InputError
from vastmax.output.base import Output
from vastmax.output.dense import Dense
from vastmax.output.hierarchical import Hierarchical
from vastmax.tree import Tree

_MARKS = 2**30
"""Random numbers below this identify words: up to 2^23 have an exact sum in float64, and sets rarely share two sums."""


def resized(layer: Output, old_word_ids: Tensor, *, tree: Tree | None = None) -> Output:
    """Return a new layer over V′ words that keeps the parameters of the words in `layer`.

    `Dense` keeps the rows of words; the vector of a new word is drawn as in a new layer, and its bias is the smallest
    one, as for a word that was never seen. `Hierarchical` keeps decisions of the new tree that split the common words
    in the same way as one of the old tree; others are initialized.

    Args:
        layer: a `Dense` or a `Hierarchical`.
        old_word_ids: (V′,) int64, the id of each new word in `layer`, or −1 if it is new. Other words are removed.
        tree: a tree over the V′ words, for `Hierarchical`.

    Raises:
        InputError: ids out of range or repeated; the tree is missing, has a wrong size, or is not needed; the layer is
            of another kind.
    """
    old_word_ids = checked_old_word_ids(old_word_ids, layer.vocab_size)
    if isinstance(layer, Dense):
        if tree is not None:
            raise InputError("tree is for Hierarchical layers, but this one is Dense: leave it out")
        return _dense(layer, old_word_ids)
    if not isinstance(layer, Hierarchical):
        raise InputError(
            f"{type(layer).__name__} cannot be resized: its parameters follow from counts or spellings; build a new one"
        )
    if tree is None or tree.vocab_size != old_word_ids.shape[0]:
        found = "none" if tree is None else f"a tree over {tree.vocab_size}"
        raise InputError(f"tree is {found}; expected one over the {old_word_ids.shape[0]} words of old_word_ids")
    return _hierarchical(layer, old_word_ids, tree)


@torch.no_grad()
def _dense(layer: Dense, old_word_ids: Tensor) -> Dense:
    weight = layer.weight
    new = Dense(
        layer.hidden_size,
        old_word_ids.shape[0],
        bias=layer.bias is not None,
        sparse_gradients=layer.sparse_gradients,
        device=weight.device,
        dtype=weight.dtype,
    )
    (kept,) = (old_word_ids >= 0).nonzero(as_tuple=True)
    old = old_word_ids[kept].to(weight.device)
    kept = kept.to(weight.device)
    new.weight[kept] = weight[old]
    if layer.bias is not None and new.bias is not None:
        new.bias.fill_(layer.bias.min())
        new.bias[kept] = layer.bias[old]
    return new


@torch.no_grad()
def _hierarchical(layer: Hierarchical, old_word_ids: Tensor, tree: Tree) -> Hierarchical:
    new = Hierarchical(
        layer.hidden_size,
        tree,
        bias=layer.bias is not None,
        sparse_gradients=layer.sparse_gradients,
        device=layer.weight.device,
        dtype=layer.weight.dtype,
    )
    marks = np.random.default_rng(0).integers(1, _MARKS, layer.vocab_size).astype(np.float64)
    ids = old_word_ids.numpy()
    shared = np.zeros(layer.vocab_size)
    shared[ids[ids >= 0]] = marks[ids[ids >= 0]]
    theirs = _decisions(layer.tree, shared)
    ours = _decisions(tree, np.where(ids >= 0, marks[np.maximum(ids, 0)], 0.0))
    place = {key: row for row, key in enumerate(theirs) if key is not None}
    pairs = [(row, place[key]) for row, key in enumerate(ours) if key in place]
    if pairs and layer.tree.is_binary == tree.is_binary:
        here, there = torch.tensor(pairs, device=layer.weight.device).T
        new.weight[here] = layer.weight[there]
        if layer.bias is not None and new.bias is not None:
            new.bias[here] = layer.bias[there]
    return new


def _decisions(tree: Tree, marks: NDArray[np.float64]) -> list[tuple[float, float] | None]:
    """Return the decision of each row of a layer over `tree` as sums of marks of words, None if it does not split any.

    In a binary tree, the sums are of the words on either side; otherwise, of the words below the node and the child.
    """
    below = tree.edge_sums(marks[tree.leaf_words])
    if tree.is_binary:
        sides = list(zip(below[::2].tolist(), below[1::2].tolist(), strict=True))
        return [pair if min(pair) > 0 else None for pair in sides]
    of_node = np.add.reduceat(below, tree.child_offsets[:-1])[tree.edge_nodes]
    return [
        (node, child) if 0 < child < node else None
        for node, child in zip(of_node.tolist(), below.tolist(), strict=True)
    ]


def checked_old_word_ids(old_word_ids: object, vocab_size: int) -> Tensor:
    """Return the old id of each new word, on the CPU, checked against the old vocabulary's size."""
    if not isinstance(old_word_ids, Tensor) or old_word_ids.ndim != 1 or old_word_ids.is_floating_point():
        raise InputError("old_word_ids must be a tensor of int64, (V′,): the old id of each new word, −1 for none")
    if old_word_ids.numel() == 0:
        raise InputError("old_word_ids is empty; expected one old id per word of the new vocabulary, at least one")
    ids = old_word_ids.detach().cpu().long()
    if bool(((ids < -1) | (ids >= vocab_size)).any()):
        wrong = int(ids[(ids < -1) | (ids >= vocab_size)][0])
        raise InputError(f"old_word_ids contains {wrong}; expected ids in [0, {vocab_size}), or −1 for a new word")
    kept = ids[ids >= 0]
    if len(set(kept.tolist())) < kept.numel():
        raise InputError("old_word_ids contains a word twice: an old word becomes at most one new word")
    return ids
