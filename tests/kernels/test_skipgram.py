"""The skip-gram kernel: against float64, against its own loss's gradient, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import SkipgramReference, expected_pairs, numerical_gradient
from vastmax.kernels import _native
from vastmax.kernels.embedding_kernel import SkipgramKernel, skipgram_pools
from vastmax.kernels.embedding_tables import keep_thresholds, padded_rows
from vastmax.kernels.machine import choose_target


def make_text(V, num_sentences, longest, seed=0):
    """Zipf-like sentences; some ids are V and above (out of vocabulary), some sentences are empty or of one word."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, longest + 1, num_sentences)
    sentences = [np.minimum(random.zipf(1.3, n) - 1, V + 2).astype(np.int32) for n in lengths]
    counts = np.bincount(np.concatenate([*sentences, np.arange(V)]), minlength=V)[:V].astype(np.int64)
    return sentences, counts


def make_pair(
    sentences, counts, D, target, *, window=3, negative=5, sample=1e-2, pools=(16,), exclude="target", seed=0
):
    """A kernel and its float64 twin on the same random matrices."""
    kernel = SkipgramKernel(
        counts,
        D,
        window=window,
        negative=negative,
        sample=sample,
        ns_exponent=0.75,
        exclude=exclude,
        pool_sizes=np.array(pools, np.int32),
        target=target,
    )
    random = np.random.default_rng(seed)
    for matrix in (kernel.words, kernel.outputs):
        matrix[:, :D] = random.normal(0, 0.3, (counts.size, D))
    twin = SkipgramReference(
        kernel.words[:, :D].astype(np.float64),
        kernel.outputs[:, :D].astype(np.float64),
        kernel.tables.keep,
        kernel.tables.noise.thresholds,
        kernel.tables.noise.words,
        window,
        negative,
        list(pools),
        kernel.centres,
        exclude,
    )
    return kernel, twin


def run(kernel, sentences, alpha_begin=0.05, alpha_end=0.01, seed=7):
    ids = np.concatenate([np.zeros(0, np.int32), *sentences])
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sentences])]).astype(np.int64)
    # Offsets of a chunk do not begin at zero.
    return kernel.train(ids, offsets + 1000, alpha_begin=alpha_begin, alpha_end=alpha_end, seed=seed)


@pytest.mark.parametrize("D", [1, 16, 17, 40, 64, 100, 128, 130, 300])
def test_kernel_equals_the_float64_twin_including_every_update(target, D):
    sentences, counts = make_text(V=60, num_sentences=60, longest=40)
    kernel, twin = make_pair(sentences, counts, D, target)
    result = run(kernel, sentences)
    twin.train([s.tolist() for s in sentences], 0.05, 0.01, seed=7)
    assert (result.words, result.kept, result.predictions) == (twin.words, twin.kept, twin.predictions)
    assert result.predictions > 500
    assert result.loss == pytest.approx(twin.loss, rel=2e-6)
    np.testing.assert_allclose(kernel.words[:, :D], twin.centre, atol=2e-5)
    np.testing.assert_allclose(kernel.outputs[:, :D], twin.context, atol=2e-5)
    assert not kernel.words[:, D:].any()
    assert not kernel.outputs[:, D:].any()


