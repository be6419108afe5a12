"""Calibration of an index: the cheapest setting that reaches a recall, measured on other queries."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

FEWEST_QUERIES = 20


@dataclass(frozen=True)
class Calibration:
    """The result of `calibrate`.

    Attributes:
        effort: the chosen setting, which the index now has.
        reached: whether the recall was reached on the queries used for choosing; if not, even the greatest effort
            falls short.
        recall: share of the k best words found, on the held-out queries.
        low: lower end of the 95 % confidence interval of `recall`, over queries.
        high: upper end of the interval.
        scored_share: share of the words that a query scores.
        queries: number of held-out queries.
    """

    effort: int
    reached: bool
    recall: float
    low: float
    high: float
    scored_share: float
    queries: int


def recall_of(found: Tensor, expected: Tensor) -> Tensor:
    """Return the share of the true best words that were found, (N,), of word ids (N, k) each."""
    return (found[:, :, None] == expected[:, None, :]).any(dim=1).double().mean(dim=1)


def interval(recall: Tensor) -> tuple[float, float]:
    """Return a 95 % confidence interval of the mean of shares in [0, 1] (Wilson's, by the variance that they have)."""
    n, mean = len(recall), float(recall.mean())
    # Queries whose recall is the mean on average but varies less than 0 or 1 would count for more than one trial each.
    variance = max(float(recall.var()) if n > 1 else 0.25, 1e-12)
    trials = max(n * mean * (1.0 - mean) / variance, n) if 0.0 < mean < 1.0 else n
    z = 1.959964
    centre = (mean + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(mean * (1 - mean) / trials + z * z / (4 * trials * trials))
    return max(0.0, min(centre - half, mean)), min(1.0, max(centre + half, mean))


def efforts(most: int) -> list[int]:
    """Return the settings to try, ascending: powers of √2."""
    steps = {min(most, round(2 ** (i / 2))) for i in range(2 * most.bit_length() + 1)}
    return sorted(steps)


def halves(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Return the queries to choose by and the held-out ones, alternately."""
    return hidden[::2], hidden[1::2]


def mean(values: Tensor) -> float:
    """Return the mean as a number."""
    return float(values.to(torch.float64).mean())
