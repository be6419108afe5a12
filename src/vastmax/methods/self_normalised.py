"""Self-normalization: the plain softmax trained so that log Z stays near 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax.distribution.counts import counts_array
from vastmax.methods.case import Case, times
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import softmax_work
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


DEFAULT_ALPHA = 0.1


def self_normalised(hidden_size: int, vocabulary: Any, *, alpha: float = DEFAULT_ALPHA) -> Head:
    """Build Dense × SelfNormalised."""
    from vastmax.head import Head
    from vastmax.objective.self_normalised import SelfNormalised
    from vastmax.output.dense import Dense

    return Head(Dense(hidden_size, counts_array(vocabulary).size), SelfNormalised(alpha), counts=vocabulary)


def _work(setting: Setting) -> MethodWork:
    return softmax_work(setting, raw_score=True)


def _avoid(case: Case) -> str | None:
    if case.size == "small" or (case.purpose == "score" and case.size == "medium"):
        return None
    return (
        f"its step takes {times(case.gain)} as long as a sampled one: it pays in scoring only, and nce and "
        "`infrequent-normalisation` do, too"
    )


METHOD = Method(
    name="self-normalised",
    title="self-normalization",
    summary="the plain softmax trained so that log Z stays near 0: scoring a given word then costs O(D)",
    source="Devlin et al. 2014",
    family="log Z held near 0",
    family_rank=1,
    build=self_normalised,
    work=_work,
    complexity=20,
    dense=True,
    self_normalising=True,
    published=Published(
        quality="like the softmax, a little worse as log Z is held nearer to 0: mean |log Z| 0.68 at alpha 0.1 "
        "(Devlin 2014)",
        cheaper_training="no",
        cheaper_scoring="yes",
        cheaper_search="no",
        speed_up_paper="15× (decoding)",
        speed_up_source="Devlin et al. 2014",
        parameters="100 %",
    ),
    take=WhenToTake(
        rank={"score": (1, None, None)},
        why=lambda case: (
            f"Trained exactly ({case.faster('self-normalised')}) so that the raw score stands for log p: scoring a "
            "given word then takes one row of the table"
        ),
        avoid=_avoid,
    ),
)
