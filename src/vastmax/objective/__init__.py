"""Objectives: the losses that are minimized. Imported on first use; needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.objective.base import Objective
    from vastmax.objective.cross_entropy import CrossEntropy
    from vastmax.objective.distillation import Distillation
    from vastmax.objective.importance_sampling import ImportanceSampling
    from vastmax.objective.nce import NCE
    from vastmax.objective.negative_sampling import NegativeSampling
    from vastmax.objective.sampled_softmax import SampledSoftmax
    from vastmax.objective.self_normalised import SelfNormalised

_HOME = {
    "CrossEntropy": "cross_entropy",
    "Distillation": "distillation",
    "ImportanceSampling": "importance_sampling",
    "NCE": "nce",
    "NegativeSampling": "negative_sampling",
    "Objective": "base",
    "SampledSoftmax": "sampled_softmax",
    "SelfNormalised": "self_normalised",
}

__all__ = [
    "NCE",
    "CrossEntropy",
    "Distillation",
    "ImportanceSampling",
    "NegativeSampling",
    "Objective",
    "SampledSoftmax",
    "SelfNormalised",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.objective.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.objective' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
