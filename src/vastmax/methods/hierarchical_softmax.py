"""Hierarchical softmax: a word is a path of decisions down a tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vastmax import tree as trees
from vastmax.distribution.counts import counts_array
from vastmax.methods.case import Case, capital
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.text_tree import GivenTree, clustered_text, given_tree, has_text, tree_head
from vastmax.methods.tree_work import binary_tree_work
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head
    from vastmax.progress import Progress


def hierarchical_softmax(hidden_size: int, vocabulary: Any, *, tree: GivenTree = None) -> Head:
    """Build Hierarchical over a tree × CrossEntropy.

    Args:
        hidden_size: D.
        vocabulary: a `Corpus` or its encoded form, a `Vocabulary`, or counts (V,).
        tree: a `Tree`, a file that holds one, "clustered" (from the text, see `clustered-hierarchical`), or "huffman"
            (from the counts). None: clustered where there is a text, else Huffman.
    """
    over = tree if isinstance(tree, trees.Tree) else _tree(vocabulary, {"tree": tree})
    return tree_head(hidden_size, vocabulary, over)


def _tree(source: Any, options: Mapping[str, Any], progress: Progress | None = None) -> trees.Tree:
    vocabulary = getattr(source, "vocabulary", source)
    tree = options.get("tree")
    if tree is None:
        tree = "clustered" if has_text(source) else "huffman"
    if tree == "clustered":
        return clustered_text(source, of="hierarchical-softmax", progress=progress)
    return trees.huffman(counts_array(vocabulary)) if tree == "huffman" else given_tree(tree, vocabulary)


def _work(setting: Setting) -> MethodWork:
    return binary_tree_work(setting, setting.words.node_masses)


def _avoid(case: Case) -> str | None:
    if case.size != "small" or case.purpose == "vectors":
        return None
    return (
        "for so few words its speed buys little, and it is the worst of all there except NCE: "
        f"{METHOD.published.against_softmax()} (Chen 2015)"
    )


METHOD = Method(
    name="hierarchical-softmax",
    title="hierarchical softmax",
    summary="a word is a path of binary decisions in a tree clustered from the text (counts alone give Huffman's): the "
    "cheapest exact step at any V; a model of its own, as good as its tree",
    source="Morin & Bengio 2005; Mikolov et al. 2013",
    family="paths in a tree",
    family_rank=1,
    build=hierarchical_softmax,
    work=_work,
    tree_from=_tree,
    complexity=12,
    in_default_race=True,
    published=Published(
        quality="poor for a small V, the best of all for a large one; as good as its tree: on APNews 151 with a random "
        "tree, 127 with a clustered one, 112 with four overlapping ones, 117 without a tree (Mnih & Hinton 2008)",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="with search",
        speed_up_chen="25×",
        speed_up_paper="50–100×",
        speed_up_source="as quoted by Ruder 2016",
        small_vocabulary="very poor",
        large_vocabulary="very good",
        parameters="100 %",
        perplexities=(138.2, 57.1, 85.2),
    ),
    take=WhenToTake(
        rank={"train": (None, None, 4), "score": (None, 2, 2), "best-word": (None, None, 3), "vectors": (2, 2, 2)},
        why=lambda case: (
            f"{capital(case.faster('hierarchical-softmax'))}, exact, and {case.score_against('hierarchical-softmax')}. "
            "It is another model, as good as its tree: one clustered from the text, which is what training on a text "
            "takes, predicts better than one by frequency"
        ),
        why_for={
            "best-word": lambda case: (
                "The search goes down the tree best first and leaves out what cannot win: "
                f"{case.best_against('hierarchical-softmax')} for a model no surer than the unigrams; "
                f"{case.faster('hierarchical-softmax')}"
            ),
            "vectors": lambda case: (
                "A pair costs the decisions on the path to its word, few for frequent ones, and no noise is drawn. "
                "`vastmax embed --objective hierarchical-softmax`"
            ),
        },
        avoid=_avoid,
    ),
)
