"""Two-level softmax: first the word's class, then the word in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax import tree as trees
from vastmax.distribution.counts import counts_array
from vastmax.methods.case import MUCH_CHEAPER, Case, capital, times
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import rows_in_play
from vastmax.methods.words import expected_distinct
from vastmax.methods.work import FLOAT_BYTES, MethodWork, Setting, Work

if TYPE_CHECKING:
    from vastmax.head import Head


def two_level(hidden_size: int, vocabulary: Any, *, num_classes: int | None = None) -> Head:
    """Build Hierarchical over frequency classes × CrossEntropy."""
    from vastmax.head import Head
    from vastmax.objective.cross_entropy import CrossEntropy
    from vastmax.output.hierarchical import Hierarchical

    counts = counts_array(vocabulary)
    classes = trees.frequency_classes(counts, num_classes)
    return Head(Hierarchical(hidden_size, classes, counts=counts), CrossEntropy())


def _work(setting: Setting) -> MethodWork:
    D, N = setting.hidden_size, setting.batch_size
    sizes, masses = setting.words.classes
    inner = sizes > 1
    num_rows = len(sizes) + float(sizes[inner].sum())
    cells = N * (len(sizes) + float((masses * sizes)[inner].sum()))
    in_play = expected_distinct(masses, N) * sizes
    touched = len(sizes) + float(in_play[inner].sum())
    forward = Work(cells * D, cells, FLOAT_BYTES * touched * D, operations=20.0)
    step = Work(3 * cells * D, cells, operations=60.0) + rows_in_play(touched, D)
    unfolded = N * (len(sizes) + float(sizes[inner & (masses >= setting.words.law.max())].sum()))
    return MethodWork(
        step,
        forward,
        Work(unfolded * D, unfolded, FLOAT_BYTES * unfolded * D, operations=20.0),
        parameters=num_rows * (D + 1.0),
        state=2.0 * num_rows,
        gradient=touched * (D + 1.0),
        best_of_unigrams=True,
    )


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
    family_rank=2,
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
        rank={"score": (None, None, 4)},
        why=lambda case: (
            f"{capital(case.faster('two-level'))}, exact, and {case.score_against('two-level')}; its classes are by "
            "frequency, which is not the best way to group words"
        ),
        avoid=_avoid,
    ),
)
