"""The top of a tree as it is drawn: shares of the text, sizes, examples, and no deeper than asked."""

from __future__ import annotations

import pytest

from vastmax import tree as trees
from vastmax.compare.tree_top import EXAMPLES, tree_top

COUNTS = [40, 30, 20, 6, 3, 1]
WORDS = list("abcdef")


def test_shares_and_sizes_add_up_at_every_node() -> None:
    top = tree_top(trees.huffman(COUNTS).with_words(WORDS), COUNTS, depth=10)
    assert (top["share"], top["size"], top["words"]) == (1.0, 6, WORDS[:EXAMPLES])
    leaves = []

    def check(node: dict) -> None:  # type: ignore[type-arg]
        if node["children"]:
            assert sum(child["share"] for child in node["children"]) == pytest.approx(node["share"])
            assert sum(child["size"] for child in node["children"]) == node["size"]
            for child in node["children"]:
                check(child)
        else:
            leaves.append((node["words"], round(node["share"], 6)))

    check(top)
    assert sorted(leaves) == [([word], count / 100) for word, count in zip(WORDS, COUNTS, strict=True)]


def test_no_deeper_than_asked() -> None:
    top = tree_top(trees.huffman(COUNTS).with_words(WORDS), COUNTS, depth=1)
    assert [child["children"] for child in top["children"]] == [[], []]


def test_words_without_names_are_numbered() -> None:
    assert tree_top(trees.huffman(COUNTS), COUNTS)["words"][0] == "word 0"
