"""Language models: an encoder, a head, and the text between them. Imported when first used; this room needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.language_model.evaluation import Perplexity, perplexity
    from vastmax.language_model.model import LanguageModel
    from vastmax.language_model.settings import LanguageModelSettings
    from vastmax.language_model.streams import Streams
    from vastmax.language_model.text import SENTENCE_END, UNKNOWN, language_vocabulary, text_of
    from vastmax.language_model.train import Progressed, Trainer, TrainingFailedError

_HOME = {
    "SENTENCE_END": "text",
    "UNKNOWN": "text",
    "LanguageModel": "model",
    "LanguageModelSettings": "settings",
    "Perplexity": "evaluation",
    "Progressed": "train",
    "Streams": "streams",
    "Trainer": "train",
    "TrainingFailedError": "train",
    "language_vocabulary": "text",
    "perplexity": "evaluation",
    "text_of": "text",
}

__all__ = [
    "SENTENCE_END",
    "UNKNOWN",
    "LanguageModel",
    "LanguageModelSettings",
    "Perplexity",
    "Progressed",
    "Streams",
    "Trainer",
    "TrainingFailedError",
    "language_vocabulary",
    "perplexity",
    "text_of",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.language_model.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.language_model' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
