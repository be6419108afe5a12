"""Hierarchical softmax in the kernels of word vectors: against float64, by every instruction set, on every tree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import SkipgramReference, expected_pairs, numerical_gradient
from reference_paths import CbowPathsReference, PathsReference, SkipgramPathsReference
from vastmax import tree
from vastmax.kernels.embedding_kernel import CbowKernel, SkipgramKernel
from vastmax.kernels.embedding_tables import TreePaths, kept_counts, visits_per_exchange
from vastmax.kernels.machine import choose_target


def make_text(V, num_sentences, longest, seed=0):
    """Zipf-like sentences with words out of vocabulary; some are empty or of one word."""
    random = np.random.default_rng(seed)
    lengths = random.integers(0, longest + 1, num_sentences)
    sentences = [np.minimum(random.zipf(1.3, n) - 1, V + 2).astype(np.int32) for n in lengths]
    counts = np.bincount(np.concatenate([*sentences, np.arange(V)]), minlength=V)[:V].astype(np.int64)
    return sentences, counts


def paths_of(a_tree):
    return TreePaths(a_tree.path_offsets, a_tree.path_edges, a_tree.num_nodes)


def path_lists(a_tree):
    paths = (a_tree.path(word) for word in range(a_tree.vocab_size))
    return [list(zip(path.nodes, path.branches, strict=True)) for path in paths]


def chain(V):
    """The tree of counts 2^k, as deep as any: word w hangs on node w."""
    edges = np.array([[~w, w + 1] for w in range(V - 1)])
    edges[-1, 1] = ~(V - 1)
    return tree.Tree.from_links(edges.reshape(-1), np.full(V - 1, 2))


def largest_group(target):
    return 4 if target == "baseline" else 5


def randomise(kernel, D, seed=0, spread=0.3):
    random = np.random.default_rng(seed)
    for matrix in kernel.matrices.values():
        matrix[:, :D] = random.normal(0, spread, (len(matrix), D))


def make_pair(counts, D, target, a_tree, *, window=3, sample=1e-2):
    """A kernel and its float64 twin on the same random matrices."""
    kernel = SkipgramKernel(
        counts, D, window=window, negative=0, sample=sample, ns_exponent=0.75, paths=paths_of(a_tree), target=target
    )
    randomise(kernel, D)
    paths = PathsReference(kernel.nodes[:, :D].astype(np.float64), path_lists(a_tree), largest_group(target))
    return kernel, SkipgramPathsReference(kernel.words[:, :D].astype(np.float64), paths, kernel.tables.keep, window)


def run(kernel, sentences, alpha_begin=0.05, alpha_end=0.01, seed=7):
    ids = np.concatenate([np.zeros(0, np.int32), *sentences])
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sentences])]).astype(np.int64)
    return kernel.train(ids, offsets + 1000, alpha_begin=alpha_begin, alpha_end=alpha_end, seed=seed)


def check_equal(kernel, twin, sentences, *, alpha=(0.05, 0.01), atol=5e-5):
    result = run(kernel, sentences, *alpha)
    twin.train([s.tolist() for s in sentences], *alpha, seed=7)
    D = twin.words_matrix.shape[1]
    assert (result.words, result.kept, result.predictions) == (twin.words, twin.kept, twin.predictions)
    assert result.loss == pytest.approx(twin.paths.loss, rel=1e-5)
    np.testing.assert_allclose(kernel.words[:, :D], twin.words_matrix, atol=atol)
    np.testing.assert_allclose(kernel.nodes[:, :D], twin.paths.nodes, atol=atol)
    assert not kernel.words[:, D:].any()
    assert not kernel.nodes[:, D:].any()
    return result


@pytest.mark.parametrize("D", [1, 16, 17, 40, 100, 130])
def test_skipgram_equals_the_float64_twin_including_every_update(target, D):
    sentences, counts = make_text(V=60, num_sentences=60, longest=40)
    kernel, twin = make_pair(counts, D, target, tree.huffman(counts))
    assert check_equal(kernel, twin, sentences).predictions > 500


@pytest.mark.parametrize(
    ("a_tree", "window"),
    [
        (tree.balanced(2), 3),
        (tree.huffman([5, 3, 2]), 3),
        (chain(90), 2),
        (tree.balanced(64), 40),
        (tree.random(70, seed=2), 1),
    ],
    ids=["two words", "three words", "a chain", "wide windows", "random"],
)
def test_trees_and_windows_of_every_shape_equal_the_twin(target, a_tree, window):
    V = a_tree.vocab_size
    sentences, counts = make_text(V, num_sentences=20, longest=90, seed=3)
    sentences = [np.where(np.arange(len(s)) % 3, s, V - 1).astype(np.int32) for s in sentences]  # deep paths often
    kernel, twin = make_pair(counts, 20, target, a_tree, window=window, sample=0)
    assert kernel.untrained_loss == pytest.approx(math.log(2) * (counts @ a_tree.leaf_depths) / counts.sum())
    check_equal(kernel, twin, sentences, alpha=(0.01, 0.005), atol=2e-4)


@pytest.mark.parametrize("V", [15, 40, 260])
def test_paths_of_any_length_with_the_largest_groups_of_inputs_equal_the_twin(target, V):
    """A tile holds fewer nodes the more inputs there are: scores of long paths need more room than a number an edge."""
    sentences = [(V - 1 - np.arange(24) % 7).astype(np.int32)] * 2
    kernel, twin = make_pair(np.arange(V, 0, -1), 17, target, chain(V), window=5, sample=0)
    check_equal(kernel, twin, sentences, alpha=(1e-3, 5e-4))


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    V=st.integers(2, 40),
    D=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
def test_any_shape_of_text_equals_the_twin(lengths, V, D, seed):
    random = np.random.default_rng(seed)
    sentences = [random.integers(0, V + 2, n).astype(np.int32) for n in lengths]
    counts = random.integers(1, 1000, V)
    kernel, twin = make_pair(counts, D, choose_target(), tree.huffman(counts))
    check_equal(kernel, twin, sentences, atol=1e-4)


def test_both_objectives_together_equal_their_twins_in_turn(target):
    D, window, negative = 24, 3, 4
    sentences, counts = make_text(V=60, num_sentences=150, longest=60)
    assert sum(map(len, sentences)) > 2 * 2048  # several spans
    a_tree = tree.huffman(counts)
    kernel = SkipgramKernel(
        counts,
        D,
        window=window,
        negative=negative,
        sample=0,
        ns_exponent=0.75,
        paths=paths_of(a_tree),
        pool_sizes=np.array([16], np.int32),
        target=target,
    )
    randomise(kernel, D)
    sampled = SkipgramReference(
        kernel.words[:, :D].astype(np.float64),
        kernel.outputs[:, :D].astype(np.float64),
        kernel.tables.keep,
        kernel.tables.noise.thresholds,
        kernel.tables.noise.words,
        window,
        negative,
        [16],
        kernel.centres,
    )
    nodes = PathsReference(kernel.nodes[:, :D].astype(np.float64), path_lists(a_tree), largest_group(target))
    walked = SkipgramPathsReference(sampled.centre, nodes, kernel.tables.keep, window)  # one matrix of word vectors
    sampled.after_segment = walked.segment
    result = run(kernel, sentences, 0.02, 0.01)
    sampled.train([s.tolist() for s in sentences], 0.02, 0.01, seed=7)
    assert result.predictions == sampled.predictions == walked.predictions
    assert result.loss == pytest.approx(sampled.loss + nodes.loss, rel=1e-5)
    np.testing.assert_allclose(kernel.words[:, :D], sampled.centre, atol=1e-4)
    np.testing.assert_allclose(kernel.outputs[:, :D], sampled.context, atol=1e-4)
    np.testing.assert_allclose(kernel.nodes[:, :D], nodes.nodes, atol=1e-4)
    expected = (1 + negative) * math.log(2) + math.log(2) * (counts @ a_tree.leaf_depths) / counts.sum()
    assert kernel.untrained_loss == pytest.approx(expected)


def make_cbow(counts, D, target, a_tree, *, negative=0, gradient="exact", centres=16, window=3, sample=1e-2):
    """A CBOW kernel and its float64 twin on the same random matrices."""
    pool_size = 16 if negative else 0
    kernel = CbowKernel(
        counts,
        D,
        window=window,
        negative=negative,
        sample=sample,
        ns_exponent=0.75,
        gradient=gradient,
        paths=paths_of(a_tree),
        centres=centres,
        pool_size=pool_size,
        target=target,
    )
    randomise(kernel, D)
    twin = CbowPathsReference(
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
        paths=PathsReference(kernel.nodes[:, :D].astype(np.float64), path_lists(a_tree), largest_group(target)),
    )
    return kernel, twin


def check_cbow_equal(kernel, twin, sentences, *, alpha=(0.05, 0.01), atol=5e-5):
    result = run(kernel, sentences, *alpha)
    twin.train([s.tolist() for s in sentences], *alpha, seed=7)
    D = twin.input.shape[1]
    assert (result.words, result.kept, result.predictions) == (twin.words, twin.kept, twin.predictions)
    assert result.loss == pytest.approx(twin.loss + twin.paths.loss, rel=1e-5)
    np.testing.assert_allclose(kernel.words[:, :D], twin.input, atol=atol)
    np.testing.assert_allclose(kernel.outputs[:, :D], twin.output, atol=atol)
    np.testing.assert_allclose(kernel.nodes[:, :D], twin.paths.nodes, atol=atol)
    return result


@pytest.mark.parametrize("negative", [0, 4], ids=["alone", "and negative sampling"])
@pytest.mark.parametrize("gradient", ["exact", "word2vec"])
@pytest.mark.parametrize("D", [1, 17, 100])
def test_cbow_equals_the_float64_twin_including_every_update(target, negative, gradient, D):
    sentences, counts = make_text(V=60, num_sentences=60, longest=40)
    kernel, twin = make_cbow(counts, D, target, tree.huffman(counts), negative=negative, gradient=gradient)
    assert check_cbow_equal(kernel, twin, sentences).predictions > 200


@pytest.mark.parametrize(
    ("a_tree", "window", "centres"), [(tree.balanced(2), 3, 1), (chain(90), 2, 16), (tree.balanced(64), 40, 13)]
)
def test_cbow_on_trees_and_windows_of_every_shape_equals_the_twin(target, a_tree, window, centres):
    sentences, counts = make_text(a_tree.vocab_size, num_sentences=20, longest=90, seed=3)
    kernel, twin = make_cbow(counts, 20, target, a_tree, window=window, centres=centres, sample=0)
    check_cbow_equal(kernel, twin, sentences, atol=2e-4)
    assert kernel.untrained_loss == pytest.approx(math.log(2) * (counts @ a_tree.leaf_depths) / counts.sum())


def test_a_small_step_moves_against_the_numerical_gradient_of_the_documented_loss():
    """With a tiny rate, what the kernel adds is −alpha · d Σ −log p(centre | context)."""
    V, D, alpha = 12, 5, 1e-3
    sentences = [np.arange(12, dtype=np.int32)]
    counts = np.arange(V, 0, -1)
    kernel, twin = make_pair(counts, D, choose_target(), tree.huffman(counts), window=2, sample=0)
    words, nodes = twin.words_matrix.copy(), twin.paths.nodes.copy()
    twin.train([sentences[0].tolist()], alpha, alpha, seed=3)
    at_start = PathsReference(nodes, twin.paths.paths, 5)

    def loss():
        return sum(at_start.word_loss(centre, words[context]) for centre, context in twin.pairs)

    gradients = [numerical_gradient(loss, matrix) for matrix in (words, nodes)]
    run(kernel, sentences, alpha, alpha, seed=3)
    for matrix, start, gradient in zip((kernel.words, kernel.nodes), (words, nodes), gradients, strict=True):
        np.testing.assert_allclose((matrix[:, :D] - start) / alpha, -gradient, atol=3e-2)
        assert np.abs(gradient).max() > 0.5


def test_branch_one_is_the_likelier_the_larger_the_score():
    """The convention of `vastmax.output.Hierarchical`; word2vec's is the opposite."""
    kernel, _ = make_pair(np.array([5, 3]), 4, choose_target(), tree.balanced(2), window=1, sample=0)
    kernel.words[:, :4], kernel.nodes[:, :4] = [[1, 0, 0, 0], [2, 0, 0, 0]], [[1, 0, 0, 0]]
    # Word 0 is predicted from 1 (score 2) and hangs on branch 0; word 1 from 0 (score 1) on branch 1.
    loss = run(kernel, [np.array([0, 1], np.int32)], 1e-9, 1e-9).loss
    assert loss == pytest.approx(math.log(1 + math.exp(2)) + math.log(1 + math.exp(-1)), rel=1e-6)


