"""Log Z from the best words, exactly, and a sample of the rest (Mussmann & Ermon 2016), with its standard error."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vastmax.kernels.rows import scores_forward
from vastmax.search.score_table import ScoreTable

_QUERIES_AT_ONCE = 256


def with_rest(
    table: ScoreTable,
    queries: Tensor,
    score: Tensor,
    word_id: Tensor,
    samples: int,
    *,
    threads: int,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (log Z, its standard error), (N,) each.

    Z = Σ over the words found of e^s + (1/m)·Σ over m draws w ~ q of [w not found]·e^{s(w)} / q(w), where q is an even
    mixture of the softmax of the biases and the uniform distribution, so that rare words are drawn, too, and no weight
    is huge. The standard error is that of the sum, divided by Z. It is too small if words of high probability are
    neither found nor likely under q, since draws rarely include them: calibrate the index first. On a trained model,
    its 95 % intervals cover less than 95 % (benchmarks/search.py); those of a certified index with `samples` hold.

    Args:
        table: the rows and biases.
        queries: (N, D).
        score: (N, K), exact scores of the words found, −inf for none.
        word_id: (N, K) int64, −1 for none.
        samples: m ≥ 2.
        threads: upper bound.
        generator: source of the draws; the default generator if None.

    Cost: (K + m)·D multiply-adds per query.
    """
    law = _law(table)
    cumulative = law.double().cumsum(0)
    parts = []
    for rows in torch.split(torch.arange(len(queries)), _QUERIES_AT_ONCE):
        of = slice(int(rows[0]), int(rows[-1]) + 1)
        parts.append(
            _with_rest(
                table,
                queries[of],
                score[of],
                word_id[of],
                samples,
                law,
                cumulative,
                threads=threads,
                generator=generator,
            )
        )
    log_z, error = (torch.cat(part) for part in zip(*parts, strict=True))
    return log_z, error


def _law(table: ScoreTable) -> Tensor:
    alike = torch.full((table.vocab_size,), 1.0 / table.vocab_size)
    return alike if table.bias is None else 0.5 * alike + 0.5 * table.bias.softmax(0)


def _with_rest(
    table: ScoreTable,
    queries: Tensor,
    score: Tensor,
    word_id: Tensor,
    samples: int,
    law: Tensor,
    cumulative: Tensor,
    *,
    threads: int,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    N = len(queries)
    uniform = torch.rand(N, samples, dtype=torch.float64, generator=generator)
    drawn = torch.searchsorted(cumulative, uniform * cumulative[-1], right=True).clamp_max_(table.vocab_size - 1)
    drawn_score = queries.new_empty(N, samples)
    scores_forward(queries, table.weight, table.bias, drawn, score=drawn_score, threads=threads)
    known = torch.from_numpy(_among(drawn.numpy(), word_id.numpy()))
    top = torch.maximum(score.amax(dim=1), drawn_score.amax(dim=1)).double()[:, None]
    weight = (drawn_score.double() - top).exp() / law.double()[drawn]
    weight[known] = 0.0
    rest = weight.mean(dim=1)
    best = (score.double() - top).exp().sum(dim=1)
    error = weight.std(dim=1) / samples**0.5
    total = best + rest
    return (total.log() + top[:, 0]).float(), (error / total).float()


def _among(drawn: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return whether each drawn word, (N, m), is among the words found, (N, K), for its row."""
    ordered = np.sort(found, axis=1)
    known = np.empty(drawn.shape, dtype=bool)
    for row, words, own in zip(known, drawn, ordered, strict=True):
        at = np.searchsorted(own, words).clip(max=len(own) - 1)
        row[:] = own[at] == words
    return known
