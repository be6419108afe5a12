"""Subwords in the kernels of word vectors: against float64, on every instruction set; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from reference import CbowReference, SkipgramReference, SubwordMeans
from reference_paths import CbowPathsReference, PathsReference, SkipgramPathsReference
from vastmax import tree
from vastmax.kernels.embedding_kernel import CbowKernel, SkipgramKernel, subword_segment
from vastmax.kernels.embedding_tables import InputRows, TreePaths

V, EXTRA, WINDOW, CENTRES = 50, 23, 3, 8
COMMON = {"window": WINDOW, "sample": 1e-2, "ns_exponent": 0.75, "centres": CENTRES}


@pytest.fixture(scope="module")
def text():
    """Sentences of words whose counts fall, some out of vocabulary."""
    random = np.random.default_rng(0)
    sentences = [np.minimum(random.zipf(1.3, n) - 1, V + 2).astype(np.int32) for n in random.integers(0, 40, 50)]
    counts = np.bincount(np.concatenate([*sentences, np.arange(V)]), minlength=V)[:V].astype(np.int64)
    return sentences, counts


def draw_rows(seed=0):
    """Each word's own row, and up to five of n-grams, which may come twice."""
    random = np.random.default_rng(seed)
    of_word = [[w, *(V + random.integers(0, EXTRA, random.integers(0, 6))).tolist()] for w in range(V)]
    offsets = np.cumsum([0, *map(len, of_word)])
    return of_word, InputRows(offsets, np.concatenate(of_word).astype(np.int32), V + EXTRA)


def paths_to(counts, largest_group):
    a_tree = tree.huffman(counts)
    paths = (a_tree.path(word) for word in range(V))
    lists = [list(zip(path.nodes, path.branches, strict=True)) for path in paths]
    native = TreePaths(a_tree.path_offsets, a_tree.path_edges, a_tree.num_nodes)
    return native, lambda nodes: PathsReference(nodes.astype(np.float64), lists, largest_group)


def randomise(kernel, D):
    random = np.random.default_rng(1)
    for matrix in kernel.matrices.values():
        matrix[:, :D] = random.normal(0, 0.3, (len(matrix), D))


def tables(kernel):
    return kernel.tables.keep, kernel.tables.noise.thresholds, kernel.tables.noise.words


def run(kernel, twin, sentences):
    ids = np.concatenate(sentences)
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in sentences])]).astype(np.int64)
    result = kernel.train(ids, offsets, alpha_begin=0.03, alpha_end=0.01, seed=7)
    twin.train([s.tolist() for s in sentences], 0.03, 0.01, seed=7)
    assert (result.words, result.kept, result.predictions) == (twin.words, twin.kept, twin.predictions)
    assert result.predictions > 200
    return result


def assert_rows_equal(kernel, means, D):
    np.testing.assert_allclose(kernel.words[:, :D], means.rows, atol=1e-4)
    assert not kernel.words[:, D:].any()
    assert [len(kernel.matrices[name]) for name in ("word_rows", "ngram_rows")] == [V, EXTRA]


@pytest.mark.parametrize(("D", "segment"), [(1, 8), (17, 1000), (100, 16), (300, 64)])
def test_skipgram_equals_the_float64_twin_including_every_update(target, text, D, segment):
    sentences, counts = text
    of_word, rows = draw_rows()
    pools = np.array([16], np.int32)
    kernel = SkipgramKernel(
        counts, D, negative=5, pool_sizes=pools, subwords=rows, segment=segment, target=target, **COMMON
    )
    randomise(kernel, D)
    means = SubwordMeans(kernel.words[:, :D].astype(np.float64), of_word, segment)
    outputs = kernel.outputs[:, :D].astype(np.float64)
    twin = SkipgramReference(np.zeros((V, D)), outputs, *tables(kernel), WINDOW, 5, [16], CENTRES, subwords=means)
    before = means.rows.copy()
    result = run(kernel, twin, sentences)
    assert result.loss == pytest.approx(twin.loss, rel=1e-5)
    assert_rows_equal(kernel, means, D)
    np.testing.assert_allclose(kernel.outputs[:, :D], twin.context, atol=1e-4)
    assert np.abs(means.rows - before).max() > 0.1


@pytest.mark.parametrize("gradient", ["exact", "word2vec"])
def test_cbow_equals_the_float64_twin_including_every_update(target, text, gradient):
    sentences, counts = text
    of_word, rows = draw_rows()
    D, segment = 40, 16
    kernel = CbowKernel(
        counts,
        D,
        negative=5,
        pool_size=16,
        gradient=gradient,
        subwords=rows,
        segment=segment,
        target=target,
        **COMMON,
    )
    randomise(kernel, D)
    means = SubwordMeans(kernel.words[:, :D].astype(np.float64), of_word, segment)
    outputs = kernel.outputs[:, :D].astype(np.float64)
    twin = CbowReference(np.zeros((V, D)), outputs, *tables(kernel), WINDOW, 5, 16, CENTRES, gradient, subwords=means)
    result = run(kernel, twin, sentences)
    assert result.loss == pytest.approx(twin.loss, rel=1e-5)
    assert_rows_equal(kernel, means, D)
    np.testing.assert_allclose(kernel.outputs[:, :D], twin.output, atol=1e-4)