@pytest.mark.parametrize(
    ("window", "pools", "negative"),
    [(1, [8], 1), (50, [56, 48, 40, 24, 16, 8, 8], 5), (8, [24], 15), (20, [8, 16, 8], 2)],
)
def test_windows_and_pools_of_every_size_equal_the_twin(target, window, pools, negative):
    sentences, counts = make_text(V=30, num_sentences=5, longest=200, seed=3)
    kernel, twin = make_pair(sentences, counts, 20, target, window=window, pools=pools, negative=negative, sample=0)
    result = run(kernel, sentences, 0.002, 0.001)
    twin.train([s.tolist() for s in sentences], 0.002, 0.001, seed=7)
    assert result.predictions == twin.predictions
    assert result.loss == pytest.approx(twin.loss, rel=1e-5)
    np.testing.assert_allclose(kernel.words[:, :20], twin.centre, atol=1e-4)
    np.testing.assert_allclose(kernel.outputs[:, :20], twin.context, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    V=st.integers(2, 40),
    D=st.integers(1, 40),
    seed=st.integers(0, 2**64 - 1),
)
def test_any_shape_of_text_equals_the_twin(lengths, V, D, seed):
    random = np.random.default_rng(seed)
    sentences = [random.integers(0, V + 2, n).astype(np.int32) for n in lengths]
    kernel, twin = make_pair(sentences, np.arange(V, 0, -1), D, choose_target(), pools=(8,))
    result = run(kernel, sentences, seed=seed)
    twin.train([s.tolist() for s in sentences], 0.05, 0.01, seed=seed)
    assert (result.words, result.kept, result.predictions) == (twin.words, twin.kept, twin.predictions)
    assert result.loss == pytest.approx(twin.loss, rel=1e-5, abs=1e-5)
    np.testing.assert_allclose(kernel.words[:, :D], twin.centre, atol=5e-5)


@pytest.mark.parametrize("exclude", ["none", "window"])
@pytest.mark.parametrize(("window", "pools"), [(3, [24]), (20, [24, 16, 8])])
def test_every_rule_for_noise_words_equals_the_twin(target, exclude, window, pools):
    sentences, counts = make_text(V=30, num_sentences=20, longest=60, seed=4)
    kernel, twin = make_pair(sentences, counts, 20, target, window=window, pools=pools, sample=0, exclude=exclude)
    result = run(kernel, sentences, 0.005, 0.001)
    twin.train([s.tolist() for s in sentences], 0.005, 0.001, seed=7)
    assert result.loss == pytest.approx(twin.loss, rel=1e-5)
    np.testing.assert_allclose(kernel.words[:, :20], twin.centre, atol=1e-4)
    np.testing.assert_allclose(kernel.outputs[:, :20], twin.context, atol=1e-4)
    weights = {
        rule: sum(
            b.noise_weight(i, j, 5, rule) for b in twin.seen for i in range(len(b.centres)) for j in range(len(b.pool))
        )
        for rule in ("none", "target", "window")
    }
    assert weights["window"] < 0.9 * weights["target"] < 0.9 * weights["none"]  # the rules differ on this text


def test_a_small_step_moves_against_the_numerical_gradient_of_the_documented_loss():
    """The update step itself is gradient-checked: with a tiny rate, what the kernel adds is −alpha · dLoss."""
    V, D, alpha = 12, 5, 1e-3
    # Words and contexts are all different, so that no row moves twice within the block and order does not matter.
    sentences = [np.arange(12, dtype=np.int32)]
    kernel, twin = make_pair(sentences, np.full(V, 10), D, choose_target(), window=2, sample=0, pools=(8,))
    before = [kernel.words[:, :D].astype(np.float64), kernel.outputs[:, :D].astype(np.float64)]
    twin.train([sentences[0].tolist()], alpha, alpha, seed=3)
    (block,) = twin.seen
    matrices = [m.copy() for m in before]
    gradients = [numerical_gradient(lambda: block.loss(*matrices, negative=5), m) for m in matrices]
    run(kernel, sentences, alpha, alpha, seed=3)
    for matrix, start, gradient in zip((kernel.words, kernel.outputs), before, gradients, strict=True):
        np.testing.assert_allclose((matrix[:, :D] - start) / alpha, -gradient, atol=5e-3)
        assert np.abs(gradient).max() > 0.5


