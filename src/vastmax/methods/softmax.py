"""The plain softmax: every word is scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax.distribution.counts import counts_array
from vastmax.methods.case import ALIKE, Case, times
from vastmax.methods.method import SOFTMAX_PERPLEXITIES, Method, Published, WhenToTake
from vastmax.methods.parts import softmax_work

if TYPE_CHECKING:
    from vastmax.head import Head


def softmax(hidden_size: int, vocabulary: Any) -> Head:
    """Build Dense × CrossEntropy."""
    from vastmax.head import Head
    from vastmax.objective.cross_entropy import CrossEntropy
    from vastmax.output.dense import Dense

    return Head(Dense(hidden_size, counts_array(vocabulary).size), CrossEntropy(), counts=vocabulary)


def _why(case: Case) -> str:
    cost = f"no more than {times(case.gain)} the cost of" if case.gain >= ALIKE else "no costlier than"
    return f"Exact, with nothing to tune, and here {cost} a sampled step"


def _avoid(case: Case) -> str | None:
    if case.size == "small" or (case.purpose == "score" and case.size == "medium"):
        return None
    return f"its step takes {times(case.gain)} as long as a sampled one: keep it as the baseline, on a part of the text"


METHOD = Method(
    name="softmax",
    title="softmax",
    summary="the plain softmax: exact, O(V) per token in training and test; for small vocabularies, or as the baseline",
    source="Bengio et al. 2003",
    family="all words",
    family_rank=1,
    build=softmax,
    work=softmax_work,
    complexity=0,
    dense=True,
    in_default_race=True,
    published=Published(
        quality="the baseline: very good for a small V, very poor for a large one, where it sees too little text in "
        "its time",
        speed_up_chen="1×",
        small_vocabulary="very good",
        large_vocabulary="very poor",
        parameters="100 %",
        perplexities=SOFTMAX_PERPLEXITIES,
    ),
    take=WhenToTake(
        rank={"train": (1, 3, None), "score": (2, None, None), "best-word": (1, None, None)},
        why=_why,
        why_for={
            "best-word": lambda case: (
                "Finding the best word goes over all words, and so does training; here neither is costly"
            )
        },
        avoid=_avoid,
    ),
)
