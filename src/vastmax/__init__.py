"""vastmax: word vectors and output layers for vast vocabularies.

The names below are imported when first used, so that ``import vastmax`` costs milliseconds and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.embedding import WordVectors, train_embeddings
    from vastmax.head import Head
    from vastmax.methods import RECIPES
    from vastmax.text import Corpus, Vocabulary
    from vastmax.word_model import train_word_model

__version__ = "0.1.0"

_HOME = {
    "Corpus": "vastmax.text",
    "Head": "vastmax.head",
    "RECIPES": "vastmax.methods",
    "Vocabulary": "vastmax.text",
    "WordVectors": "vastmax.embedding",
    "train_embeddings": "vastmax.embedding",
    "train_word_model": "vastmax.word_model",
}
_ROOMS = (
    "characters",
    "compare",
    "distributed",
    "distribution",
    "embedding",
    "encoder",
    "errors",
    "gensim",
    "kernels",
    "language_model",
    "objective",
    "optim",
    "output",
    "progress",
    "proposal",
    "search",
    "text",
    "tree",
    "word_model",
)

__all__ = [
    "RECIPES",
    "Corpus",
    "Head",
    "Vocabulary",
    "WordVectors",
    "__version__",
    "train_embeddings",
    "train_word_model",
]


def __getattr__(name: str) -> Any:
    try:
        if name in _HOME:
            return getattr(import_module(_HOME[name]), name)
        if name in _ROOMS:
            return import_module(f"vastmax.{name}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        from vastmax.extras import MissingExtraError, missing

        raise MissingExtraError(missing(f"vastmax.{name}", "torch")) from None
    raise AttributeError(f"module 'vastmax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
