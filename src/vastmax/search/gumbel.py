"""Sampling of words by Gumbel noise, generated only where it can win (Mussmann, Levy & Ermon 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.search.score_table import ScoreTable
from vastmax.tensors.numbers import require_law

_QUERIES_AT_ONCE = 1024


def draw(
    table: ScoreTable,
    queries: Tensor,
    score: Tensor,
    word_id: Tensor,
    *,
    temperature: float = 1.0,
    generator: torch.Generator | None,
) -> Tensor:
    """Draw one word per query from softmax(s/T), (N,) int64, given its K best words; exact if they are the K best.

    The word of the largest s(w)/T + G_w, G_w independent standard Gumbel, has that distribution. The K best get
    their noise. No other word scores more than the K-th of them, B; with M the largest sum so far, only noise above
    M − B can win. Of the V − K other words, Binomial(V − K, P(G > M − B)) have such noise; they are drawn at random,
    and only they are scored.

    Args:
        table: the rows and biases.
        queries: (N, D).
        score: (N, K), of the best words, descending.
        word_id: (N, K) int64.
        temperature: T > 0.
        generator: source of the draws.

    Raises:
        InputError: scores that are not finite.

    Cost: D multiply-adds per word drawn; with K ≥ √V they are few.
    """
    require_law(score)
    drawn = []
    for rows in torch.split(torch.arange(len(queries)), _QUERIES_AT_ONCE):
        of = slice(int(rows[0]), int(rows[-1]) + 1)
        drawn.append(_draw(table, queries[of], score[of], word_id[of], temperature, generator))
    return torch.cat(drawn)


def _draw(
    table: ScoreTable,
    queries: Tensor,
    score: Tensor,
    word_id: Tensor,
    temperature: float,
    generator: torch.Generator | None,
) -> Tensor:
    N, K = score.shape
    V = table.vocab_size
    best_score = score[:, 0].double()
    score = (score.double() - best_score[:, None]) / temperature
    noise = -(-_uniform(N, K, generator).log()).log()
    best, at = (score + noise).max(dim=1)
    chosen = word_id.gather(1, at[:, None])[:, 0]
    if K == V:
        return chosen
    threshold = best - score[:, -1]  # noise must be above it
    chance = -torch.expm1(-torch.exp(-threshold))
    count = torch.binomial(torch.full_like(chance, V - K), chance.clamp(0.0, 1.0), generator=generator).long()
    for n in count.nonzero()[:, 0].tolist():
        others = _others(word_id[n], V, int(count[n]), generator)
        scores = table.weight[others] @ queries[n]
        if table.bias is not None:
            scores = scores + table.bias[others]
        # Noise above the threshold: its quantile is uniform between that of the threshold and 1.
        below = torch.exp(-torch.exp(-threshold[n]))
        at_most = below + (1.0 - below) * _uniform(1, len(others), generator)[0]
        total = (scores.double() - best_score[n]) / temperature - (-at_most.log()).log()
        if float(total.max()) > float(best[n]):
            chosen[n] = others[int(total.argmax())]
    return chosen


def _uniform(rows: int, columns: int, generator: torch.Generator | None) -> Tensor:
    """Return uniform numbers in the open interval (0, 1)."""
    return torch.rand(rows, columns, dtype=torch.float64, generator=generator).clamp(1e-300, 1.0 - 2.0**-53)


def _others(known: Tensor, vocab_size: int, count: int, generator: torch.Generator | None) -> Tensor:
    """Return `count` distinct words, uniformly drawn from those not in `known`."""
    if 2 * (count + len(known)) > vocab_size:
        free = torch.ones(vocab_size, dtype=torch.bool)
        free[known] = False
        words = free.nonzero()[:, 0]
        return words[torch.randperm(len(words), generator=generator)[:count]]
    taken = set(known.tolist())
    found: list[int] = []
    while len(found) < count:
        for word in torch.randint(vocab_size, (2 * count,), generator=generator).tolist():
            if word not in taken and len(found) < count:
                taken.add(word)
                found.append(word)
    return torch.tensor(found)
