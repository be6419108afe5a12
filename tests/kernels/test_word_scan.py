"""Scans over codes find what scoring every word finds, their bounds hold, and log Z is near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels.word_scan import BLOCK_ROWS, RowCodes, code_rows, scan_words

Floats = NDArray[np.float32]


def table(V: int, D: int, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((V, D), dtype=np.float32) * rng.random((V, 1), dtype=np.float32)
    return weight, rng.standard_normal(V).astype(np.float32)


def best(weight: Floats, bias: Floats, hidden: Floats, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The float64 twin: (word ids, log Z)."""
    scores = hidden.astype(np.float64) @ weight.T.astype(np.float64) + bias
    top = scores.max(axis=1)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k], top + np.log(np.exp(scores - top[:, None]).sum(axis=1))


def decoded(codes: RowCodes, V: int, D: int) -> NDArray[np.float64]:
    """The rows that the codes stand for, by the layout that the header documents."""
    blocks = -(-V // BLOCK_ROWS)
    if codes.bits == 8:
        pairs = codes.codes.reshape(blocks, -1, BLOCK_ROWS, 2)
        whole = pairs.transpose(0, 2, 1, 3).reshape(blocks * BLOCK_ROWS, -1)
    else:
        both = codes.codes.view(np.uint8).reshape(blocks, -1, BLOCK_ROWS, 2).astype(np.int16)
        halves = np.stack([both & 15, both >> 4], axis=2) - 8  # (block, four columns, half, row, column of two)
        whole = halves.transpose(0, 3, 1, 2, 4).reshape(blocks * BLOCK_ROWS, -1)
    return whole[:V, :D] * codes.scale[:V, None].astype(np.float64)


@pytest.mark.parametrize("bits", [None, 8, 4])
@pytest.mark.parametrize(("V", "D", "N", "k"), [(1, 1, 2, 1), (5, 3, 3, 5), (1000, 33, 9, 10), (2003, 130, 11, 7)])
def test_the_best_words_are_those_of_all_scores(V: int, D: int, N: int, k: int, bits: int | None) -> None:
    weight, bias = table(V, D)
    hidden = np.random.default_rng(1).standard_normal((N, D), dtype=np.float32)
    codes = None if bits is None else code_rows(weight, bias, bits=bits, threads=1)
    found = scan_words(hidden, weight, bias, k, codes=codes, threads=2)
    word_id, log_normaliser = best(weight, bias, hidden, k)
    assert (found.word_id == word_id).all()
    assert not found.num_broken.any()
    assert found.log_normaliser == pytest.approx(log_normaliser, abs=2e-5)
    np.testing.assert_allclose(
        found.score, (hidden @ weight.T + bias)[np.arange(N)[:, None], word_id], rtol=2e-5, atol=1e-5
    )
    if bits == 8 and V > 500:
        assert found.num_scored.mean() < V


@pytest.mark.parametrize("bits", [8, 4])
def test_errors_of_rows_are_bounded_and_bounds_are_tight(bits: int) -> None:
    weight, bias = table(77, 29)
    weight[3], weight[4], weight[5] = 0, 1e-42, weight[5] * 1e30
    codes = code_rows(weight, bias, bits=bits, threads=1)
    error = np.linalg.norm(weight.astype(np.float64) - decoded(codes, 77, 29), axis=1)
    assert (codes.error[:77] >= error * (1 - 1e-6)).all()
    ordinary = np.delete(np.arange(77), [3, 4, 5])
    assert codes.error[ordinary] == pytest.approx(error[ordinary], rel=1e-3)
    relative = error[ordinary] / np.linalg.norm(weight[ordinary], axis=1)
    assert relative.max() < (0.02 if bits == 8 else 0.2)
    norm = np.linalg.norm(weight.astype(np.float64), axis=1)
    assert (np.repeat(codes.norm, BLOCK_ROWS)[:77] >= norm).all()
    assert np.isneginf(codes.bias[77:]).all()


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("k", [1, 10, 400])
def test_adversarial_rows(bits: int, k: int) -> None:
    """Equal rows, one huge, zeros, denormals, a column that outweighs all others, large biases."""
    rng = np.random.default_rng(2)
    weight = rng.standard_normal((400, 40), dtype=np.float32)
    weight[200:] = weight[:200]
    weight[3] *= 1e6
    weight[7], weight[8] = 0, 1e-42
    weight[:, 5] *= 300
    bias = (rng.standard_normal(400) * 1e5).astype(np.float32)
    bias[200:] = bias[:200]
    hidden = rng.standard_normal((6, 40), dtype=np.float32)
    every = scan_words(hidden, weight, bias, 400, threads=1)
    found = scan_words(hidden, weight, bias, k, codes=code_rows(weight, bias, bits=bits, threads=1), threads=1)
    assert (found.word_id == every.word_id[:, :k]).all()
    assert not found.num_broken.any()


@given(st.integers(1, 60), st.integers(1, 20), st.sampled_from([8, 4]), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_any_table_of_whole_numbers(V: int, D: int, bits: int, seed: int) -> None:
    """Ties everywhere: of equal scores the lowest id comes first."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(-2, 3, (V, D)).astype(np.float32)
    hidden = rng.integers(-2, 3, (3, D)).astype(np.float32)
    k = int(rng.integers(1, V + 1))
    found = scan_words(hidden, weight, None, k, codes=code_rows(weight, None, bits=bits, threads=1), threads=1)
    word_id, _ = best(weight, np.zeros(V, dtype=np.float32), hidden, k)
    assert (found.word_id == word_id).all()


def test_a_bound_that_is_too_small_is_noticed() -> None:
    weight, bias = table(300, 16)
    hidden = np.random.default_rng(1).standard_normal((4, 16), dtype=np.float32)
    codes = code_rows(weight, bias, bits=4, threads=1)
    codes.error[:] *= 0.01
    codes.norm[:] = 0
    assert scan_words(hidden, weight, bias, 5, codes=codes, threads=1).num_broken.any()


def test_what_does_not_fit_is_refused() -> None:
    weight, bias = table(40, 8)
    codes = code_rows(weight, bias, bits=8, threads=1)
    hidden = np.zeros((2, 8), dtype=np.float32)
    for k in (0, 41):
        with pytest.raises(ValueError, match="k must be"):
            scan_words(hidden, weight, bias, k, threads=1)
    with pytest.raises(ValueError, match="hidden and weight differ"):
        scan_words(hidden[:, :7].copy(), weight, bias, 1, threads=1)
    with pytest.raises(ValueError, match="codes of another size"):
        scan_words(hidden, weight[:20].copy(), None, 1, codes=codes, threads=1)
