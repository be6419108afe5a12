"""The CBOW kernel: against float64, against its own loss's gradient, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import CbowReference, numerical_gradient
from vastmax.kernels.embedding_kernel import CbowKernel
from vastmax.kernels.machine import choose_target


def make_text(V, num_sentences, longest, seed=0):
    """Zipf-like sentences; some ids are V and above (out of vocabulary), some sentences are empty or of one word."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, longest + 1, num_sentences)
    sentences = [np.minimum(random.zipf(1.3, n) - 1, V + 2).astype(np.int32) for n in lengths]
    counts = np.bincount(np.concatenate([*sentences, np.arange(V)]), minlength=V)[:V].astype(np.int64)
    return sentences, counts


def make_pair(
    sentences,
    counts,
    D,
    target,
    *,
    window=3,
    negative=5,
    sample=1e-2,
    pool_size=16,
    centres=24,
    gradient="exact",
    exclude="target",
):
    """A kernel and its float64 twin on the same random matrices."""
    kernel = CbowKernel(
        counts,
        D,
        window=window,
        negative=negative,
        sample=sample,
        ns_exponent=0.75,
        gradient=gradient,
        exclude=exclude,
        pool_size=pool_size,
        centres=centres,
        target=target,
    )
    random = np.random.default_rng(0)
    for matrix in kernel.matrices.values():
        matrix[:, :D] = random.normal(0, 0.3, (counts.size, D))
    twin = CbowReference(
        kernel.words[:, :D].astype(np.float64),
        kernel.outputs[:, :D].astype(np.float64),
        kernel.tables.keep,
        kernel.tables.noise.thresholds,
        kernel.tables.noise.words,
        window,
        negative,
        pool_size,
        centres,
        gradient,
        exclude,
    )
    return kernel, twin


def run(kernel, sentences, alpha_begin=0.05, alpha_end=0.01, seed=7):
    ids = np.concatenate([np.zeros(0, np.int32), *sentences])
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sentences])]).astype(np.int64)
    # Offsets of a chunk do not begin at zero.
    return kernel.train(ids, offsets + 1000, alpha_begin=alpha_begin, alpha_end=alpha_end, seed=seed)


def assert_equal_after_training(kernel, twin, sentences, alpha_begin=0.05, alpha_end=0.01, seed=7, atol=2e-5):
    result = run(kernel, sentences, alpha_begin, alpha_end, seed)
    twin.train([s.tolist() for s in sentences], alpha_begin, alpha_end, seed)
    assert (result.words, result.kept, result.predictions) == (twin.words, twin.kept, twin.predictions)
    assert result.loss == pytest.approx(twin.loss, rel=5e-6, abs=1e-5)
    D = twin.input.shape[1]
    np.testing.assert_allclose(kernel.words[:, :D], twin.input, atol=atol)
    np.testing.assert_allclose(kernel.outputs[:, :D], twin.output, atol=atol)
    assert not kernel.words[:, D:].any()
    assert not kernel.outputs[:, D:].any()
    return result


@pytest.mark.parametrize(
    ("D", "gradient"),
    [*((D, "exact") for D in (1, 16, 17, 40, 64, 128, 130, 300)), (100, "exact"), (100, "word2vec")],
)
def test_kernel_equals_the_float64_twin_including_every_update(target, D, gradient):
    sentences, counts = make_text(V=60, num_sentences=40, longest=40)
    kernel, twin = make_pair(sentences, counts, D, target, gradient=gradient)
    assert assert_equal_after_training(kernel, twin, sentences).predictions > 200


@pytest.mark.parametrize(
    ("window", "centres", "pool_size", "negative"),
    [(1, 1, 8, 1), (50, 64, 8, 5), (8, 33, 24, 15), (1000, 7, 16, 2)],
)
def test_windows_blocks_and_pools_of_every_size_equal_the_twin(target, window, centres, pool_size, negative):
    sentences, counts = make_text(V=30, num_sentences=6, longest=150, seed=3)
    sizes = {"window": window, "centres": centres, "pool_size": pool_size, "negative": negative}
    kernel, twin = make_pair(sentences, counts, 20, target, sample=0, **sizes)
    assert_equal_after_training(kernel, twin, sentences)


