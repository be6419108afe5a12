"""gensim's classes and signatures over vastmax: most programs run when their imports say `vastmax.gensim` for `gensim`.

``from vastmax.gensim.models import Word2Vec`` and ``import vastmax.gensim as gensim`` work, and the classes are found
here, too. gensim itself is not needed, except to read files that it has pickled. The guide "Coming from gensim" has a
table of what differs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.gensim import models
    from vastmax.gensim.models import (
        CallbackAny2Vec,
        FastText,
        FastTextKeyedVectors,
        FrozenPhrases,
        KeyedVectors,
        LineSentence,
        PathLineSentences,
        Phrases,
        Word2Vec,
    )

__all__ = [
    "CallbackAny2Vec",
    "FastText",
    "FastTextKeyedVectors",
    "FrozenPhrases",
    "KeyedVectors",
    "LineSentence",
    "PathLineSentences",
    "Phrases",
    "Word2Vec",
    "models",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        models = import_module("vastmax.gensim.models")
        return models if name == "models" else getattr(models, name)
    raise AttributeError(
        f"module 'vastmax.gensim' has no attribute {name!r}; it has {', '.join(__all__)}, and gensim itself the rest"
    )


def __dir__() -> list[str]:
    return sorted(__all__)
