"""Negative sampling: NCE without its corrections, for vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import shared_noise_work
from vastmax.methods.work import DEFAULT_NUM_SAMPLES, MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


DEFAULT_POWER = 0.75


def negative_sampling(
    hidden_size: int, vocabulary: Any, *, num_samples: int = DEFAULT_NUM_SAMPLES, power: float = DEFAULT_POWER
) -> Head:
    """Build Dense × NegativeSampling over draws from Unigram(power), shared by the batch."""
    from vastmax.head import Head
    from vastmax.objective.negative_sampling import NegativeSampling
    from vastmax.output.dense import Dense
    from vastmax.proposal.unigram import Unigram

    noise = Unigram(vocabulary, power)
    # Its biases begin where it predicts the law of its noise, which is as good a start: benchmarks/default_rates.py.
    return Head(Dense(hidden_size, noise.vocab_size), NegativeSampling(noise, num_samples))


def _work(setting: Setting) -> MethodWork:
    return shared_noise_work(setting, DEFAULT_POWER)


METHOD = Method(
    name="negative-sampling",
    title="negative sampling",
    summary="NCE without its corrections: for vectors, not likelihoods",
    source="Mikolov et al. 2013",
    family="words told from noise",
    family_rank=2,
    build=negative_sampling,
    work=_work,
    complexity=36,
    dense=True,
    published=Published(
        quality="no likelihoods: for vectors",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="no",
        speed_up_paper="50–100×",
        speed_up_source="as quoted by Ruder 2016",
        parameters="100 %",
    ),
    take=WhenToTake(
        rank={"vectors": (1, 1, 1)},
        why_for={
            "vectors": lambda case: (
                "Made for vectors: likelihoods are not learned and not needed. `vastmax embed` trains it at native "
                "speed, a few noise words per pair, without PyTorch"
            )
        },
        avoid=lambda case: (
            None if case.purpose == "vectors" else "it learns vectors, not likelihoods: its scores are no model of text"
        ),
    ),
)