@pytest.mark.parametrize("exclude", ["none", "window"])
def test_every_rule_for_noise_words_equals_the_twin(target, exclude):
    sentences, counts = make_text(V=30, num_sentences=20, longest=60, seed=4)
    kernel, twin = make_pair(sentences, counts, 20, target, sample=0, window=5, exclude=exclude)
    assert_equal_after_training(kernel, twin, sentences)
    weights = {
        rule: sum(
            block.noise_weight(i, j, 5, rule)
            for block in twin.seen
            for i in range(len(block.centres))
            for j in range(len(block.pool))
        )
        for rule in ("none", "target", "window")
    }
    assert weights["window"] < 0.9 * weights["target"] < 0.81 * weights["none"]  # the rules differ on this text


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    V=st.integers(2, 40),
    D=st.integers(1, 40),
    centres=st.integers(1, 64),
    seed=st.integers(0, 2**64 - 1),
)
def test_any_shape_of_text_equals_the_twin(lengths, V, D, centres, seed):
    random = np.random.default_rng(seed)
    sentences = [random.integers(0, V + 2, n).astype(np.int32) for n in lengths]
    kernel, twin = make_pair(sentences, np.arange(V, 0, -1), D, choose_target(), pool_size=8, centres=centres)
    assert_equal_after_training(kernel, twin, sentences, seed=seed, atol=5e-5)


@pytest.mark.parametrize("exclude", ["none", "target", "window"])
def test_a_small_step_moves_against_the_numerical_gradient_of_the_documented_loss(exclude):
    """The update step itself is gradient-checked: with a tiny rate, what the kernel adds is −alpha · dLoss."""
    V, D, alpha = 12, 5, 1e-3
    sentences = [np.array([0, 1, 2, 3, 1, 4, 5], np.int32), np.array([6], np.int32), np.arange(7, 12, dtype=np.int32)]
    kernel, twin = make_pair(
        sentences, np.full(V, 10), D, choose_target(), window=2, sample=0, pool_size=8, exclude=exclude
    )
    before = [kernel.words[:, :D].astype(np.float64), kernel.outputs[:, :D].astype(np.float64)]
    twin.train([s.tolist() for s in sentences], alpha, alpha, seed=3)
    (block,) = twin.seen
    matrices = [m.copy() for m in before]
    gradients = [numerical_gradient(lambda: block.loss(*matrices, negative=5, exclude=exclude), m) for m in matrices]
    run(kernel, sentences, alpha, alpha, seed=3)
    for matrix, start, gradient in zip((kernel.words, kernel.outputs), before, gradients, strict=True):
        np.testing.assert_allclose((matrix[:, :D] - start) / alpha, -gradient, atol=5e-3)
        assert np.abs(gradient).max() > 0.5


def test_loss_and_gradient_hold_where_float_exponentials_overflow(target):
    """Scores of ±1000: no table, no clipping, no NaN; saturated predictions are still corrected."""
    sentences = [np.array([0, 1], np.int32)]
    kernel, twin = make_pair(sentences, np.array([5, 5]), 4, target, window=1, sample=0, pool_size=8)
    for matrix, same in ((kernel.words, twin.input), (kernel.outputs, twin.output)):
        matrix[:, :4] = [[30, 10, 0, 0], [-30, 0, 10, 5]]
        same[:] = matrix[:, :4]
    result = run(kernel, sentences, 1e-4, 1e-4)
    twin.train([[0, 1]], 1e-4, 1e-4, seed=7)
    assert twin.loss > 1500
    assert result.loss == pytest.approx(twin.loss, rel=1e-6)
    np.testing.assert_allclose(kernel.words[:, :4], twin.input, rtol=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    sentences, counts = make_text(V=50, num_sentences=50, longest=30)
    results = []
    for seed in (1, 1, 2):
        kernel, _ = make_pair(sentences, counts, 32, choose_target())
        run(kernel, sentences, seed=seed)
        results.append(kernel.words.tobytes() + kernel.outputs.tobytes())
    assert results[0] == results[1] != results[2]


def test_every_word_with_another_in_its_sentence_is_predicted_once():
    random = np.random.default_rng(0)
    lengths = random.integers(0, 6, 500)
    sentences = [random.integers(0, 50, n).astype(np.int32) for n in lengths]
    kernel, _ = make_pair(sentences, np.full(50, 100), 16, choose_target(), sample=0)
    result = run(kernel, sentences)
    assert result.predictions == lengths[lengths > 1].sum() < lengths.sum() == result.kept


def test_the_kernel_refuses_what_would_run_out_of_its_arrays():
    sentences, counts = make_text(V=10, num_sentences=5, longest=10)
    arguments = {"alpha_begin": 0.1, "alpha_end": 0.1, "seed": 1}
    ids, offsets = np.zeros(4, np.int32), np.array([0, 4])
    kernel, _ = make_pair(sentences, counts, 8, choose_target(), centres=65)
    with pytest.raises(ValueError, match="centres must be in"):
        kernel.train(ids, offsets, **arguments)
    kernel, _ = make_pair(sentences, counts, 8, choose_target())
    with pytest.raises(ValueError, match="run past word_ids"):
        kernel.train(ids, np.array([0, 5]), **arguments)
