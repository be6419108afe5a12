"""Importance sampling from bigrams that follow the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax.distribution.ngrams import NGrams
from vastmax.methods.importance_sampling import DEFAULT_MAX_SAMPLES, DEFAULT_MIN_ESS
from vastmax.methods.method import Method, Published
from vastmax.methods.parts import shared_noise_work
from vastmax.methods.work import DEFAULT_NUM_SAMPLES, MethodWork, Setting, Work

if TYPE_CHECKING:
    from vastmax.head import Head


def adaptive_importance_sampling(
    hidden_size: int, corpus: Any, *, min_ess: float = DEFAULT_MIN_ESS, max_samples: int = DEFAULT_MAX_SAMPLES
) -> Head:
    """Build Dense × ImportanceSampling over AdaptiveBigram, the pairs counted in `corpus`."""
    from vastmax.head import Head
    from vastmax.objective.importance_sampling import ImportanceSampling
    from vastmax.output.dense import Dense
    from vastmax.proposal.adaptive_bigram import AdaptiveBigram

    encoded = corpus.encode_with(corpus.vocabulary) if hasattr(corpus, "encode_with") else corpus
    counts = encoded.vocabulary.counts
    noise = AdaptiveBigram(counts, NGrams.from_blocks(encoded.blocks(), len(counts)))
    objective = ImportanceSampling(noise, min_ess, max_samples)
    return Head(Dense(hidden_size, noise.vocab_size), objective, counts=counts)


def _work(setting: Setting) -> MethodWork:
    """Count importance sampling's work, and the look-ups of pairs for each draw and example."""
    plain = shared_noise_work(setting, 1.0, scores_in_memory=True, operations=300.0)
    lookups = Work(scattered_bytes=64.0 * (setting.batch_size + DEFAULT_NUM_SAMPLES) * 32)
    return MethodWork(plain.train + lookups, plain.score, plain.best, plain.parameters, plain.state, plain.gradient)


METHOD = Method(
    name="adaptive-importance-sampling",
    title="adaptive importance sampling",
    summary="importance sampling from bigrams that follow the model: fewer words for the same effective sample size; "
    "language models only",
    source="Bengio & Senécal 2008",
    family="a sum over samples",
    family_rank=4,
    build=adaptive_importance_sampling,
    work=_work,
    complexity=35,
    needs=frozenset({"corpus", "context:previous_word_id"}),
    dense=True,
    published=Published(
        quality="by its kind like target sampling; the proposal follows the model, so that fewer words do",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="no",
        speed_up_paper="100×",
        speed_up_source="Bengio & Senécal 2008",
        parameters="100 %",
    ),
)
