"""Indexes that look at few words and find most of the best ones; their effort is calibrated."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from vastmax.arguments import real, whole
from vastmax.errors import InputError
from vastmax.kernels.word_scan import scan_rows
from vastmax.search.calibration import FEWEST_QUERIES, Calibration, efforts, halves, interval, mean, recall_of
from vastmax.search.index import Best, Index
from vastmax.search.rest_of_z import with_rest
from vastmax.search.score_table import ScoreTable

_BEST_FOR_Z, _SAMPLES_FOR_Z = 512, 2048
"""Number of best words that are summed for log Z, and of draws that the rest is estimated from."""


class Approximate(Index):
    """An index whose `effort`, a positive integer, decides how many words a query looks at.

    Scores and their order are exact among these words; log Z, which `topk` subtracts, is estimated from them and a
    sample of the rest.

    Attributes:
        effort: see `calibrate`.
    """

    effort: int

    def __init__(self, source: Any, *, effort: int, threads: int | None = None) -> None:
        self.effort = whole("effort", effort, 1, None)
        super().__init__(source, threads=threads)

    @property
    @abstractmethod
    def most_effort(self) -> int:
        """The greatest useful effort."""

    @abstractmethod
    def _look(self, table: ScoreTable, queries: Tensor, k: int) -> Best:
        """Return the k best of the words looked at; word id −1 if there are fewer."""

    def _find(self, table: ScoreTable, queries: Tensor, k: int, *, normaliser: bool) -> Best:
        wanted = min(max(k, _BEST_FOR_Z), self.vocab_size) if normaliser else k
        found = self._look(table, queries, wanted)
        short = (found.word_id[:, k - 1] < 0).nonzero()[:, 0]
        if len(short):  # fewer than k words were looked at
            every = scan_rows(queries[short], table.weight, table.bias, k, normaliser=False, threads=self.threads)
            found.score[short], found.word_id[short] = -torch.inf, -1
            found.score[short, :k] = torch.from_numpy(every.score)
            found.word_id[short, :k] = torch.from_numpy(every.word_id)
            found.num_scored[short] = self.vocab_size
            found.certified[short] = True
        log_z = error = None
        if normaliser:
            log_z, error = with_rest(table, queries, found.score, found.word_id, _SAMPLES_FOR_Z, threads=self.threads)
        return Best(
            score=found.score[:, :k],
            word_id=found.word_id[:, :k],
            certified=found.certified,
            num_scored=found.num_scored,
            log_normaliser=log_z,
            normaliser_error=error,
        )

    def _normaliser(
        self,
        table: ScoreTable,
        hidden: Tensor,
        best: int | None,
        samples: int | None,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        best = whole("best", 1024 if best is None else best, 1, None)
        samples = whole("samples", 4096 if samples is None else samples, 2, None)
        queries = table.queries(hidden)
        log_z = torch.full((len(queries),), torch.nan)
        error = log_z.clone()
        sound = torch.isfinite(queries).all(dim=1)
        if bool(sound.any()):
            asked = queries[sound]
            found = self._look(table, asked, min(best, self.vocab_size))
            log_z[sound], error[sound] = with_rest(
                table, asked, found.score, found.word_id, samples, threads=self.threads, generator=generator
            )
        return log_z, error

    @torch.no_grad()
    def calibrate(self, hidden: Tensor, recall: float = 0.99, k: int = 10) -> Calibration:
        """Set `effort` to the least with which the index finds a share `recall` of the k best words.

        It is chosen on half of the queries; the recall returned is that of the other half.

        Args:
            hidden: (N, D), N ≥ 20: hidden vectors of held-out text.
            recall: in (0, 1].
            k: words per query.

        Raises:
            InputError: too few queries; numbers out of range.

        Cost: scores every word once per query, then searches several times per query.
        """
        recall = real("recall", recall, 0.0, 1.0, above=True)
        whole("k", k, 1, self.vocab_size, "the vocabulary size")
        self._check_hidden(hidden)
        if len(hidden) < FEWEST_QUERIES:
            raise InputError(f"{len(hidden)} queries are too few for calibration; expected at least {FEWEST_QUERIES}")
        table = self._current(self._source)
        chosen_by, held_out = (table.queries(part) for part in halves(hidden))
        expected = self._true_best(table, chosen_by, k)
        tried = efforts(self.most_effort)
        reached = False
        for effort in tried:
            self.effort = effort
            if mean(recall_of(self._find(table, chosen_by, k, normaliser=False).word_id, expected)) >= recall:
                reached = True
                break
        found = self._find(table, held_out, k, normaliser=False)
        shares = recall_of(found.word_id, self._true_best(table, held_out, k))
        low, high = interval(shares)
        return Calibration(
            effort=self.effort,
            reached=reached,
            recall=mean(shares),
            low=low,
            high=high,
            scored_share=mean(found.num_scored) / self.vocab_size,
            queries=len(held_out),
        )

    def _true_best(self, table: ScoreTable, queries: Tensor, k: int) -> Tensor:
        every = scan_rows(queries, table.weight, table.bias, k, normaliser=False, threads=self.threads)
        return torch.from_numpy(every.word_id)