def test_loss_and_gradient_hold_where_float_exponentials_overflow(target):
    """Scores of ±1000: no table, no clipping, no NaN; saturated pairs are still corrected."""
    sentences = [np.array([0, 1], np.int32)]
    kernel, twin = make_pair(sentences, np.array([5, 5]), 4, target, window=1, sample=0, pools=(8,))
    for matrix, same in ((kernel.words, twin.centre), (kernel.outputs, twin.context)):
        matrix[:, :4] = [[30, 10, 0, 0], [-30, 0, 10, 5]]
        same[:] = matrix[:, :4]
    result = run(kernel, sentences, 1e-4, 1e-4)
    twin.train([[0, 1]], 1e-4, 1e-4, seed=7)
    assert twin.loss > 1500
    assert result.loss == pytest.approx(twin.loss, rel=1e-6)
    np.testing.assert_allclose(kernel.words[:, :4], twin.centre, rtol=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    sentences, counts = make_text(V=50, num_sentences=50, longest=30)
    results = []
    for seed in (1, 1, 2):
        kernel, _ = make_pair(sentences, counts, 32, choose_target())
        run(kernel, sentences, seed=seed)
        results.append(kernel.words.tobytes() + kernel.outputs.tobytes())
    assert results[0] == results[1] != results[2]


def test_pairs_are_as_many_as_windows_promise():
    random = np.random.default_rng(0)
    lengths = random.integers(1, 60, 3000)
    sentences = [random.integers(0, 50, n).astype(np.int32) for n in lengths]
    kernel, _ = make_pair(sentences, np.full(50, 100), 16, choose_target(), window=5, sample=0)
    assert run(kernel, sentences).predictions == pytest.approx(expected_pairs(lengths, 5), rel=0.005)


def test_words_are_kept_as_often_as_subsampling_says():
    """A binomial count within five of its standard errors."""
    counts = np.array([500_000, 50_000, 5_000])
    t, n = 1e-2, 200_000
    f = counts / counts.sum()
    keep = np.minimum(1, np.sqrt(t / f) + t / f)
    assert keep[0] < 0.2
    for word in range(2):
        kernel = SkipgramKernel(counts, 4, window=1, negative=1, sample=t, ns_exponent=0.75)
        kept = run(kernel, [np.full(n, word, np.int32)]).kept
        assert abs(kept - n * keep[word]) <= 5 * np.sqrt(n * keep[word] * (1 - keep[word])) + 1
    assert (keep_thresholds(counts, 0) == 2**32 - 1).all()


def test_noise_words_follow_the_power_law_of_the_counts():
    """χ² of the words drawn into pools, seen through the float64 twin, which draws the same ones."""
    counts = np.array([1000, 300, 100, 30, 10, 3, 1])
    sentences = [np.zeros(16 * 400, np.int32)]
    _, twin = make_pair(sentences, counts, 1, choose_target(), window=1, sample=0, pools=(16,))
    twin.train([sentences[0].tolist()], 0.0, 0.0, seed=5)
    drawn = np.bincount([w for block in twin.seen for w in block.pool], minlength=7)
    expected = counts**0.75 / (counts**0.75).sum() * drawn.sum()
    assert ((drawn - expected) ** 2 / expected).sum() < 22.5  # the 0.999 quantile of χ² with 6 degrees of freedom


@pytest.mark.parametrize("exponent", [-2.0, -0.5, 0.0, 1.0, 40.0])
def test_any_noise_exponent_gives_a_law(exponent):
    kernel = SkipgramKernel(np.array([10**12, 1000, 1]), 4, window=2, negative=3, sample=1e-3, ns_exponent=exponent)
    kernel.words[:, :4] = 0.1
    result = run(kernel, [np.arange(3, dtype=np.int32)] * 10)
    assert np.isfinite(result.loss)


def test_pool_grows_with_window_and_negatives_and_stays_a_multiple_of_eight():
    assert skipgram_pools(5, 5, 32).tolist() == [16]
    assert skipgram_pools(1, 1, 32).tolist() == [8]
    assert skipgram_pools(5, 20, 32).tolist() == [64]
    # Seven bands; each position of the first has 2 · (50 + … + 43) / 50 = 14.88 contexts.
    assert skipgram_pools(50, 5, 32).tolist() == [8 * round(32 * 14.88 * 5 / 60 / 8), 32, 24, 16, 16, 8, 8]


def test_rows_are_aligned_and_padded_with_zeros():
    matrix = padded_rows(7, 100)
    assert matrix.shape == (7, 112)
    assert matrix.ctypes.data % 64 == 0
    assert not matrix.any()


def test_the_kernel_refuses_what_would_run_out_of_its_arrays():
    sentences, counts = make_text(V=10, num_sentences=5, longest=10)
    kernel, _ = make_pair(sentences, counts, 8, choose_target())
    ids = np.zeros(4, np.int32)
    arguments = {"alpha_begin": 0.1, "alpha_end": 0.1, "seed": 1}
    with pytest.raises(ValueError, match="run past word_ids"):
        kernel.train(ids, np.array([0, 5]), **arguments)
    with pytest.raises(ValueError, match="must not fall"):
        kernel.train(ids, np.array([0, 3, 2]), **arguments)
    with pytest.raises(ValueError, match="must not be negative"):
        kernel.train(np.array([-1], np.int32), np.array([0, 1]), **arguments)
    with pytest.raises(ValueError, match="must not be negative"):
        kernel.train(ids, np.array([-5, -1]), **arguments)
    with pytest.raises(TypeError):  # int64 ids are not silently copied
        kernel.train(ids.astype(np.int64), np.array([0, 4]), **arguments)


def model_arguments(V=10):
    """What makes a model that is refused for nothing."""
    words = padded_rows(V, 8)
    return {
        "words": words,
        "outputs": padded_rows(V, 8),
        "keep_threshold": np.zeros(V, np.uint32),
        "alias_threshold": np.zeros(V, np.uint32),
        "alias_word": np.zeros(V, np.int32),
        "nodes": words[:0],
        "path_offsets": np.zeros(0, np.int64),
        "path_edges": np.zeros(0, np.int32),
        "visits_per_exchange": 0,
        "subword_offsets": np.zeros(0, np.int64),
        "subword_rows": np.zeros(0, np.int32),
        "segment": 0,
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"alias_word": np.full(10, 10, np.int32)}, "an alias is no word"),
        ({"alias_word": np.full(10, -1, np.int32)}, "an alias is no word"),
        ({"outputs": padded_rows(9, 8)}, r"outputs has the shape \(9, 16\), expected \(10, 16\)"),
        ({"keep_threshold": np.zeros(9, np.uint32)}, r"keep_threshold has the shape \(9,\), expected \(10,\)"),
        ({"words": np.zeros((10, 8), np.float32)}, "a multiple of 16 floats"),
        ({"nodes": padded_rows(2, 8)}, r"path_offsets has the shape \(0,\), expected \(11,\)"),
    ],
)
def test_a_model_whose_arrays_do_not_fit_is_refused_when_it_is_made(wrong, message):
    _native.EmbeddingModel(**model_arguments())
    with pytest.raises(ValueError, match=message):
        _native.EmbeddingModel(**{**model_arguments(), **wrong})


def test_arrays_are_used_in_place_or_refused():
    """A copy would lose what is learned; numbers between two addresses of floats are not read at all."""
    memory = np.zeros(10 * 16 * 4 + 1, np.uint8)
    for words in (
        np.zeros((10, 16)),
        np.zeros((10, 32), np.float32)[:, ::2],
        memory[1:].view(np.float32).reshape(10, 16),
    ):
        with pytest.raises(TypeError):
            _native.EmbeddingModel(**{**model_arguments(), "words": words})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"window": 2**31 - 1}, "window must be in"),
        ({"window": 0}, "window must be in"),
        ({"negative": -1}, "negative must not be below 0"),
        ({"pool_sizes": [12]}, "multiples of 8"),
        ({"pool_sizes": []}, "just with negative sampling"),
        ({"exclude": 3}, "exclude must be 0"),
    ],
)
def test_settings_that_no_kernel_has_are_refused_when_they_are_made(wrong, message):
    good = {"window": 3, "negative": 5, "pool_sizes": [16], "centres": 8, "sum_gradient": False, "exclude": 1}
    _native.EmbeddingSettings(**good)
    with pytest.raises(ValueError, match=message):
        _native.EmbeddingSettings(**{**good, **wrong})
