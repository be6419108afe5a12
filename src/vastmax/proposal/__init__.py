"""Proposals: distributions that noise words are drawn from. Imported on first use; needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.proposal.adaptive_bigram import AdaptiveBigram
    from vastmax.proposal.base import Context, Noise, Proposal
    from vastmax.proposal.in_batch import InBatch
    from vastmax.proposal.log_uniform import LogUniform
    from vastmax.proposal.mixture import Mixture
    from vastmax.proposal.ngram import NGram
    from vastmax.proposal.oracle import Oracle
    from vastmax.proposal.target_partition import Partition, TargetPartition, partitions
    from vastmax.proposal.uniform import Uniform
    from vastmax.proposal.unigram import Unigram

_HOME = {
    "AdaptiveBigram": "adaptive_bigram",
    "Context": "base",
    "InBatch": "in_batch",
    "LogUniform": "log_uniform",
    "Mixture": "mixture",
    "NGram": "ngram",
    "Noise": "base",
    "Oracle": "oracle",
    "Partition": "target_partition",
    "Proposal": "base",
    "TargetPartition": "target_partition",
    "Uniform": "uniform",
    "Unigram": "unigram",
    "partitions": "target_partition",
}

__all__ = [
    "AdaptiveBigram",
    "Context",
    "InBatch",
    "LogUniform",
    "Mixture",
    "NGram",
    "Noise",
    "Oracle",
    "Partition",
    "Proposal",
    "TargetPartition",
    "Uniform",
    "Unigram",
    "partitions",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.proposal.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.proposal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
