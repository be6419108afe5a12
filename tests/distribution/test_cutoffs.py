"""The cut-offs against brute force over all partitions, and the cost model against its equation."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax.distribution import cutoffs as cutoffs_module
from vastmax.distribution.cutoffs import ProductCost, best_cutoffs, step_seconds
from vastmax.errors import InputError

CHEAP_START = ProductCost(fixed=1.0, small_cells=5.0, per_cell=1.0)


def reference_seconds(counts: list[float], cut: tuple[int, ...], n: int, c: ProductCost) -> float:
    """The equation of methods.md in plain Python."""
    counts = sorted(counts, reverse=True)
    total = sum(counts)
    edges = [*cut, len(counts)]

    def g(k: float, examples: float) -> float:
        return c.fixed + max(c.small_cells, k * examples) * c.per_cell

    seconds = g(edges[0] + len(cut), n)
    for i in range(len(cut)):
        mass = sum(counts[edges[i] : edges[i + 1]]) / total
        seconds += g(edges[i + 1] - edges[i], mass * n)
    return seconds


counts_lists = st.lists(st.integers(0, 50), min_size=1, max_size=9).filter(any)


@settings(max_examples=150, deadline=None)
@given(counts=counts_lists, n=st.integers(1, 64))
def test_equals_brute_force_over_all_partitions(counts: list[int], n: int) -> None:
    found = best_cutoffs(counts, batch_size=n, max_clusters=3, cost=CHEAP_START)
    costs = [
        reference_seconds(counts, cut, n, CHEAP_START)
        for J in range(4)
        for cut in itertools.combinations(range(1, len(counts)), J)
    ]
    assert reference_seconds(counts, tuple(found), n, CHEAP_START) == pytest.approx(min(costs), rel=1e-12)


def test_step_seconds_is_the_equation() -> None:
    counts, cut = [7, 0, 3, 3, 1, 9], (1, 4)
    expected = reference_seconds(counts, cut, 10, CHEAP_START)
    found = step_seconds(counts, cut, batch_size=10, cost=CHEAP_START)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_coarse_grid_loses_little_and_refining_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    zipf = 1e6 / np.arange(1, 20_001)
    fine = best_cutoffs(zipf)
    monkeypatch.setattr(cutoffs_module, "GRID_SIZE", 60)
    coarse = best_cutoffs(zipf)
    monkeypatch.setattr(cutoffs_module._Problem, "refine", lambda self, cut: cut)
    unrefined = best_cutoffs(zipf)
    cost = [step_seconds(zipf, cut) for cut in (fine, coarse, unrefined)]
    assert cost[0] <= cost[1] * (1 + 1e-9) <= cost[0] * 1.001
    assert cost[1] < cost[2]


def test_order_of_the_counts_does_not_matter() -> None:
    counts = np.random.default_rng(0).zipf(1.3, 3000)
    assert best_cutoffs(counts) == best_cutoffs(np.sort(counts))


def test_an_expensive_start_means_no_clusters_and_a_free_one_means_some() -> None:
    zipf = 1e6 / np.arange(1, 5001)
    assert best_cutoffs(zipf, cost=ProductCost(10.0, 0, 1e-9)) == []
    assert len(best_cutoffs(zipf, cost=ProductCost(0.0, 0, 1e-9))) >= 3
    assert best_cutoffs(zipf, max_clusters=0) == []
    assert best_cutoffs([3]) == []


def test_ten_million_words_take_seconds() -> None:
    counts = 1e9 / np.arange(1, 10_000_001)
    start = time.process_time()
    found = best_cutoffs(counts)
    assert time.process_time() - start < 15
    assert len(found) >= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"max_clusters": -1}, "max_clusters is -1"),
    ],
)
def test_bad_options(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        best_cutoffs([3, 2, 1], **options)


def test_bad_counts() -> None:
    with pytest.raises(InputError, match=r"counts\[1\] is -1"):
        best_cutoffs([3, -1])


@pytest.mark.parametrize("cut", [[0], [5], [2, 2], [3, 1], [1.5], [-1]])
def test_cutoffs_that_do_not_cut(cut: list[int]) -> None:
    with pytest.raises(InputError, match=r"do not divide 5 words; expected strictly ascending integers from 1 to 4"):
        step_seconds([1, 1, 1, 1, 1], cut)
