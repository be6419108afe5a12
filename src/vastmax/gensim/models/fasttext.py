"""gensim's FastText, which is still to come."""

from __future__ import annotations

from typing import Any, NoReturn

from vastmax.errors import InputError


class FastText:
    """Vectors of words from their character n-grams; constructing one says that they are not there yet."""

    def __init__(self, *args: Any, **options: Any) -> NoReturn:
        raise InputError(
            "vastmax.gensim has no FastText yet; for vectors of known words use vastmax.gensim.Word2Vec, for words "
            "never seen gensim's own FastText"
        )
