"""Scans over codes find what scoring every word finds, their bounds hold, and log Z is near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vastmax.kernels.coded_normalizer import sample_normalizer
from vastmax.kernels.listed_scan import scan_listed
from vastmax.kernels.word_scan import (
    BLOCK_ROWS,
    CodedTable,
    Found,
    RowCodes,
    code_rows,
    code_table,
    scan_codes,
    scan_rows,
)

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


def coded(weight: Floats, bias: Floats | None, bits: int, part: float = 0.3) -> CodedTable:
    """Codes of rows that are not turned."""
    return code_table(weight, bias, first_width=max(1, int(part * weight.shape[1])), first_bits=bits, threads=1)


def search(weight: Floats, bias: Floats | None, hidden: Floats, k: int, codes: CodedTable, threads: int = 1) -> Found:
    return scan_codes(hidden, weight, bias, k, coded=codes, turned=hidden, threads=threads)


SIZES = [(1, 1, 2, 1), (5, 3, 3, 5), (1000, 33, 9, 10), (2003, 130, 11, 7), (300, 20, 70, 300)]


@pytest.mark.parametrize(("V", "D", "N", "k"), SIZES)
def test_rows_give_the_best_of_all_scores(V: int, D: int, N: int, k: int) -> None:
    weight, bias = table(V, D)
    hidden = np.random.default_rng(1).standard_normal((N, D), dtype=np.float32)
    for few in (1, 2, 3, N):
        found = scan_rows(hidden[:few], weight, bias, k, threads=2)
        word_id, log_normaliser = best(weight, bias, hidden[:few], k)
        assert (found.word_id == word_id).all()
        assert found.log_normaliser == pytest.approx(log_normaliser, abs=2e-5)
        scores = (hidden[:few] @ weight.T + bias)[np.arange(len(word_id))[:, None], word_id]
        np.testing.assert_allclose(found.score, scores, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize(("V", "D", "N", "k"), SIZES)
def test_codes_give_the_best_of_all_scores(V: int, D: int, N: int, k: int, bits: int) -> None:
    weight, bias = table(V, D)
    hidden = np.random.default_rng(1).standard_normal((N, D), dtype=np.float32)
    word_id, log_normaliser = best(weight, bias, hidden, k)
    for part in (0.0, 0.4, 1.0):
        found = search(weight, bias, hidden, k, coded(weight, bias, bits, part), threads=2)
        assert (found.word_id == word_id).all()
        assert not found.num_broken.any()
        assert found.log_normaliser == pytest.approx(log_normaliser, abs=3e-5)


@pytest.mark.parametrize("bits", [8, 4])
def test_only_what_may_be_best_is_scored(bits: int) -> None:
    weight, bias = table(4000, 64)
    weight[:, 32:] *= 0.05
    hidden = np.random.default_rng(1).standard_normal((5, 64), dtype=np.float32)
    codes = coded(weight, bias, bits, 0.5)
    likely = np.argsort(-bias)[:100]
    found = scan_codes(hidden, weight, bias, 10, coded=codes, turned=hidden, likely=likely, normaliser=False, threads=1)
    assert (found.word_id == best(weight, bias, hidden, 10)[0]).all()
    assert (found.num_scored < 200).all()
    assert found.log_normaliser is None


@pytest.mark.parametrize("tolerance", [1e-5, 1e-3, 1e-1])
def test_log_z_is_as_near_as_it_was_asked_to_be(tolerance: float) -> None:
    weight, bias = table(3000, 48)
    hidden = np.random.default_rng(1).standard_normal((20, 48), dtype=np.float32)
    codes = coded(weight, bias, 4, 0.5)
    found = scan_codes(hidden, weight, bias, 3, coded=codes, turned=hidden, tolerance=tolerance, threads=1)
    _, log_normaliser = best(weight, bias, hidden, 3)
    assert found.log_normaliser == pytest.approx(log_normaliser, abs=tolerance + 1e-5)
    assert found.normaliser_error is not None
    assert (found.normaliser_error <= tolerance / 2).all()


@pytest.mark.parametrize("bits", [8, 4])
def test_sampled_log_z(bits: int) -> None:
    """Red where the error bar is wrong, or where what the codes miss is not corrected."""
    V, D, N = 3001, 32, 101
    weight, bias = table(V, D)
    weight[:, 12:] *= 0.1
    hidden = np.random.default_rng(1).standard_normal((N, D), dtype=np.float32)
    codes = coded(weight, bias, bits, 0.4)
    _, log_normaliser = best(weight, bias, hidden, 1)
    seed = np.random.default_rng(2).integers(2**64, size=N, dtype=np.uint64)
    given = {"coded": codes, "turned": hidden, "seed": seed, "likely": np.argsort(-bias)[:50], "threads": 2}
    for draws, share in ((100.0, 0.1), (1000.0, 0.4)):
        found = sample_normalizer(hidden, weight, bias, draws=draws, **given)
        off = found.log_normalizer - log_normaliser
        assert 0.85 <= (np.abs(off) <= 1.96 * found.error).mean() <= 1.0
        assert 0.3 < np.mean((off / found.error) ** 2) < 2.5
        assert 10 < found.num_scored.mean() < share * V
    assert np.abs(off).mean() < 0.01
    with pytest.raises(ValueError, match="draws must be at least 1"):
        sample_normalizer(hidden, weight, bias, draws=0.5, **given)
    with pytest.raises(ValueError, match=r"seed has the shape \(3,\)"):
        sample_normalizer(hidden, weight, bias, draws=5, **given | {"seed": seed[:3].copy()})
    with pytest.raises(ValueError, match="a likely word is not there"):
        sample_normalizer(hidden, weight, bias, draws=5, **given | {"likely": np.array([V])})


@pytest.mark.parametrize("disjoint", [True, False])
def test_listed_words(disjoint: bool) -> None:
    """Of lists that share no words, and of lists that do, in which a word counts once."""
    V, D, N, k = 500, 19, 7, 12
    weight, bias = table(V, D)
    rng = np.random.default_rng(3)
    hidden = rng.standard_normal((N, D), dtype=np.float32)
    words = rng.permutation(V).astype(np.int32) if disjoint else rng.integers(0, V, V).astype(np.int32)
    offsets = np.array([0, 3, 3, 200, V])
    chosen = np.stack([rng.permutation(4)[:3] for _ in range(N)]).astype(np.int32)
    chosen[0] = [1, -1, -1]
    chosen[1] = [0, -1, -1]
    found = scan_listed(
        hidden, weight, bias, k, offsets=offsets, words=words, chosen=chosen, disjoint=disjoint, threads=2
    )
    scores = hidden.astype(np.float64) @ weight.T.astype(np.float64) + bias
    for n in range(N):
        asked = np.unique(np.concatenate([words[offsets[i] : offsets[i + 1]] for i in chosen[n] if i >= 0]))
        order = asked[np.argsort(-scores[n, asked], kind="stable")][:k]
        assert (found.word_id[n, : len(order)] == order).all()
        assert (found.word_id[n, len(order) :] == -1).all()
        assert found.num_scored[n] == len(asked)
        expected = np.log(np.exp(scores[n, asked]).sum()) if len(asked) else -np.inf
        assert found.log_sum[n] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("bits", [8, 4])
def test_errors_of_rows_are_bounded_and_bounds_are_tight(bits: int) -> None:
    weight, _ = table(77, 29)
    weight[3], weight[4], weight[5] = 0, 1e-42, weight[5] * 1e30
    residual = np.empty_like(weight)
    codes = code_rows(weight, bits=bits, residual=residual, threads=1)
    np.testing.assert_allclose(
        residual, weight - decoded(codes, 77, 29), rtol=1e-4, atol=1e-6 * np.abs(weight).max(1).min()
    )
    error = np.linalg.norm(weight.astype(np.float64) - decoded(codes, 77, 29), axis=1)
    assert (codes.error[:77] >= error * (1 - 1e-6)).all()
    ordinary = np.delete(np.arange(77), [3, 4, 5])
    assert codes.error[ordinary] == pytest.approx(error[ordinary], rel=1e-3)
    relative = error[ordinary] / np.linalg.norm(weight[ordinary], axis=1)
    assert relative.max() < (0.02 if bits == 8 else 0.2)
    norm = np.linalg.norm(weight.astype(np.float64), axis=1)
    assert (codes.norm[:77] >= norm).all()
    assert (codes.error[77:] == 0).all()


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
    every = scan_rows(hidden, weight, bias, 400, threads=1)
    found = search(weight, bias, hidden, k, coded(weight, bias, bits))
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
    word_id, _ = best(weight, np.zeros(V, dtype=np.float32), hidden, k)
    found = search(weight, None, hidden, k, coded(weight, None, bits, rng.random()))
    assert (found.word_id == word_id).all()
    assert (scan_rows(hidden, weight, None, k, threads=1).word_id == word_id).all()


def test_a_bound_that_is_too_small_is_noticed() -> None:
    weight, bias = table(300, 16)
    hidden = np.random.default_rng(1).standard_normal((4, 16), dtype=np.float32)
    codes = coded(weight, bias, 4)
    assert not search(weight, bias, hidden, 5, codes).num_broken.any()
    codes.second_error[:] *= 0.01
    codes.norm[:] = 0
    assert search(weight, bias, hidden, 5, codes).num_broken.any()


def test_what_does_not_fit_is_refused() -> None:
    weight, bias = table(40, 8)
    codes = coded(weight, bias, 8)
    hidden = np.zeros((2, 8), dtype=np.float32)
    for k in (0, 41):
        with pytest.raises(ValueError, match="k must be"):
            scan_rows(hidden, weight, bias, k, threads=1)
    with pytest.raises(ValueError, match=r"hidden has the shape \(2, 7\), expected \(2, 8\)"):
        scan_rows(hidden[:, :7].copy(), weight, bias, 1, threads=1)
    with pytest.raises(ValueError, match=r"first_codes has the shape \(\d+,\), expected"):
        search(weight[:20].copy(), None, hidden, 1, codes)
    lists = {"offsets": np.array([0, 2]), "words": np.array([0, 39], dtype=np.int32), "disjoint": True, "threads": 1}
    for chosen in (1, 7):
        with pytest.raises(ValueError, match="a list is chosen that is not there"):
            scan_listed(hidden, weight, bias, 1, chosen=np.full((2, 1), chosen, dtype=np.int32), **lists)
    lists["words"] = np.array([0, 40], dtype=np.int32)
    with pytest.raises(ValueError, match="holds a word that is not there"):
        scan_listed(hidden, weight, bias, 1, chosen=np.zeros((2, 1), dtype=np.int32), **lists)
