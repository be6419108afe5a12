"""KeyedVectors: keys, their vectors, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from vastmax.gensim import saved_file
from vastmax.gensim.class_only import class_only
from vastmax.gensim.exchange import Exchange

REAL = np.float32


class KeyedVectors(Exchange):
    """Keys and their vectors, with gensim's methods.

    Example:
        >>> kv = KeyedVectors(2)
        >>> kv.add_vectors(["king", "queen", "tree"], [[2.0, 1.0], [1.0, 2.0], [-1.0, 0.5]])
        >>> kv.most_similar("king", topn=1)[0][0]
        'queen'
    """

    def take_ngrams_of(self, found: Any) -> None:
        """Copy the n-grams of gensim's vectors; there are none here."""

    def save(
        self,
        fname_or_handle: Any,
        separately: Any = None,
        sep_limit: int = 0,
        ignore: Collection[str] = frozenset(),
        pickle_protocol: int = 0,
    ) -> None:
        """Save to one file, which `load` and `vastmax.WordVectors.load` read and which is no pickle.

        Args:
            fname_or_handle: the name of the file.
            separately: of gensim's files; of no effect here.
            sep_limit: the same.
            ignore: the same.
            pickle_protocol: the same.
        """
        saved_file.save(fname_or_handle, self, "KeyedVectors")

    @class_only
    def load(cls, fname: Any, mmap: str | None = None) -> Any:  # noqa: N805 - a class method
        """Load what `save` wrote, the vectors of a saved model, or any .safetensors file of vastmax.

        A file that gensim has pickled is read by gensim, if it is installed.

        Args:
            fname: the file.
            mmap: "r" to map the vectors from the file instead of reading them; they are then read-only.
        """
        if saved_file.is_pickle(fname):
            return of_gensim(cls, saved_file.unpickled_by_gensim(fname, "KeyedVectors"))
        return saved_file.load(fname, cls, mmap)[0]


Word2VecKeyedVectors = EuclideanKeyedVectors = KeyedVectors


def of_gensim(cls: Any, found: Any) -> Any:
    """Return a copy of gensim's KeyedVectors."""
    kv = cls(found.vector_size, dtype=found.vectors.dtype)
    kv.index_to_key, kv.key_to_index = list(found.index_to_key), dict(found.key_to_index)
    kv.vectors = np.array(found.vectors)
    kv.expandos = {name: np.array(values) for name, values in found.expandos.items()}
    kv.next_index = len(kv.index_to_key)
    kv.take_ngrams_of(found)
    return kv
