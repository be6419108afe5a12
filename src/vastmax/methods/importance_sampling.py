"""Importance sampling: log Z estimated from sampled words, exactly where they are too few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax.methods.method import Method, Published, WhenToTake
from vastmax.methods.parts import shared_noise_work
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


DEFAULT_MIN_ESS = 10.0
"""Sampling starts with `DEFAULT_NUM_SAMPLES` words and goes on for examples whose effective sample size is lower."""
DEFAULT_MAX_SAMPLES = 4096


def importance_sampling(
    hidden_size: int,
    vocabulary: Any,
    *,
    min_ess: float = DEFAULT_MIN_ESS,
    max_samples: int = DEFAULT_MAX_SAMPLES,
    power: float = 1.0,
) -> Head:
    """Build Dense × ImportanceSampling over draws from Unigram(power)."""
    from vastmax.head import Head
    from vastmax.objective.importance_sampling import ImportanceSampling
    from vastmax.output.dense import Dense
    from vastmax.proposal.unigram import Unigram

    noise = Unigram(vocabulary, power)
    objective = ImportanceSampling(noise, min_ess, max_samples)
    return Head(Dense(hidden_size, noise.vocab_size), objective, counts=vocabulary)


def _work(setting: Setting) -> MethodWork:
    """Count the first draws alone: further ones, and the exact loss where they do not do, depend on the model."""
    return shared_noise_work(setting, 1.0, scores_in_memory=True, operations=100.0)


METHOD = Method(
    name="importance-sampling",
    title="importance sampling",
    summary="log Z from sampled words, and exactly where they are too few: costly once the model is sharper than the "
    "unigrams; sampled softmax needs no such guard",
    source="Bengio & Senécal 2003",
    family="a sum over samples",
    family_rank=3,
    build=importance_sampling,
    work=_work,
    complexity=34,
    dense=True,
    published=Published(
        quality="by its kind like target sampling; beat NCE on a billion words in the form of sampled softmax "
        "(Jozefowicz 2016)",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="no",
        speed_up_paper="19×",
        speed_up_source="Bengio & Senécal 2003",
        parameters="100 %",
    ),
    take=WhenToTake(
        avoid=lambda case: (
            "the figure above is that of an untrained model: as it gets sharper than the unigrams, more and more "
            "examples need further draws or the exact loss; sampled-softmax needs no such guard"
        )
    ),
)
