"""Layers over another vocabulary keep what they know of the words in both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from vastmax import Head
from vastmax.errors import InputError
from vastmax.objective import NCE, CrossEntropy
from vastmax.output import Adaptive, Dense, Hierarchical
from vastmax.proposal import Uniform
from vastmax.tree import Tree, balanced, frequency_classes, huffman

V, D = 12, 4
IDS = torch.tensor([3, -1, 0, 11, 7, -1, 5])


def filled(layer: Any) -> Any:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    return layer


def test_dense_rows_follow_their_words() -> None:
    head = Head(filled(Dense(D, V)))
    hidden = torch.randn(5, D)
    grown = head.eval().resized(IDS)
    kept = IDS >= 0
    assert not grown.training
    scores, before = grown.logits(hidden), head.logits(hidden)
    torch.testing.assert_close(scores[:, kept], before[:, IDS[kept]])
    assert grown.output.bias[~kept].eq(head.output.bias.min()).all()
    assert grown.output.weight[~kept].abs().max() <= D**-0.5
    with torch.no_grad():
        grown.output.weight.zero_()
    assert head.output.weight.ne(0).any()
    sampled = Head(filled(Dense(D, V)), NCE(Uniform(V), 3))
    with pytest.raises(InputError, match="NCE draws noise from the old vocabulary: pass objective"):
        sampled.resized(IDS)
    assert sampled.resized(IDS, objective=NCE(Uniform(7), 3)).vocab_size == 7


@pytest.mark.parametrize("kind", ["same", "permuted"])
@pytest.mark.parametrize("build", [huffman, lambda counts: frequency_classes(counts, 3)])
def test_a_tree_of_the_same_words_is_the_same_model(build: Any, kind: str) -> None:
    counts = np.array([50, 31, 22, 17, 13, 11, 7, 5, 4, 3, 2, 1])
    ids = torch.arange(V) if kind == "same" else torch.randperm(V, generator=torch.Generator().manual_seed(1))
    layer = filled(Hierarchical(D, build(counts)))
    head = Head(layer)
    again = head.resized(ids, tree=build(counts[ids.numpy()]))
    hidden = torch.randn(3, D)
    torch.testing.assert_close(again.log_prob(hidden), head.log_prob(hidden)[:, ids])


def test_a_word_more_or_less_leaves_the_other_decisions_as_they_were() -> None:
    """Powers of two make a chain: at each node one word against all rarer ones."""
    chain = [2**i for i in range(7, -1, -1)]
    layer = filled(Hierarchical(D, huffman(chain)))
    head, hidden = Head(layer), torch.randn(3, D)
    fewer = head.resized(torch.arange(7), tree=huffman(chain[:7]))
    assert all(bool((row == layer.weight).all(dim=1).any()) for row in fewer.output.weight)
    before = head.log_prob(hidden)
    torch.testing.assert_close(fewer.log_prob(hidden)[:, :6], before[:, :6])
    torch.testing.assert_close(fewer.log_prob(hidden)[:, 6].exp(), before[:, 6:].exp().sum(1))
    more = head.resized(torch.tensor([*range(8), -1]), tree=huffman([*chain, 1 / 2]))
    torch.testing.assert_close(more.log_prob(hidden)[:, :7], before[:, :7])
    torch.testing.assert_close(more.log_prob(hidden)[:, 7:].exp().sum(1), before[:, 7].exp())


def test_what_cannot_be_resized_is_refused_in_words() -> None:
    head = Head(Dense(D, V))
    for ids, message in (
        ([0, 1], "old_word_ids must be a tensor of int64"),
        (torch.zeros(2), "old_word_ids must be a tensor of int64"),
        (torch.zeros(0, dtype=torch.int64), "old_word_ids is empty"),
        (torch.tensor([0, V]), rf"old_word_ids contains {V}; expected ids in \[0, {V}\), or −1"),
        (torch.tensor([1, 1]), "contains a word twice"),
    ):
        with pytest.raises(InputError, match=message):
            head.resized(ids)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="tree is for Hierarchical layers, but this one is Dense"):
        head.resized(IDS, tree=balanced(7))
    tree = Head(Hierarchical(D, balanced(V)), CrossEntropy())
    wrong: list[tuple[Tree | None, str]] = [(None, "tree is none"), (balanced(3), "tree is a tree over 3")]
    for given, message in wrong:
        with pytest.raises(InputError, match=f"{message}; expected one over the 7 words"):
            tree.resized(IDS, tree=given)
    with pytest.raises(InputError, match="Adaptive cannot be resized: its parameters follow from counts"):
        Head(Adaptive(D, range(V, 0, -1), [4])).resized(IDS)
