"""Indexes with words in lists, some of which each query looks at."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.kernels.listed_scan import scan_listed
from vastmax.search.approximate import Approximate
from vastmax.search.index import Best
from vastmax.search.score_table import ScoreTable


def lists_of(list_ids: NDArray[np.int64], num_lists: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return (offsets, words): the words of each list, ascending, from the list of each word."""
    offsets = np.zeros(num_lists + 1, dtype=np.int64)
    np.cumsum(np.bincount(list_ids, minlength=num_lists), out=offsets[1:])
    return offsets, np.argsort(list_ids, kind="stable").astype(np.int32)


class ListIndex(Approximate):
    """An index with words in lists; a query chooses some lists, and their words are scored in float32."""

    _offsets: NDArray[np.int64]
    _words: NDArray[np.int32]
    _disjoint: bool

    @abstractmethod
    def _choose(self, queries: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return (lists, products): lists for each query, (N, P) integers, −1 for none, according to `effort`.

        The products are those that the lists were chosen by, which `_certified` needs again.
        """

    def _lists(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return (offsets, words) of the lists."""
        return self._offsets, self._words

    def _certified(self, queries: Tensor, chosen: Tensor, products: Tensor | None, last_score: Tensor) -> Tensor:
        """Return whether no word outside the chosen lists can have `last_score`, (N,)."""
        return torch.zeros(len(queries), dtype=torch.bool)

    def _look(self, table: ScoreTable, queries: Tensor, k: int) -> Best:
        chosen, products = self._choose(queries)
        offsets, words = self._lists()
        found = scan_listed(
            queries,
            table.weight,
            table.bias,
            k,
            offsets=offsets,
            words=words,
            chosen=chosen.to(torch.int32).contiguous().numpy(),
            disjoint=self._disjoint,
            threads=self.threads,
        )
        score = torch.from_numpy(found.score)
        return Best(
            score=score,
            word_id=torch.from_numpy(found.word_id),
            certified=self._certified(queries, chosen, products, score[:, -1]),
            num_scored=torch.from_numpy(found.num_scored),
        )
