"""Sampled softmax: the softmax over the target and K sampled words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax.methods.case import capital
from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import UNIQUE_DRAWS_OPERATIONS, in_play, sampled_work, unique_noise
from vastmax.methods.work import DEFAULT_NUM_SAMPLES, MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


def sampled_softmax(
    hidden_size: int, vocabulary: Any, *, num_samples: int = DEFAULT_NUM_SAMPLES, power: float = 1.0
) -> Head:
    """Build Dense × SampledSoftmax over unique draws from Unigram(power)."""
    from vastmax.head import Head
    from vastmax.objective.sampled_softmax import SampledSoftmax
    from vastmax.output.dense import Dense
    from vastmax.proposal.unigram import Unigram

    noise = Unigram(vocabulary, power, unique=True)
    return Head(Dense(hidden_size, noise.vocab_size), SampledSoftmax(noise, num_samples), counts=vocabulary)


def _work(setting: Setting) -> MethodWork:
    noise, tries = unique_noise(setting)
    return sampled_work(
        setting,
        scored=setting.noise_words,
        touched=in_play(setting, noise),
        draws=tries,
        operations=60.0 + (UNIQUE_DRAWS_OPERATIONS if setting.noise_words < setting.V else 0),
    )


METHOD = Method(
    name="sampled-softmax",
    title="sampled softmax",
    summary="softmax over the target and K sampled words: the usual choice for training on large vocabularies",
    source="Jean et al. 2015; Jozefowicz et al. 2016",
    family="a sum over samples",
    family_rank=1,
    build=sampled_softmax,
    work=_work,
    complexity=30,
    dense=True,
    in_default_race=True,
    published=Published(
        quality="166 against the softmax's 144 on text8 at equal epochs (Grave 2017); it trained the best models of a "
        "billion words (Jozefowicz 2016)",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="no",
        speed_up_paper="2.0–3.1×",
        speed_up_source="Grave et al. 2017",
        parameters="100 %",
    ),
    take=WhenToTake(
        rank={"train": (4, 1, 2), "best-word": (None, 3, 4), "vectors": (3, 3, 3)},
        why=lambda case: (
            f"{capital(case.faster('sampled-softmax'))}, whatever V, and it trains the same model as the softmax: "
            "exact likelihoods afterwards, at the softmax's price"
        ),
        why_for={
            "best-word": lambda case: (
                f"{capital(case.faster('sampled-softmax'))}; the best word is found by the softmax's scan over all "
                "words, or by an index over the vectors"
            ),
            "vectors": lambda case: (
                "For vectors that also predict: it learns likelihoods, at about the cost of negative sampling with "
                "as many noise words"
            ),
        },
    ),
)
