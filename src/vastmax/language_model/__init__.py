"""Language models: an encoder, a head, and the text between them. Imported when first used; this room needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.language_model.config import ModelConfig
    from vastmax.language_model.evaluation import Perplexity, perplexity
    from vastmax.language_model.generation import Sampling, beam_search, generate
    from vastmax.language_model.model import LanguageModel
    from vastmax.language_model.prediction import next_words, sentence_log_probs
    from vastmax.language_model.run import train_run
    from vastmax.language_model.run_folder import RunFolder
    from vastmax.language_model.settings import LanguageModelSettings
    from vastmax.language_model.streams import Streams
    from vastmax.language_model.text import (
        SENTENCE_END,
        UNKNOWN,
        TrainingText,
        language_vocabulary,
        text_of,
        training_text,
    )
    from vastmax.language_model.train import Progressed, Trainer, TrainingFailedError

_HOME = {
    "SENTENCE_END": "text",
    "UNKNOWN": "text",
    "LanguageModel": "model",
    "LanguageModelSettings": "settings",
    "ModelConfig": "config",
    "Perplexity": "evaluation",
    "Progressed": "train",
    "RunFolder": "run_folder",
    "Sampling": "generation",
    "Streams": "streams",
    "Trainer": "train",
    "TrainingFailedError": "train",
    "TrainingText": "text",
    "beam_search": "generation",
    "generate": "generation",
    "language_vocabulary": "text",
    "next_words": "prediction",
    "perplexity": "evaluation",
    "sentence_log_probs": "prediction",
    "text_of": "text",
    "train_run": "run",
    "training_text": "text",
}

__all__ = [
    "SENTENCE_END",
    "UNKNOWN",
    "LanguageModel",
    "LanguageModelSettings",
    "ModelConfig",
    "Perplexity",
    "Progressed",
    "RunFolder",
    "Sampling",
    "Streams",
    "Trainer",
    "TrainingFailedError",
    "TrainingText",
    "beam_search",
    "generate",
    "language_vocabulary",
    "next_words",
    "perplexity",
    "sentence_log_probs",
    "text_of",
    "train_run",
    "training_text",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.language_model.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.language_model' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
