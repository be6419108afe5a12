"""Indexes of the FAISS library over rows and biases; the words that it proposes are scored exactly."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.arguments import whole
from vastmax.errors import InputError
from vastmax.extras import require
from vastmax.kernels.rows import scores_forward
from vastmax.search.approximate import Approximate
from vastmax.search.augmented import augmented_queries, augmented_rows
from vastmax.search.index import Best
from vastmax.search.index_file import IndexFile
from vastmax.search.score_table import ScoreTable

_EXTRA = 2
"""Number of words taken from FAISS and scored again, per word wanted: its scores may be rough."""


class Faiss(Approximate):
    """An index built by FAISS's `index_factory`, for inner products of rows with the bias as an extra coordinate.

    Args:
        source: as for `Certified`.
        factory: description of the index for FAISS: "IVF1024,Flat", "IVF1024,SQ8", "HNSW32,Flat", …
        effort: `nprobe` of inverted files, `efSearch` of graphs; see `calibrate`.
        threads: upper bound; None for the number that PyTorch uses.

    Raises:
        MissingExtraError: FAISS is not installed.
        InputError: as for `Certified`; a factory that FAISS does not know.
    """

    kind: ClassVar[str] = "faiss"

    def __init__(
        self, source: Any, *, factory: str = "IVF1024,Flat", effort: int = 16, threads: int | None = None
    ) -> None:
        require("this index", "faiss")
        self.factory = factory
        super().__init__(source, effort=effort, threads=threads)

    def _build(self, table: ScoreTable) -> None:
        import faiss

        rows = augmented_rows(table).numpy()
        try:
            self._index = faiss.index_factory(rows.shape[1], self.factory, faiss.METRIC_INNER_PRODUCT)
        except RuntimeError as error:
            raise InputError(f"factory is {self.factory!r}, which FAISS does not know: {error}") from None
        self._index.train(rows)
        self._index.add(rows)

    @property
    def most_effort(self) -> int:
        """The number of lists of an inverted file; 4096 for graphs."""
        return int(getattr(self._index, "nlist", 4096))

    def _look(self, table: ScoreTable, queries: Tensor, k: int) -> Best:
        import faiss

        wanted = min(_EXTRA * k, self.vocab_size)
        faiss.omp_set_num_threads(self.threads)
        if hasattr(self._index, "nprobe"):
            self._index.nprobe = self.effort
        elif hasattr(self._index, "hnsw"):
            self._index.hnsw.efSearch = max(self.effort, wanted)
        _, ids = self._index.search(augmented_queries(queries).numpy(), wanted)
        word_id = torch.from_numpy(np.ascontiguousarray(ids))
        score = queries.new_empty(word_id.shape)
        scores_forward(queries, table.weight, table.bias, word_id.clamp_min(0), score=score, threads=self.threads)
        score[word_id < 0] = -torch.inf
        order = torch.argsort(score, dim=1, descending=True, stable=True)[:, :k]
        return Best(
            score=score.gather(1, order),
            word_id=word_id.gather(1, order),
            certified=torch.zeros(len(queries), dtype=torch.bool),
            num_scored=(word_id >= 0).sum(dim=1),
        )

    @property
    def num_bytes(self) -> int:
        """Number of bytes of the index, as written."""
        import faiss

        return int(faiss.serialize_index(self._index).nbytes)

    def _tensors(self) -> dict[str, NDArray[Any]]:
        import faiss

        return {"faiss": faiss.serialize_index(self._index)}

    def _settings(self) -> dict[str, int | float | None]:
        return {"effort": self.effort}

    def _restore(self, file: IndexFile) -> None:
        require("this index", "faiss")
        import faiss

        self.factory = ""
        self.effort = file.whole("effort", 1, 2**62)
        self._index = faiss.deserialize_index(file.mapped("faiss", "U8").copy())
        if self._index.ntotal != file.vocab_size or self._index.d != file.hidden_size + 1:
            raise InputError(f"{file.path} is damaged: the FAISS index in it has another size")


class Hnsw(Faiss):
    """A graph that is walked toward the best words (Malkov & Yashunin 2016), implemented by FAISS.

    Args:
        source: as for `Certified`.
        links: number of links per word in the graph.
        effort: number of candidates kept during the walk; see `calibrate`.
        threads: upper bound; None for the number that PyTorch uses.

    Raises:
        MissingExtraError: FAISS is not installed.
        InputError: as for `Certified`; links not in [2, 512].
    """

    kind: ClassVar[str] = "hnsw"

    def __init__(self, source: Any, *, links: int = 32, effort: int = 64, threads: int | None = None) -> None:
        whole("links", links, 2, 512)
        super().__init__(source, factory=f"HNSW{links},Flat", effort=effort, threads=threads)
