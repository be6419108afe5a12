"""Convert to and from gensim's objects. gensim itself is needed only to create its objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from vastmax import extras
from vastmax.embedding.formats.table import Table
from vastmax.embedding.word_table import WordTable
from vastmax.errors import InputError


def to_gensim(v: WordTable) -> Any:
    """Return a `gensim.models.KeyedVectors` with a copy of the vectors, and the counts as its attribute "count"."""
    extras.require("to_gensim", "gensim")
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(vector_size=v.vector_size, count=0, dtype=np.float32)
    keyed.index_to_key = list(v.index_to_key)
    keyed.key_to_index = dict(v.key_to_index)
    keyed.next_index = len(v)
    keyed.vectors = np.array(v.vectors, dtype=np.float32, order="C")
    if v.counts is not None:
        keyed.allocate_vecattrs(attrs=["count"], types=[np.int64])
        keyed.expandos["count"][:] = v.counts
    return keyed


def read_gensim(model: Any) -> Table:
    """Return a copy of the data of a gensim model; see `WordVectors.from_gensim` for the supported ones."""
    keyed = getattr(model, "wv", model)
    if not (hasattr(keyed, "index_to_key") and hasattr(keyed, "vectors")):
        raise InputError(
            f"from_gensim got {type(model).__name__}; expected gensim 4's KeyedVectors, or a model that has one as .wv"
        )
    words = list(keyed.index_to_key)
    for word in words:
        if not isinstance(word, str):
            raise InputError(f"from_gensim found the key {word!r}; words are strings, so convert its keys first")
    expandos = getattr(keyed, "expandos", {})
    output_vectors = getattr(model, "syn1neg", getattr(model, "syn1", None)) if keyed is not model else None
    return Table(
        words,
        np.array(keyed.vectors[: len(words)], dtype=np.float32),
        counts=np.array(expandos["count"], dtype=np.int64) if "count" in expandos else None,
        output_vectors=None if output_vectors is None else np.array(output_vectors, dtype=np.float32),
        training={"source": f"gensim {type(model).__name__}"},
    )
