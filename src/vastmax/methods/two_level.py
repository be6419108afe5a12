"""Two-level softmax: first the word's class, then the word in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax import tree as trees
from vastmax.distribution.counts import counts_array
from vastmax.methods.case import MUCH_CHEAPER, Case, capital, times
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.text_tree import tree_head
from vastmax.methods.tree_work import class_work
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


def two_level(hidden_size: int, vocabulary: Any, *, num_classes: int | None = None) -> Head:
    """Build Hierarchical over frequency classes × CrossEntropy."""
    counts = counts_array(vocabulary)
    return tree_head(hidden_size, counts, trees.frequency_classes(counts, num_classes))


def _work(setting: Setting) -> MethodWork:
    return class_work(setting, *setting.words.classes)


def _avoid(case: Case) -> str | None:
    slower = case.costs["two-level"].step_seconds / case.costs["hierarchical-softmax"].step_seconds
    if slower <= MUCH_CHEAPER:
        return None
    return f"a binary tree's step is {times(slower)} cheaper, and can have classes by meaning at its top"


METHOD = Method(
    name="two-level",
    title="two-level (class-based) softmax",
    summary="first the class, then the word in it: exact, some 2·√V scores in place of V, in few, large products",
    source="Goodman 2001; Mikolov et al. 2011",
    family="paths in a tree",
    family_rank=3,
    build=two_level,
    work=_work,
    complexity=11,
    in_default_race=True,
    published=Published(
        quality="classes by frequency: 166 against the softmax's 144 on text8, 51 against 42 on Europarl (Grave 2017)",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="with search",
        speed_up_paper="2.4–6.5×",
        speed_up_source="Grave et al. 2017",
        parameters="100 %",
    ),
    take=WhenToTake(
        rank={"score": (None, None, 5)},
        why=lambda case: (
            f"{capital(case.faster('two-level'))}, exact, and {case.score_against('two-level')}; its classes are by "
            "frequency, which is not the best way to group words"
        ),
        avoid=_avoid,
    ),
)