def test_loss_and_gradient_hold_where_float_exponentials_overflow(target):
    """Scores of ±1000: no table, no clipping, no NaN; saturated decisions are still corrected."""
    kernel, twin = make_pair(np.array([5, 5]), 4, target, tree.balanced(2), window=1, sample=0)
    kernel.words[:, :4] = twin.words_matrix[:] = [[30, 10, 0, 0], [-30, 0, 10, 5]]
    kernel.nodes[:, :4] = twin.paths.nodes[:] = [[40, 0, 0, 0]]
    result = run(kernel, [np.array([0, 1, 1, 0], np.int32)], 1e-4, 1e-4)
    twin.train([[0, 1, 1, 0]], 1e-4, 1e-4, seed=7)
    assert twin.paths.loss > 1000
    assert result.loss == pytest.approx(twin.paths.loss, rel=1e-6)
    np.testing.assert_allclose(kernel.words[:, :4], twin.words_matrix, rtol=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not():
    sentences, counts = make_text(V=50, num_sentences=50, longest=30)
    results = []
    for seed in (1, 1, 2):
        kernel, _ = make_pair(counts, 32, choose_target(), tree.huffman(counts))
        run(kernel, sentences, seed=seed)
        results.append(kernel.words.tobytes() + kernel.nodes.tobytes())
    assert results[0] == results[1] != results[2]


def test_how_often_threads_exchange_the_top_of_the_tree_is_no_matter_to_one_thread():
    sentences, counts = make_text(V=50, num_sentences=50, longest=30)
    matrices = []
    for threads in (1, 2, 64):
        kernel = SkipgramKernel(
            counts,
            16,
            window=3,
            negative=0,
            sample=0,
            ns_exponent=0.75,
            paths=paths_of(tree.huffman(counts)),
            threads=threads,
        )
        randomise(kernel, 16)
        run(kernel, sentences)
        matrices.append(kernel.nodes.copy())
    for with_exchange in matrices[1:]:
        np.testing.assert_allclose(with_exchange, matrices[0], atol=1e-5)
    assert [visits_per_exchange(threads) for threads in (1, 2, 4, 64, 1000)] == [0, 32, 16, 1, 1]


def test_pairs_are_as_many_as_windows_promise_and_the_untrained_loss_is_the_mean_path():
    random = np.random.default_rng(0)
    lengths = random.integers(1, 60, 3000)
    counts = np.arange(50, 0, -1) ** 2
    words = random.choice(50, lengths.sum(), p=counts / counts.sum()).astype(np.int32)
    sentences = np.split(words, np.cumsum(lengths)[:-1])
    kernel = SkipgramKernel(
        counts, 16, window=5, negative=0, sample=0, ns_exponent=0.75, paths=paths_of(tree.huffman(counts))
    )
    result = run(kernel, sentences, 1e-12, 1e-12)  # zero matrices: every decision is a coin's
    assert result.predictions == pytest.approx(expected_pairs(lengths, 5), rel=0.005)
    assert result.loss / result.predictions == pytest.approx(kernel.untrained_loss, rel=0.01)
    assert kernel.matrices.keys() == {"word_vectors", "node_vectors"}


def test_kept_counts_are_what_subsampling_leaves():
    counts = np.array([9000, 900, 100])
    keep = np.array([2**31 - 1, 2**32 - 1, 2**32 - 1], dtype=np.uint32)
    assert kept_counts(counts, keep).tolist() == [4500, 900, 100]


@pytest.mark.parametrize(
    ("offsets", "edges", "num_nodes", "message"),
    [
        ([0, 0, 2], [0, 1], 1, "a path has no edge"),
        ([0, 1, 3], [0, 1], 1, "must cover the edges"),
        ([0, 1, 2**40], [0, 1], 1, "must cover the edges"),
        ([0, 2], [0, 1], 1, r"path_offsets has the shape \(2,\), expected \(3,\)"),
        ([0, 1, 2], [1, 2], 1, "an edge is not in the tree"),
        ([0, 1, 2], [-1, 0], 1, "an edge is not in the tree"),
    ],
)
def test_paths_that_lead_out_of_the_arrays_are_refused(offsets, edges, num_nodes, message):
    def kernel(paths):
        return SkipgramKernel(np.array([2, 1]), 4, window=1, negative=0, sample=0, ns_exponent=1, paths=paths)

    kernel(TreePaths(np.array([0, 1, 2]), np.array([0, 1], np.int32), 1))
    with pytest.raises(ValueError, match=message):
        kernel(TreePaths(np.array(offsets), np.array(edges, np.int32), num_nodes))
