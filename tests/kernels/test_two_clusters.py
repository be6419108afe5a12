"""EM for two spherical Gaussians of one variance, against the same written plainly in float64."""

from __future__ import annotations

import numpy as np
import pytest

from vastmax.kernels.two_clusters import two_clusters


def log_odds_by_densities(x: np.ndarray, weight: np.ndarray, direction: np.ndarray, iterations: int) -> np.ndarray:
    """The mixture written out: densities of both components, responsibilities, then means, shares and variance."""
    W = weight.sum()
    middle = weight @ x / W
    along = (x - middle) @ direction
    responsibility = 1 / (1 + np.exp(-2 * along / np.sqrt(weight @ along**2 / W)))
    odds = np.empty(len(x))
    for _ in range(iterations):
        parts = np.stack([1 - responsibility, responsibility]) * weight
        means = parts @ x / parts.sum(1, keepdims=True)
        squares = ((x[None] - means[:, None]) ** 2).sum(2)
        variance = (parts * squares).sum() / (W * x.shape[1])
        log_density = np.log(parts.sum(1) / W)[:, None] - squares / (2 * variance)
        odds = log_density[1] - log_density[0]
        responsibility = 1 / (1 + np.exp(-odds))
    return odds


def random_direction(seed: int, D: int) -> np.ndarray:
    """SplitMix64, four uniform numbers a coordinate, as the kernel draws it."""
    mask, state, numbers = 2**64 - 1, seed, []
    for _ in range(4 * D):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        numbers.append(((z ^ (z >> 31)) >> 11) * 2.0**-53)
    x = np.array(numbers).reshape(D, 4).sum(1) - 2
    return x / np.linalg.norm(x)


@pytest.mark.parametrize("D", [1, 7, 16, 67])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_densities_written_out(target: str, D: int, weighted: bool) -> None:
    rng = np.random.default_rng(D)
    x = (3 + rng.normal(size=(900, D)) + 2 * rng.integers(0, 2, size=(900, 1))).astype(np.float32)
    weights = rng.uniform(0.1, 5, size=900).astype(np.float32) if weighted else None
    members = rng.permutation(900).astype(np.int32)
    offsets = np.array([0, 3, 40, 900])
    seeds = np.array([5, 6, 2**64 - 1], dtype=np.uint64)
    for iterations in (1, 3):
        found = two_clusters(
            x, members, offsets, seeds, weights=weights, iterations=iterations, threads=2, target=target
        )
        for group in (1, 2):  # three members fit too well to be compared: their variance is rounding
            rows = members[offsets[group] : offsets[group + 1]]
            weight = np.ones(len(rows)) if weights is None else weights[rows].astype(np.float64)
            expected = log_odds_by_densities(
                x[rows].astype(np.float64), weight, random_direction(int(seeds[group]), D), iterations
            )
            np.testing.assert_allclose(found[offsets[group] : offsets[group + 1]], expected, rtol=2e-3, atol=2e-3)


def test_two_clusters_are_told_apart(target: str) -> None:
    rng = np.random.default_rng(1)
    side = rng.integers(0, 2, size=500)
    x = (rng.normal(size=(500, 20)) + 3 * side[:, None]).astype(np.float32)
    odds = two_clusters(
        x, np.arange(500, dtype=np.int32), np.array([0, 500]), np.array([3], np.uint64), iterations=10, threads=1,
        target=target,
    )  # fmt: skip
    assert len(set(zip(odds > 0, side, strict=True))) == 2


def test_threads_and_company_change_nothing() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20_000, 64)).astype(np.float32)
    members = np.arange(20_000, dtype=np.int32)
    offsets = np.arange(0, 20_001, 400)
    seeds = np.arange(50, dtype=np.uint64)
    one, two = (two_clusters(x, members, offsets, seeds, iterations=5, threads=n) for n in (1, 2))
    assert np.array_equal(one, two)
    alone = two_clusters(x, members[800:1200], np.array([0, 400]), seeds[2:3], iterations=5, threads=1)
    assert np.array_equal(alone, one[800:1200])


def test_vectors_all_alike_have_even_odds() -> None:
    for value in (0.0, 1e-20, 0.1, 7e8):
        x = np.full((300, 5), value, dtype=np.float32)
        odds = two_clusters(
            x, np.arange(300, dtype=np.int32), np.array([0, 300]), np.zeros(1, np.uint64), iterations=10, threads=1
        )
        assert (odds == 0).all()


def test_odds_stay_finite() -> None:
    x = np.array([[0.0], [0.0], [0.0], [1e18], [1.0]], dtype=np.float32)
    odds = two_clusters(
        x, np.arange(5, dtype=np.int32), np.array([0, 5]), np.zeros(1, np.uint64), iterations=10, threads=1
    )
    assert np.isfinite(odds).all()
    assert len({odds[3] > 0, odds[0] > 0}) == 2


def test_arrays_that_do_not_fit() -> None:
    x, members, seeds = np.zeros((3, 2), np.float32), np.array([0, 1, 3], np.int32), np.zeros(1, np.uint64)
    with pytest.raises(ValueError, match="a member is no vector"):
        two_clusters(x, members, np.array([0, 3]), seeds, iterations=1, threads=1)
    with pytest.raises(ValueError, match="do not fit the members"):
        two_clusters(x, members[:2], np.array([0, 3]), seeds, iterations=1, threads=1)
