"""Word vectors by any recipe: an encoder of words and a head, trained with PyTorch. Imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.word_model.model import WordModel
    from vastmax.word_model.train import train_word_model

_HOME = {"WordModel": "model", "train_by_recipe": "train", "train_word_model": "train"}

__all__ = ["WordModel", "train_word_model"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.word_model.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.word_model' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
