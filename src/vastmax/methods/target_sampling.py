"""Target sampling: the softmax over the targets of the current part of the training set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vastmax.distribution.counts import counts_array
from vastmax.methods.method import Method, Published
from vastmax.methods.parts import sampled_work
from vastmax.methods.work import MethodWork, Setting

if TYPE_CHECKING:
    from vastmax.head import Head


DEFAULT_PARTITION_WORDS = 4096
"""Distinct words that consecutive batches may have, as `LanguageModelSettings` starts from; a test holds them equal."""


def target_sampling(hidden_size: int, vocabulary: Any, *, num_others: int = 0) -> Head:
    """Build Dense × SampledSoftmax over TargetPartition; `proposal.partitions` gives each batch its partition."""
    from vastmax.head import Head
    from vastmax.objective.sampled_softmax import SampledSoftmax
    from vastmax.output.dense import Dense
    from vastmax.proposal.target_partition import TargetPartition

    noise = TargetPartition(int(counts_array(vocabulary).size), num_others)
    return Head(Dense(hidden_size, noise.vocab_size), SampledSoftmax(noise), counts=vocabulary)


def _work(setting: Setting) -> MethodWork:
    words = float(min(DEFAULT_PARTITION_WORDS, setting.V))
    return sampled_work(setting, scored=words, touched=words, draws=0.0)


METHOD = Method(
    name="target-sampling",
    title="target sampling",
    summary="softmax over the words that the current part of the training set has as targets: no draws, large products",
    source="Jean et al. 2015",
    family="a sum over samples",
    family_rank=2,
    build=target_sampling,
    work=_work,
    complexity=33,
    needs=frozenset({"context:partition"}),
    dense=True,
    published=Published(
        quality="near the softmax for a small V; for a large one between it and the hierarchical softmax",
        cheaper_training="yes",
        cheaper_scoring="no",
        cheaper_search="candidate list",
        speed_up_chen="2×",
        small_vocabulary="good",
        large_vocabulary="bad",
        parameters="100 %",
        perplexities=(124.2, 57.6, 101.0),
    ),
)
