"""Measurement of the constants in the cost model of cutoffs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

import torch

from vastmax.arguments import MOST_SIZE, whole
from vastmax.distribution.cutoffs import ProductCost
from vastmax.output.linear.narrow import cluster_log_prob

_SMALL = (1, 16)
_LARGE = ((64, 4_000), (256, 4_000), (1_024, 4_000))
"""(examples, words) of the timed products: one with constant cost, and some with linear cost."""


@cache
def measure_product_cost(hidden_size: int, *, device: str = "cpu", repeats: int = 5) -> ProductCost:
    """Measure the cost of a softmax over k words for n examples, forward and backward, for `Adaptive(cost=…)`.

    Times a tiny product and three large ones, each `repeats` times, and fits `fixed + per_cell · max(small_cells, n·k)`
    to the fastest runs. It takes about 0.3 s on a CPU, once per process.

    Args:
        hidden_size: D ≥ 1.
        device: a torch device, such as "cpu" or "cuda".
        repeats: the number of runs per size, ≥ 1.

    Raises:
        InputError: a size below 1.
    """
    whole("hidden_size", hidden_size, 1, MOST_SIZE)
    whole("repeats", repeats, 1, MOST_SIZE)
    small = _fastest_seconds(_SMALL, hidden_size, device, repeats)
    large = [_fastest_seconds(shape, hidden_size, device, repeats) for shape in _LARGE]
    return fit_product_cost(small, [n * k for n, k in _LARGE], large)


def fit_product_cost(small_seconds: float, cells: Sequence[int], seconds: Sequence[float]) -> ProductCost:
    """Return the constants from the time of a tiny product and a line through the times of large ones.

    The slope is per_cell. The intercept, clamped to [0, small_seconds], is fixed; the rest of small_seconds is the cost
    of small_cells cells.
    """
    mean_cells, mean_seconds = sum(cells) / len(cells), sum(seconds) / len(seconds)
    covariance = sum((c - mean_cells) * (s - mean_seconds) for c, s in zip(cells, seconds, strict=True))
    slope = covariance / sum((c - mean_cells) ** 2 for c in cells)
    if slope <= 0:  # noise; the largest product gives an upper bound
        slope = seconds[-1] / cells[-1]
    fixed = min(max(mean_seconds - slope * mean_cells, 0.0), small_seconds)
    return ProductCost(fixed=fixed, small_cells=(small_seconds - fixed) / slope, per_cell=slope)


def _fastest_seconds(shape: tuple[int, int], hidden_size: int, device: str, repeats: int) -> float:
    num_examples, num_words = shape
    hidden = torch.randn(num_examples, hidden_size, device=device, requires_grad=True)
    weight = torch.randn(num_words, hidden_size, device=device, requires_grad=True)
    position = torch.zeros(num_examples, dtype=torch.int64, device=device)
    fastest = float("inf")
    for _ in range(repeats + 1):  # including a warm-up
        start = time.perf_counter()
        torch.autograd.backward(cluster_log_prob(hidden, weight, None, position).sum())
        if hidden.device.type == "cuda":
            torch.cuda.synchronize(hidden.device)
        fastest = min(fastest, time.perf_counter() - start)
        hidden.grad = weight.grad = None
    return fastest
