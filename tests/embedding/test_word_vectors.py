"""Look-up and search, against brute force in float64."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vastmax.embedding import WordVectors, train_embeddings
from vastmax.embedding import cosine as cosine_module
from vastmax.embedding.cosine import row_norms, top_ids
from vastmax.errors import InputError, UnknownWordError


def made(V: int, D: int, seed: int = 0) -> WordVectors:
    vectors = np.random.default_rng(seed).normal(size=(V, D)).astype(np.float32)
    return WordVectors([f"w{i}" for i in range(V)], vectors)


def unit(v: WordVectors) -> np.ndarray:
    return v.vectors.astype(np.float64) / np.linalg.norm(v.vectors.astype(np.float64), axis=1, keepdims=True)


def brute(v: WordVectors, scores: np.ndarray, without: set[str], topn: int) -> list[str]:
    order = sorted(range(len(v)), key=lambda word_id: -scores[word_id])
    return [v.index_to_key[word_id] for word_id in order if v.index_to_key[word_id] not in without][:topn]


def names(found: list[tuple[str, float]]) -> list[str]:
    return [word for word, _ in found]


class TestLookUp:
    def test_rows_and_ids(self) -> None:
        v = made(5, 3)
        assert len(v) == 5
        assert v.vector_size == 3
        assert v.index_to_key[v.key_to_index["w3"]] == "w3"
        assert np.array_equal(v["w3"], v.vectors[3])
        assert np.array_equal(v[["w4", "w0"]], v.vectors[[4, 0]])
        assert v[[]].shape == (0, 3)
        assert "w1" in v
        assert "x" not in v
        assert 3 not in v
        assert list(v) == v.index_to_key
        assert repr(v) == "WordVectors(5 words × 3)"

    def test_the_matrix_is_not_copied(self) -> None:
        padded = np.zeros((4, 16), dtype=np.float32)
        v = WordVectors(list("abcd"), padded[:, :10])
        assert np.shares_memory(v.vectors, padded)
        assert np.shares_memory(v["b"], padded)

    def test_an_unknown_word_names_its_neighbours_in_spelling(self) -> None:
        v = WordVectors(["queen", "king", "paris"], np.eye(3))
        with pytest.raises(UnknownWordError, match=r"^'quen' is not among the 3 words; nearest spellings: queen$"):
            v["quen"]
        with pytest.raises(KeyError, match="no word is spelled like it"):
            v["xyzzy"]
        with pytest.raises(UnknownWordError, match="but 'paris' is; the words may have been lower-cased"):
            v.most_similar("Paris")

    def test_what_is_no_word(self) -> None:
        v = made(3, 2)
        with pytest.raises(InputError, match=r"1 is not .* the word '1', and not for a row"):
            v[[1]]
        with pytest.raises(InputError, match="a word is a string, not"):
            v.word_id(["w1"])  # type: ignore[arg-type]


class TestConstruction:
    @pytest.mark.parametrize(
        ("words", "vectors", "options", "message"),
        [
            (["a", "b"], np.ones((3, 2)), {}, "2 words for 3 vectors"),
            (["a", "b", "a"], np.ones((3, 2)), {}, "'a' is given for row 0 and row 2"),
            ([], np.ones((0, 2)), {}, "at least one word and one dimension"),
            (["a"], np.ones((1, 0)), {}, "at least one word and one dimension"),
            (["a"], np.ones(1), {}, "expected numbers in 2 dimensions"),
            (["a"], np.array([["x"]]), {}, "expected numbers in 2 dimensions"),
            (["a"], np.ones((1, 2)), {"counts": [1, 2]}, r"expected \(1,\) whole numbers"),
            (["a"], np.ones((1, 2)), {"counts": [1.5]}, r"expected \(1,\) whole numbers"),
            (["a"], np.ones((1, 2)), {"counts": [-1]}, "whole numbers ≥ 0"),
            (["a"], np.ones((1, 2)), {"output_vectors": np.ones((1, 3))}, "are 3 wide and vectors 2"),
            (["a"], np.ones((1, 2)), {"training": {"f": print}}, "cannot be written as JSON"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, words: list, vectors: np.ndarray, options: dict, message: str) -> None:
        with pytest.raises(InputError, match=message):
            WordVectors(words, vectors, **options)

    def test_hierarchical_output_vectors_have_one_row_less(self) -> None:
        v = WordVectors(["a", "b"], np.ones((2, 3)), output_vectors=np.ones((1, 3)))
        assert v.output_vectors is not None
        assert v.output_vectors.shape == (1, 3)


class TestMostSimilar:
    @pytest.mark.parametrize("restrict_vocab", [None, 1, 40, 1000])
    def test_equals_brute_force(self, restrict_vocab: int | None) -> None:
        v = made(300, 7)
        u = unit(v)
        query = u[5] + u[200] - 0.5 * u[7] - u[9]
        scores = u @ (query / np.linalg.norm(query))
        if restrict_vocab:
            scores[restrict_vocab:] = -np.inf
        found = v.most_similar(["w5", "w200"], [("w7", -0.5), "w9"], topn=20, restrict_vocab=restrict_vocab)
        wanted = [w for w in brute(v, scores, {"w5", "w200", "w7", "w9"}, 20) if scores[v.word_id(w)] > -np.inf]
        assert names(found) == wanted
        assert np.allclose([score for _, score in found], [scores[v.word_id(w)] for w in wanted], atol=1e-6)

    def test_forms_of_a_query(self) -> None:
        v = made(50, 6)
        expected = v.most_similar(["w3"])
        assert v.most_similar("w3") == expected
        assert v.most_similar(("w3", 2.5)) == expected
        assert v.most_similar(positive=None, negative=[("w3", 1.0)]) == expected
        by_vector = v.most_similar(v["w3"], topn=11)
        assert by_vector[0][0] == "w3"  # a vector is not a word, so nothing is left out
        assert names(by_vector[1:]) == names(expected)
        assert names(v.most_similar(v.vectors[3:5])) == names(v.most_similar([v["w3"], v["w4"]]))
        assert names(v.most_similar([(v["w3"], 1), "w4"])) == names(v.most_similar([v["w3"], "w4"]))

    def test_more_than_there_are(self) -> None:
        v = made(4, 3)
        assert sorted(names(v.most_similar("w1", topn=100))) == ["w0", "w2", "w3"]
        assert v.most_similar("w1", topn=0) == []
        assert made(1, 3).most_similar("w0") == []

    def test_equal_scores_go_by_word_order(self) -> None:
        v = WordVectors(list("abcdef"), np.ones((6, 2)))
        assert names(v.most_similar("c", topn=3)) == ["a", "b", "d"]

    def test_zero_vectors_have_cosine_zero(self) -> None:
        v = WordVectors(["a", "zero", "b", "c"], [[1, 0], [0, 0], [-1, 0], [1, 1]])
        assert v.most_similar("a", topn=3) == [("c", pytest.approx(0.5**0.5)), ("zero", 0.0), ("b", -1.0)]
        assert v.similarity("a", "zero") == 0.0
        assert v.similarity("zero", "zero") == 0.0

    @pytest.mark.parametrize(
        ("positive", "negative", "message"),
        [
            (None, None, "nothing to search for"),
            ([], [], "nothing to search for"),
            ("zero", None, "so it has no direction"),
            ("a", "a", "so it has no direction"),
            (("a", 0.0), None, "so it has no direction"),
            (np.ones(3), None, r"shape \(3,\); expected \(2,\)"),
            (np.array([1.0, np.nan]), None, "a query vector contains a NaN"),
            ([3], None, "a query holds 3; expected a word"),
            (("a", np.inf), None, "weight is a NaN or an infinity"),
        ],
    )
    def test_queries_without_an_answer(self, positive: object, negative: object, message: str) -> None:
        v = WordVectors(["a", "zero"], [[1, 2], [0, 0]])
        with pytest.raises(InputError, match=message):
            v.most_similar(positive, negative)  # type: ignore[arg-type]

    def test_options_out_of_range(self) -> None:
        v = made(3, 2)
        with pytest.raises(InputError, match="topn is -1"):
            v.most_similar("w1", topn=-1)
        with pytest.raises(InputError, match="topn is None"):
            v.most_similar("w1", topn=None)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="restrict_vocab is 0"):
            v.most_similar("w1", restrict_vocab=0)

    def test_vectors_that_are_not_finite(self) -> None:
        v = WordVectors(["a", "b", "c"], [[1, 2], [np.nan, 0], [np.inf, 1]])
        with pytest.raises(InputError, match=r"'b' \(row 1\) holds a NaN or an infinity, as do 1 others"):
            v.most_similar("a")

    def test_extreme_lengths_do_not_overflow(self) -> None:
        v = WordVectors(["long", "longer", "short", "other"], [[1e30, 1e30], [3e30, 3e30], [1e-30, 1e-30], [-1, 1]])
        assert [score for _, score in v.most_similar("long")] == pytest.approx([1, 1, 0], abs=1e-6)
        assert v.similarity("long", "short") == pytest.approx(1)


def test_a_search_among_given_words() -> None:
    v = made(60, 5)
    among = ["w40", "w3", "w59", "w3", "w7"]
    everything = [pair for pair in v.most_similar("w3", topn=59) if pair[0] in among]
    found = v.most_similar("w3", restrict_vocab=among)
    assert names(found) == names(everything)
    assert [score for _, score in found] == pytest.approx([score for _, score in everything])
    assert names(v.neighbours(["w3", "w1"], restrict_vocab=tuple(among))[0]) == names(found)
    assert set(names(v.neighbours(["w1"], restrict_vocab=among)[0])) == set(among)
    for method in ("3cosadd", "3cosmul"):
        all_words = names(v.analogy("w1", "w2", "w3", topn=60, method=method))  # type: ignore[arg-type]
        limited = names(v.analogy("w1", "w2", "w3", method=method, restrict_vocab=among))  # type: ignore[arg-type]
        assert limited == [word for word in all_words if word in among]
    with pytest.raises(InputError, match="'wx' is not among"):
        v.most_similar("w3", restrict_vocab=["wx"])
    with pytest.raises(InputError, match="restrict_vocab is an empty list; expected at least one word"):
        v.most_similar("w3", restrict_vocab=[])


def test_items_that_are_whole_numbers_are_words() -> None:
    v = WordVectors([1071, np.int64(7), "milk"], np.eye(3))
    assert v.index_to_key == ["1071", "7", "milk"]
    assert 1071 in v
    assert 0 not in v
    assert True not in v
    assert np.array_equal(v[7], v["7"])
    assert np.array_equal(v[[7, "milk"]], v.vectors[1:])
    assert v.similarity(1071, 7) == 0.0  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "int64"])
def test_tensors_are_taken_as_they_are(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    matrix = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    weight = torch.nn.Parameter(matrix) if matrix.is_floating_point() else matrix
    v = WordVectors(["a", "b"], weight, output_vectors=weight)
    assert np.array_equal(v.vectors, np.arange(6).reshape(2, 3))
    if dtype == "float32":
        assert np.shares_memory(v.vectors, weight.detach().numpy())
    with pytest.raises(InputError, match="vectors are a tensor on the meta device"):
        WordVectors(["a"], torch.ones(1, 2, device="meta"))


def test_names_of_gensim_are_answered() -> None:
    v = made(3, 2)
    with pytest.raises(AttributeError, match=r"no attribute 'wv'; .* these are the vectors themselves: leave \.wv out"):
        v.wv  # noqa: B018
    with pytest.raises(AttributeError, match=r"'WordVectors' object has no attribute 'nonsense'$"):
        v.nonsense  # noqa: B018
    with pytest.raises(InputError, match="workers is gensim's name; for train_embeddings write threads"):
        train_embeddings([["a", "b"]], workers=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="nonsense"):
        train_embeddings([["a", "b"]], nonsense=3)  # type: ignore[call-arg]


class TestNeighbours:
    @pytest.mark.parametrize("restrict_vocab", [None, 30])
    def test_equals_one_query_at_a_time(self, restrict_vocab: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
        v = made(120, 5)
        words = ["w7", "w119", "w7", "w0"]
        expected = [v.most_similar(word, topn=8, restrict_vocab=restrict_vocab) for word in words]
        for tile_numbers in (1 << 22, 64):
            monkeypatch.setattr(cosine_module, "_TILE_NUMBERS", tile_numbers)
            found = v.neighbours(words, topn=8, restrict_vocab=restrict_vocab)
            assert [names(one) for one in found] == [names(one) for one in expected]
            for one, other in zip(found, expected, strict=True):
                assert np.allclose([s for _, s in one], [s for _, s in other], atol=1e-6)

    def test_edges(self) -> None:
        v = WordVectors(["a", "zero"], [[1, 2], [0, 0]])
        assert v.neighbours([]) == []
        assert v.neighbours(["a"], topn=5) == [[("zero", 0.0)]]
        with pytest.raises(InputError, match="the vector of 'zero' is zero"):
            v.neighbours(["a", "zero"])
        with pytest.raises(InputError, match="expected a list of words; for the single word"):
            v.neighbours("a")


class TestAnalogy:
    def test_additive_equals_brute_force(self) -> None:
        v = made(200, 6)
        u = unit(v)
        scores = u @ u[1] + u @ u[2] - u @ u[0]
        assert names(v.analogy("w0", "w1", "w2", topn=5)) == brute(v, scores, {"w0", "w1", "w2"}, 5)

    def test_multiplicative_equals_brute_force(self) -> None:
        v = made(200, 6)
        u = unit(v)
        near = (1 + u @ u[:3].T) / 2
        scores = near[:, 1] * near[:, 2] / (near[:, 0] + 1e-6)
        found = v.analogy("w0", "w1", "w2", topn=5, method="3cosmul", restrict_vocab=100)
        scores[100:] = -np.inf
        assert names(found) == brute(v, scores, {"w0", "w1", "w2"}, 5)
        assert found[0][1] == pytest.approx(scores[v.word_id(found[0][0])], rel=1e-5)

    def test_an_unknown_method(self) -> None:
        with pytest.raises(InputError, match="expected '3cosadd' or '3cosmul'"):
            made(4, 2).analogy("w0", "w1", "w2", method="cosmul")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda v: v[None], "expected a word or a list of words, not None"),
        (lambda v: v[0], "0 is not among the 5 words; a number stands for the word '0', and not for a row"),
        (lambda v: v.neighbours(None), "expected a word or a list of words, not None"),
        (lambda v: v.most_similar(3), "a query is 3; expected a word"),
        (
            lambda v: v.most_similar("w1", restrict_vocab="3"),
            "restrict_vocab is '3'; expected a whole number of at least 1 .or a list of words",
        ),
        (
            lambda v: v.most_similar("w1", restrict_vocab=2.5),
            r"restrict_vocab is 2\.5; expected a whole number of at least 1",
        ),
        (lambda v: v.doesnt_match(None), "doesnt_match got None; it needs a list"),
    ],
)
def test_questions_of_the_wrong_type_are_told_so(ask: Callable[[WordVectors], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(made(5, 3))


def test_words_may_come_from_anything_that_iterates() -> None:
    v = made(5, 3)
    assert np.array_equal(v[(f"w{i}" for i in (1, 3))], v.vectors[[1, 3]])
    assert v.neighbours(word for word in ["w1"]) == v.neighbours(["w1"])
    words = ["w0", "w1", "w2"]
    assert v.doesnt_match(iter(words)) == v.doesnt_match(tuple(words)) == v.doesnt_match(words)
    assert v.doesnt_match(dict.fromkeys(words)) == v.doesnt_match(words)


def test_the_odd_one_out() -> None:
    v = WordVectors(["breakfast", "cereal", "dinner", "car"], [[1, 0.1], [1, 0.2], [0.9, 0.1], [-0.2, 1]])
    assert v.doesnt_match(["breakfast", "car", "cereal", "dinner"]) == "car"
    with pytest.raises(InputError, match="at least three words"):
        v.doesnt_match(["car", "dinner"])


def test_similarity_is_the_cosine() -> None:
    v = made(10, 4)
    u = unit(v)
    assert v.similarity("w2", "w7") == pytest.approx(u[2] @ u[7], abs=1e-7)
    assert v.similarity("w2", "w2") == 1.0


@given(arrays(np.float32, st.integers(1, 40), elements=st.sampled_from([0, 1, 2, 3, -np.inf])), st.integers(0, 50))
def test_top_ids_equal_a_stable_sort(scores: np.ndarray, topn: int) -> None:
    order = np.argsort(-scores, kind="stable")
    assert top_ids(scores, topn).tolist() == order[scores[order] > -np.inf][:topn].tolist()


def test_norms_of_a_read_only_map_take_no_copy_of_it(tmp_path: Path) -> None:
    """Peak memory of the norms of a 64 MB matrix, by tracemalloc, which numpy reports to."""
    import tracemalloc

    matrix = np.lib.format.open_memmap(tmp_path / "big.npy", mode="w+", dtype=np.float32, shape=(160_000, 100))
    matrix[::1000] = 1
    vectors = np.load(tmp_path / "big.npy", mmap_mode="r")
    tracemalloc.start()
    norms = row_norms(vectors)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert norms.sum() == pytest.approx(160 * 10)
    assert peak_bytes < 24e6


def test_the_package_opens_without_heavy_imports() -> None:
    program = (
        "import sys; from vastmax.embedding import WordVectors; v = WordVectors(['a', 'b'], [[1.0], [2.0]]); "
        "v.most_similar('a'); print([m for m in ('scipy', 'torch', 'gensim', 'safetensors', 'zstandard') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("size", [1e-30, 1e25, 3e37, 3.3e38])
def test_cosines_of_huge_and_tiny_vectors(size: float) -> None:
    """Inner products of vectors near the largest float32 overflow it; their cosines are numbers like any other."""
    usual = made(12, 30)
    usual.vectors[4] = 0.999 * usual.vectors[3]  # an inner product as large as they are
    largest = np.abs(usual.vectors).max()
    vectors = usual.vectors.copy()
    vectors[3:9] *= np.float32(size / largest)
    v = WordVectors(usual.index_to_key, vectors)
    expected = unit(usual) @ unit(usual).T
    for word_id in (0, 3, 5):
        for found in (v.most_similar(f"w{word_id}", topn=12), v.neighbours([f"w{word_id}"], topn=12)[0]):
            assert len(found) == 11
            for word, cosine in found:
                assert cosine == pytest.approx(expected[word_id, v.key_to_index[word]], abs=1e-4)
        assert v.similarity("w5", f"w{word_id}") == pytest.approx(expected[word_id, 5], abs=1e-4)
    assert np.isfinite([score for _, score in v.analogy("w3", "w4", "w0", topn=9, method="3cosmul")]).all()
    assert v.doesnt_match(["w3", "w4", "w0"]) == usual.doesnt_match(["w3", "w4", "w0"])
