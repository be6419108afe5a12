"""Infrequent normalization: self-normalized, log Z computed for a tenth of the examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from vastmax.distribution.counts import counts_array
from vastmax.methods.case import capital
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import softmax_work
from vastmax.methods.self_normalised import DEFAULT_ALPHA
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


DEFAULT_FRACTION = 0.1


def infrequent_normalisation(
    hidden_size: int,
    vocabulary: Any,
    *,
    alpha: float = DEFAULT_ALPHA,
    fraction: float = DEFAULT_FRACTION,
    penalty: Literal["likelihood", "squared", "log"] = "likelihood",
) -> Head:
    """Build Dense × SelfNormalised with a fraction below 1."""
    from vastmax.head import Head
    from vastmax.objective.self_normalised import SelfNormalised
    from vastmax.output.dense import Dense

    objective = SelfNormalised(alpha, fraction, penalty=penalty)
    return Head(Dense(hidden_size, counts_array(vocabulary).size), objective, counts=vocabulary)


def _work(setting: Setting) -> MethodWork:
    return softmax_work(setting, raw_score=True, fraction=DEFAULT_FRACTION)


METHOD = Method(
    name="infrequent-normalisation",
    title="infrequent normalization",
    summary="self-normalized, with log Z computed for a tenth of the examples: cheaper training and scoring",
    source="Andreas & Klein 2015; Chen et al. 2015",
    family="log Z held near 0",
    family_rank=2,
    build=infrequent_normalisation,
    work=_work,
    complexity=32,
    dense=True,
    self_normalising=True,
    published=Published(
        quality="near the softmax for a small V, better for a large one (its weak form)",
        cheaper_training="yes",
        cheaper_scoring="yes",
        cheaper_search="no",
        speed_up_chen="6×",
        speed_up_paper="10×",
        speed_up_source="Andreas & Klein 2015",
        small_vocabulary="very good",
        large_vocabulary="good",
        parameters="100 %",
        perplexities=(124.4, 56.9, 98.7),
    ),
    take=WhenToTake(
        rank={"train": (None, None, 5), "score": (3, 3, None)},
        why=lambda case: (
            f"{capital(case.faster('infrequent-normalisation'))}, and the raw score of a word comes near its log p"
        ),
    ),
)
