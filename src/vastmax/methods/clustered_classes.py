"""Two-level softmax over classes of words that are alike, cut from a clustered tree so that a step is cheap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vastmax import tree as trees
from vastmax.arguments import whole
from vastmax.distribution.counts import counts_array
from vastmax.methods.case import capital
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.text_tree import GivenTree, Weights, clustered_text, given_tree, tree_head
from vastmax.methods.tree_work import alike_classes, class_work
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head
    from vastmax.progress import Progress

NAME = "clustered-classes"


def clustered_classes(
    hidden_size: int,
    corpus: Any,
    *,
    tree: GivenTree = None,
    num_classes: int | None = None,
    weights: Weights = "sqrt-count",
) -> Head:
    """Build Hierarchical over classes cut from a tree that is clustered from `corpus` × CrossEntropy."""
    options = {"tree": tree, "num_classes": num_classes, "weights": weights}
    return tree_head(hidden_size, corpus, tree if isinstance(tree, trees.Tree) else _tree(corpus, options))


def _tree(source: Any, options: Mapping[str, Any], progress: Progress | None = None) -> trees.Tree:
    """Return the classes of a text's tree, or of the tree that is given, equal in Σ √count."""
    vocabulary, given = source.vocabulary, options.get("tree")
    counts, wanted = counts_array(vocabulary), options.get("num_classes")
    num_classes = usual_classes(counts.size) if wanted is None else whole("num_classes", wanted, 1, counts.size)
    if given is None:
        weights = options.get("weights", "sqrt-count")
        binary = clustered_text(source, of=NAME, split="balanced", weights=weights, progress=progress)
    else:
        binary = given_tree(given, vocabulary)
    return trees.in_classes(binary, num_classes, counts**0.5)


def usual_classes(vocab_size: int) -> int:
    """Return about √V: near the least expected scores under Zipf's law."""
    return max(1, round(math.sqrt(vocab_size)))


def _work(setting: Setting) -> MethodWork:
    return class_work(setting, *alike_classes(setting.words, usual_classes(setting.V)))


METHOD = Method(
    name=NAME,
    title="two-level softmax over clustered classes",
    summary="first a class of words that are alike, clustered from the text itself, then the word in it; frequent "
    "words in small classes",
    source="Goodman 2001; Chen, Grangier & Auli 2015",
    family="paths in a tree",
    family_rank=4,
    build=clustered_classes,
    work=_work,
    tree_from=_tree,
    needs=frozenset({"corpus"}),
    complexity=16,
    published=Published(
        quality="classes by k-means better than by frequency (Chen 2015)",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="with search",
        parameters="100 %",
    ),
    take=WhenToTake(
        why=lambda case: (
            f"{capital(case.faster(NAME))}, exact, and {case.score_against(NAME)}; a word is told from all that are "
            "like it by one softmax"
        ),
    ),
)
