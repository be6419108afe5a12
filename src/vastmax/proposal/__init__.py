"""Proposals: where noise words come from. Imported when first used; this room needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.proposal.base import Context, Noise, Proposal
    from vastmax.proposal.log_uniform import LogUniform
    from vastmax.proposal.uniform import Uniform
    from vastmax.proposal.unigram import Unigram

_HOME = {
    "Context": "base",
    "LogUniform": "log_uniform",
    "Noise": "base",
    "Proposal": "base",
    "Uniform": "uniform",
    "Unigram": "unigram",
}

__all__ = ["Context", "LogUniform", "Noise", "Proposal", "Uniform", "Unigram"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.proposal.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.proposal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
