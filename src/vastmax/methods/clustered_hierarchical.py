"""Hierarchical softmax over a tree of words that are alike, clustered from the text itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vastmax import tree as trees
from vastmax.arguments import MOST_WORDS, whole
from vastmax.distribution.counts import counts_array
from vastmax.methods.case import Case, capital
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.text_tree import GivenTree, Weights, clustered_text, given_tree, tree_head
from vastmax.methods.tree_work import binary_tree_work, halved_node_masses
from vastmax.methods.work import MethodWork, Setting
from vastmax.tree.clustered_tree import Split

if TYPE_CHECKING:
    from vastmax.head import Head
    from vastmax.progress import Progress

NAME = "clustered-hierarchical"


def clustered_hierarchical(
    hidden_size: int,
    corpus: Any,
    *,
    tree: GivenTree = None,
    fan_out: int = 2,
    split: Split = "balanced",
    weights: Weights = "sqrt-count",
    overlap: float = 0.0,
    copies: int = 1,
) -> Head:
    """Build Hierarchical over a tree clustered from word vectors of `corpus` × CrossEntropy."""
    options = {
        "tree": tree,
        "fan_out": fan_out,
        "split": split,
        "weights": weights,
        "overlap": overlap,
        "copies": copies,
    }
    return tree_head(hidden_size, corpus, tree if isinstance(tree, trees.Tree) else _tree(corpus, options))


def _tree(source: Any, options: Mapping[str, Any], progress: Progress | None = None) -> trees.Tree:
    """Return the tree of a text, or the one that is given, with up to `fan_out` children per node."""
    clustering = {"fan_out": 2, **options}
    fan_out, given = whole("fan_out", clustering.pop("fan_out"), 2, MOST_WORDS), clustering.pop("tree", None)
    if given is None:
        found = clustered_text(source, of=NAME, progress=progress, **clustering)
    else:
        found = given_tree(given, source.vocabulary)
    return found if fan_out == 2 else trees.widened(found, fan_out, counts_array(source.vocabulary))


def _work(setting: Setting) -> MethodWork:
    return binary_tree_work(setting, halved_node_masses(setting.words))


def _avoid(case: Case) -> str | None:
    if case.size != "small" or case.purpose == "vectors":
        return None
    return "for so few words its speed buys little, and a flat softmax learns more from the same text"


METHOD = Method(
    name=NAME,
    title="hierarchical softmax over clustered words",
    summary="a word is a path of decisions down a tree in which words that are alike are together, clustered from the "
    "text itself: exact, as cheap as a Huffman tree's, and better",
    source="Mnih & Hinton 2008",
    family="paths in a tree",
    family_rank=2,
    build=clustered_hierarchical,
    work=_work,
    tree_from=_tree,
    needs=frozenset({"corpus"}),
    complexity=15,
    published=Published(
        quality="on APNews 127 with one clustered tree and 112 with four overlapping ones, against 151 with a random "
        "tree and 117 without one (Mnih & Hinton 2008)",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="with search",
        parameters="100 %",
    ),
    take=WhenToTake(
        rank={"train": (None, None, 1), "score": (None, 1, 1), "best-word": (None, None, 2)},
        why=lambda case: (
            f"{capital(case.faster(NAME))}, exact, and {case.score_against(NAME)}; similar words share their first "
            "decisions, so what is learned about one helps the others. Its tree takes a few seconds to cluster"
        ),
        avoid=_avoid,
    ),
)