def test_paths_of_skipgram_alone_and_beside_noise_words_equal_their_twins(target, text):
    sentences, counts = text
    of_word, rows = draw_rows()
    D, segment = 24, 16
    paths, twin_of = paths_to(counts, 4 if target == "baseline" else 5)
    for negative in (0, 4):
        pools = np.array([16] * (negative > 0), np.int32)
        options = {"pool_sizes": pools, "subwords": rows, "segment": segment, "paths": paths, "target": target}
        kernel = SkipgramKernel(counts, D, negative=negative, **options, **COMMON)
        randomise(kernel, D)
        means = SubwordMeans(kernel.words[:, :D].astype(np.float64), of_word, segment)
        nodes, vectors = twin_of(kernel.nodes[:, :D]), np.zeros((V, D))
        walked = SkipgramPathsReference(vectors, nodes, kernel.tables.keep, WINDOW, subwords=means)
        twin = walked
        if negative:
            outputs = kernel.outputs[:, :D].astype(np.float64)
            twin = SkipgramReference(vectors, outputs, *tables(kernel), WINDOW, negative, [16], CENTRES, subwords=means)
            twin.after_segment = walked.segment
        result = run(kernel, twin, sentences)
        assert result.loss == pytest.approx(nodes.loss + (twin.loss if negative else 0), rel=1e-5)
        assert_rows_equal(kernel, means, D)
        np.testing.assert_allclose(kernel.nodes[:, :D], nodes.nodes, atol=1e-4)


def test_paths_of_cbow_equal_the_float64_twin(target, text):
    sentences, counts = text
    of_word, rows = draw_rows()
    D, segment = 24, 16
    paths, twin_of = paths_to(counts, 4 if target == "baseline" else 5)
    kernel = CbowKernel(counts, D, negative=0, subwords=rows, segment=segment, paths=paths, target=target, **COMMON)
    randomise(kernel, D)
    means = SubwordMeans(kernel.words[:, :D].astype(np.float64), of_word, segment)
    nodes = twin_of(kernel.nodes[:, :D])
    twin = CbowPathsReference(
        np.zeros((V, D)), np.zeros((0, D)), *tables(kernel), WINDOW, 0, 0, CENTRES, subwords=means, paths=nodes
    )
    result = run(kernel, twin, sentences)
    assert result.loss == pytest.approx(nodes.loss, rel=1e-5)
    assert_rows_equal(kernel, means, D)


def test_words_without_ngrams_learn_what_they_learn_without_subwords_where_each_segment_is_a_block(text):
    """One row a word: means are the rows themselves, and adding up in another order is all that differs."""
    sentences, counts = text
    alone = InputRows(np.arange(V + 1), np.arange(V, dtype=np.int32), V)
    kernels = [SkipgramKernel(counts, 20, negative=5, subwords=rows, **COMMON) for rows in (None, alone)]
    ids, offsets = np.concatenate(sentences), np.cumsum([0, *map(len, sentences)])
    for kernel in kernels:
        randomise(kernel, 20)
        kernel.train(ids, offsets, alpha_begin=0.03, alpha_end=0.01, seed=7)
    np.testing.assert_allclose(kernels[0].words, kernels[1].words, atol=1e-5)


def test_crowding_is_the_share_of_a_words_rows_that_the_next_word_has_too():
    # Word 0 has rows 0, 3, 4; word 1 has 1, 3; word 2 has 2.
    rows = InputRows(np.array([0, 3, 5, 6]), np.array([0, 3, 4, 1, 3, 2], np.int32), 5)
    law = np.array([0.5, 0.25, 0.25])
    of_row = {3: 0.75, 4: 0.5}
    expected = 0.5 * (of_row[3] + of_row[4]) / 3 + 0.25 * of_row[3] / 2
    assert rows.crowding(law * 8) == pytest.approx(expected)
    assert InputRows.none().crowding(law) == 0.0


def test_a_segment_is_whole_blocks_and_the_shorter_the_more_words_share(text):
    _, counts = text
    kernel = SkipgramKernel(counts, 4, negative=5, **COMMON)
    alone = InputRows(np.arange(V + 1), np.arange(V, dtype=np.int32), V)
    all_one = InputRows(
        np.arange(0, 2 * V + 1, 2), np.stack([np.arange(V), np.full(V, V)], 1).ravel().astype(np.int32), V + 1
    )
    far, near = (subword_segment(rows, kernel.tables, CENTRES) for rows in (alone, all_one))
    assert far % CENTRES == near % CENTRES == 0
    assert far > near == CENTRES
    assert subword_segment(None, kernel.tables, CENTRES) == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": np.array([0, 1, 2, 7], np.int32)}, "not in the matrix"),
        ({"rows": np.array([0, 1, 2, -1], np.int32)}, "not in the matrix"),
        ({"offsets": np.array([0, 1, 2, 5])}, "must cover the rows"),
        ({"offsets": np.array([0, 2, 2, 4])}, "a word has no row"),
        ({"offsets": np.array([0, 2, 4])}, "expected"),
        ({"segment": 0}, "must have a centre"),
    ],
)
def test_rows_that_do_not_fit_are_refused(wrong, message):
    good = {"offsets": np.array([0, 1, 2, 4]), "rows": np.array([0, 1, 2, 5], np.int32), "segment": 8}
    given = {**good, **wrong}
    options = {"window": 2, "negative": 1, "sample": 0, "ns_exponent": 0.75}
    SkipgramKernel(np.array([3, 2, 1]), 4, subwords=InputRows(good["offsets"], good["rows"], 6), segment=8, **options)
    rows = InputRows(given["offsets"], given["rows"], 6)
    with pytest.raises(ValueError, match=message):
        SkipgramKernel(np.array([3, 2, 1]), 4, subwords=rows, segment=given["segment"], **options)
