"""Opening index files."""

from __future__ import annotations

import os
from typing import Any

from vastmax.arguments import whole
from vastmax.errors import InputError
from vastmax.search.certified import Certified
from vastmax.search.clustered import Clustered
from vastmax.search.faiss_index import Faiss, Hnsw
from vastmax.search.hashing import Hashing
from vastmax.search.index import Index
from vastmax.search.index_file import IndexFile
from vastmax.search.score_table import table_of
from vastmax.search.screened import Screened

_KINDS: dict[str, type[Index]] = {kind.kind: kind for kind in (Certified, Clustered, Hashing, Screened, Faiss, Hnsw)}


def load(path: str | os.PathLike[str], source: Any, *, threads: int | None = None) -> Index:
    """Load an index for the head, or the word vectors, that it was built from; its arrays are memory-mapped, not read.

    Args:
        path: a file that `save` wrote.
        source: the head, layer or `WordVectors`.
        threads: upper bound for a search; None for the number that PyTorch uses.

    Raises:
        InputError: the file is damaged, has another format or version, or belongs to other weights.

    Cost: the checksums of the file and of the weights.
    """
    if threads is not None:
        whole("threads", threads, 1, None)
    file = IndexFile(path)
    try:
        kind = _KINDS[file.kind]
    except KeyError:
        raise InputError(
            f"{file.path} holds an index of the kind {file.kind!r}, which this version does not know"
        ) from None
    table = table_of(source)
    if table.weight.shape != (file.vocab_size, file.hidden_size) or table.fingerprint() != file.fingerprint:
        raise InputError(
            f"{file.path} was built from other weights than these: build it again, "
            f"search.{kind.__name__}(…).save(path), or vastmax index"
        )
    index = kind.__new__(kind)
    index.restore(file, source, table, threads)
    return index
