"""The base class of indexes: built from a head or word vectors, asked for the best words, measured on real queries."""

from __future__ import annotations

import math
import os
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.arguments import whole
from vastmax.embedding import WordVectors
from vastmax.errors import InputError
from vastmax.output.base import Output
from vastmax.search.gumbel import draw
from vastmax.search.index_file import IndexFile, write_index
from vastmax.search.score_table import ScoreTable, layer_of, table_of

_FEWEST_FOR_SAMPLE = 16

STALE = (
    "the layer has changed since the index was built (it was trained, or has other weights): call index.refresh(head)"
)


@dataclass(frozen=True, eq=False)
class Best:
    """The best words of N queries, found by an index.

    Attributes:
        score: (N, k), W_w·h + b_w in float32, best first.
        word_id: (N, k) int64.
        certified: (N,) bool, whether they are proved to be the k best of all words.
        num_scored: (N,) int64, number of words scored in float32.
        log_normaliser: (N,), log Z; None unless it was requested.
        normaliser_error: (N,), its standard error; None unless it was requested.
    """

    score: Tensor
    word_id: Tensor
    certified: Tensor
    num_scored: Tensor
    log_normaliser: Tensor | None = None
    normaliser_error: Tensor | None = None


@dataclass(frozen=True)
class SearchReport:
    """Cost and recall of an index on given queries, timed alternately with scoring every word.

    Attributes:
        queries: number of queries, asked one at a time.
        k: number of words per query.
        milliseconds: per query, median.
        exact_milliseconds: per query when every word is scored by PyTorch, median.
        scored_share: share of the words that are scored in float32.
        recall: share of the true k best words found.
        recall_first: share of queries whose best word was found.
        certified_share: share of queries whose result is proved.
        num_bytes: size of the index.
    """

    queries: int
    k: int
    milliseconds: float
    exact_milliseconds: float
    scored_share: float
    recall: float
    recall_first: float
    certified_share: float
    num_bytes: int


