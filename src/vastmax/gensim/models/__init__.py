"""gensim's module of models: word vectors and phrases."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.gensim.models.callbacks import CallbackAny2Vec
    from vastmax.gensim.models.fasttext import FastText, FastTextKeyedVectors
    from vastmax.gensim.models.keyedvectors import KeyedVectors
    from vastmax.gensim.models.phrases import ENGLISH_CONNECTOR_WORDS, FrozenPhrases, Phraser, Phrases
    from vastmax.gensim.models.word2vec import LineSentence, PathLineSentences, Text8Corpus, Word2Vec

_HOME = {
    "CallbackAny2Vec": "callbacks",
    "ENGLISH_CONNECTOR_WORDS": "phrases",
    "FastText": "fasttext",
    "FastTextKeyedVectors": "fasttext",
    "FrozenPhrases": "phrases",
    "KeyedVectors": "keyedvectors",
    "LineSentence": "word2vec",
    "PathLineSentences": "word2vec",
    "Phraser": "phrases",
    "Phrases": "phrases",
    "Text8Corpus": "word2vec",
    "Word2Vec": "word2vec",
}
_MODULES = ("callbacks", "fasttext", "keyedvectors", "phrases", "word2vec")

__all__ = [
    "ENGLISH_CONNECTOR_WORDS",
    "CallbackAny2Vec",
    "FastText",
    "FastTextKeyedVectors",
    "FrozenPhrases",
    "KeyedVectors",
    "LineSentence",
    "PathLineSentences",
    "Phraser",
    "Phrases",
    "Text8Corpus",
    "Word2Vec",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.gensim.models.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"vastmax.gensim.models.{name}")
    raise AttributeError(
        f"module 'vastmax.gensim.models' has no attribute {name!r}; it has {', '.join(__all__)}, and gensim itself the "
        "rest"
    )


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