class Index(ABC):
    """An index of the rows of a table.

    Attributes:
        kind: its name in files.
        vocab_size: V.
        hidden_size: D.
    """

    kind: ClassVar[str]

    def __init__(self, source: Any, *, threads: int | None = None) -> None:
        if threads is not None:
            whole("threads", threads, 1, None)
        self._threads = threads
        self.refresh(source)

    def refresh(self, source: Any | None = None) -> None:
        """Rebuild the index after the layer was trained, with the same settings.

        Args:
            source: a head, a layer or word vectors; None for the ones that the index was built from.
        """
        source = self._source if source is None else source
        table = table_of(source)
        table.require_finite()
        self._adopt(source, table)
        self._build(table)
        self._fingerprint = table.fingerprint()

    def _adopt(self, source: Any, table: ScoreTable) -> None:
        self._source = source
        self.vocab_size, self.hidden_size = table.vocab_size, table.width
        self._vectors = table if table.layer is None else None
        self._stamp = table.stamp()

    @abstractmethod
    def _build(self, table: ScoreTable) -> None:
        """Build the index of a table."""

    @abstractmethod
    def _find(self, table: ScoreTable, queries: Tensor, k: int, *, normaliser: bool) -> Best:
        """Return the best words of finite queries, (N, D) float32 and contiguous, N ≥ 1, 1 ≤ k ≤ V."""

    @property
    @abstractmethod
    def num_bytes(self) -> int:
        """Number of bytes of the index."""

    @abstractmethod
    def _tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that `save` writes, widest types first."""

    @abstractmethod
    def _restore(self, file: IndexFile) -> None:
        """Read settings and arrays from a file that `save` wrote."""

    @abstractmethod
    def _settings(self) -> dict[str, int | float | None]:
        """Return the numbers that `save` writes with the arrays."""

    @property
    def threads(self) -> int:
        """Number of threads that a search may use."""
        return self._threads or torch.get_num_threads()

    def topk(self, output: Output, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return (log_prob, word_ids), (N, k) each, as `Output.topk` does; `Head.topk(search=index)` calls it.

        Raises:
            InputError: the index is of another layer, or of this one before it was trained.
        """
        found = self._answer(self._current(output), hidden, k, normaliser=True)
        assert found.log_normaliser is not None
        return found.score - found.log_normaliser[:, None], found.word_id

    def find(self, hidden: Tensor, k: int, *, normaliser: bool = False) -> Best:
        """Return the best words, their scores and whether they are proved.

        With `normaliser`, log Z is computed as well, which costs more than the words.

        Args:
            hidden: (N, D); unit vectors for an index of word vectors.
            k: number of words per query.

        Raises:
            InputError: as `topk`; k not in [1, V]; hidden of another width.
        """
        whole("k", k, 1, self.vocab_size, "the vocabulary size")
        self._check_hidden(hidden)
        return self._answer(self._current(self._source), hidden, k, normaliser=normaliser)

    def sample(
        self, output: Output, hidden: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return one word per row drawn from softmax(s/T), (N,) int64; `Head.sample(search=index)` calls it.

        The distribution is exact if the best words are certified, else approximate. See `gumbel.draw`.

        Raises:
            InputError: as `topk`; scores that are not finite.

        Cost: a search for the √V best words.
        """
        table = self._current(output)
        if not len(hidden):
            return torch.zeros(0, dtype=torch.int64)
        k = min(max(_FEWEST_FOR_SAMPLE, math.isqrt(self.vocab_size)), self.vocab_size)
        found = self._answer(table, hidden, k, normaliser=False)
        queries = table.queries(hidden)
        return draw(table, queries, found.score, found.word_id, temperature=temperature, generator=generator)

    def nearest(
        self, vectors: WordVectors, query: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return (cosine, word id), (k,) each; `WordVectors.most_similar(search=index)` calls it.

        Raises:
            InputError: the index was not built from these vectors.
        """
        if vectors is not self._source:
            raise InputError("the index was not built from these vectors: build one, search.Certified(vectors)")
        found = self.find(torch.from_numpy(query[None]), k)
        return found.score[0].numpy(), found.word_id[0].numpy()

    def log_normaliser(
        self,
        hidden: Tensor,
        *,
        best: int | None = None,
        samples: int | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return (log Z, its standard error), (N,) each, for less than scoring every word.

        A certified index computes log Z to its `tolerance`, from which nothing is drawn: its error is then the expected
        one, not that of a sample. With `samples`, it draws about so many words by their codes. Z is then unbiased and
        log Z ± 1.96 errors covers the true value for 95 % of queries, as far as codes tell words of high probability
        from others: `benchmarks/search.py` counts it on a trained model, `tests/search/test_laws.py` on a small one.

        The other indexes sum the best words that they find and estimate the rest from a sample (`rest_of_z.with_rest`).
        It is unbiased, too, but knows no words by their codes. On a trained model its intervals cover less than they
        say, since a missed word of high probability is rarely drawn.

        Args:
            hidden: (N, D).
            best: words summed exactly, by indexes that are not certified; None: 1,024.
            samples: draws that the rest is estimated from; None: 4,096, or none by a certified index.
            generator: source of the draws; the default generator if None.

        Raises:
            InputError: as `topk`; numbers out of range; `best` for a certified index.
        """
        self._check_hidden(hidden)
        return self._normaliser(self._current(self._source), hidden, best, samples, generator)

    def normaliser(
        self, output: Output, hidden: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the result of `log_normaliser` for the layer; `Head.log_normaliser(search=index)` calls it."""
        return self._normaliser(self._current(output), hidden, None, None, generator)

    @abstractmethod
    def _normaliser(
        self,
        table: ScoreTable,
        hidden: Tensor,
        best: int | None,
        samples: int | None,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """See `log_normaliser`; NaN for hidden vectors that are not finite."""

    @torch.no_grad()
    def report(self, hidden: Tensor, k: int = 10) -> SearchReport:
        """Time the index on given queries, alternately with scoring every word by PyTorch.

        Args:
            hidden: (N, D), N ≥ 1, such as the hidden vectors of held-out text.
            k: number of words per query.
        """
        whole("k", k, 1, self.vocab_size, "the vocabulary size")
        self._check_hidden(hidden, fewest=1)
        table = self._current(self._source)
        scored, own, all_words, certified = [], [], [], []
        same = first = 0
        for query in torch.split(hidden, 1):
            began = time.perf_counter()
            found = self._answer(table, query, k, normaliser=False)
            between = time.perf_counter()
            expected = table.scores(table.queries(query)).topk(k, dim=1).indices
            ended = time.perf_counter()
            own.append(between - began)
            all_words.append(ended - between)
            scored.append(int(found.num_scored[0]))
            certified.append(bool(found.certified[0]))
            same += len(np.intersect1d(expected[0].numpy(), found.word_id[0].numpy()))
            first += int(expected[0, 0] == found.word_id[0, 0])
        return SearchReport(
            queries=len(own),
            k=k,
            milliseconds=1e3 * float(np.median(own)),
            exact_milliseconds=1e3 * float(np.median(all_words)),
            scored_share=float(np.mean(scored)) / self.vocab_size,
            recall=same / (k * len(own)),
            recall_first=first / len(own),
            certified_share=float(np.mean(certified)),
            num_bytes=self.num_bytes,
        )

    def restore(self, file: IndexFile, source: Any, table: ScoreTable, threads: int | None) -> None:
        """Take the content of a file, whose weights `search.load`, the caller, has compared with this table."""
        self._threads = threads
        self._adopt(source, table)
        self._fingerprint = file.fingerprint
        self._restore(file)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index, with a checksum and the fingerprint of the weights that it was built from."""
        write_index(
            path,
            self.kind,
            self._tensors(),
            self._settings(),
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            fingerprint=self._fingerprint,
        )

    def _check_hidden(self, hidden: Tensor, fewest: int = 0) -> None:
        if hidden.ndim != 2 or hidden.shape[0] < fewest or hidden.shape[1] != self.hidden_size:
            raise InputError(
                f"hidden has shape {tuple(hidden.shape)}; expected (N, {self.hidden_size})"
                + (f", N at least {fewest}" if fewest else "")
            )

    def _current(self, source: Any) -> ScoreTable:
        """Return the current table if it is still the one that the index was built from."""
        if self._vectors is not None:
            if source is not self._source:
                raise InputError("the index was built from word vectors, not from this layer: build one from the head")
            return self._vectors
        layer = layer_of(source)
        table = table_of(layer)
        if table.weight.shape != (self.vocab_size, self.hidden_size):
            raise InputError(
                f"the index has {self.vocab_size:,} words × {self.hidden_size}, the layer has "
                f"{table.vocab_size:,} × {table.width}: build one from this head"
            )
        stamp = table.stamp()
        if stamp != self._stamp:
            if table.fingerprint() != self._fingerprint:
                raise InputError(STALE)
            self._stamp = stamp
        return table

    def _answer(self, table: ScoreTable, hidden: Tensor, k: int, *, normaliser: bool) -> Best:
        """Return the result of `_find` for finite queries, NaN for the others."""
        queries = table.queries(hidden)
        sound = torch.isfinite(queries).all(dim=1)
        N = len(queries)
        if N and bool(sound.all()):
            return self._find(table, queries, k, normaliser=normaliser)
        nan = torch.full((N,), torch.nan)
        every = Best(
            score=torch.full((N, k), torch.nan),
            word_id=torch.arange(k).repeat(N, 1),
            certified=torch.zeros(N, dtype=torch.bool),
            num_scored=torch.zeros(N, dtype=torch.int64),
            log_normaliser=nan.clone() if normaliser else None,
            normaliser_error=nan.clone() if normaliser else None,
        )
        if bool(sound.any()):
            found = self._find(table, queries[sound], k, normaliser=normaliser)
            for name in ("score", "word_id", "certified", "num_scored", "log_normaliser", "normaliser_error"):
                to, of = getattr(every, name), getattr(found, name)
                if to is not None and of is not None:
                    to[sound] = of
        return every
