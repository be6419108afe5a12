"""Vectors made of n-grams: words never seen, training, files, and going on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from reference_subwords import buckets
from vastmax.embedding import SubwordRows, Subwords, SubwordVectors, WordVectors, train_embeddings
from vastmax.errors import InputError, UnknownWordError
from vastmax.files.checksum import DamagedFileError

WORDS = ["walking", "walked", "talking", "talked", "the"]
SIZES = (3, 5, 200)
SMALL = {"vector_size": 12, "min_count": 1, "sample": 0, "threads": 1, "epochs": 2, "max_n": 5, "bucket": 5000}


def made() -> SubwordVectors:
    """Random rows, one for every bucket."""
    random = np.random.default_rng(0)
    rows = SubwordRows(
        Subwords(*SIZES),
        random.normal(size=(5, 8)).astype(np.float32),
        random.normal(size=(200, 8)).astype(np.float32),
    )
    return SubwordVectors(WORDS, None, subwords=rows, counts=[5, 4, 3, 2, 1])


def sentences(seed: int = 0) -> list[list[str]]:
    """Names and verbs, whose endings tell them apart."""
    random = np.random.default_rng(seed)
    stems, names = ["walk", "talk", "jump", "play", "look"], ["smithson", "jackson", "johnson", "peterson", "nelson"]
    return [
        [str(random.choice(names)), str(random.choice(stems)) + ending, "today", str(random.choice(names))]
        for ending in ("ing", "ed") * 600
    ]


def bits(vectors: WordVectors) -> list[bytes]:
    rows = vectors.subwords
    assert rows is not None
    matrices = [vectors.vectors, rows.word_rows, rows.ngram_rows, rows.buckets, vectors.output_vectors]
    return [matrix.tobytes() for matrix in matrices if matrix is not None]


@pytest.fixture(scope="module")
def trained() -> SubwordVectors:
    vectors = train_embeddings(sentences(), **SMALL)
    assert isinstance(vectors, SubwordVectors)
    return vectors


def test_vectors_are_the_means_of_the_words_rows_and_of_those_of_unseen_words_ngrams():
    v = made()
    for row, word in enumerate(WORDS):
        parts = [v.subwords.word_rows[row], *v.ngrams[buckets(word, *SIZES)]]
        np.testing.assert_allclose(v[word], np.mean(parts, axis=0), rtol=1e-5, atol=1e-6)
    for word in ("walks", "naïveté", "日本語", "x"):
        np.testing.assert_allclose(v[word], v.ngrams[buckets(word, *SIZES)].mean(axis=0), rtol=1e-5, atol=1e-6)
        assert word not in v
    assert len(v) == 5


def test_an_unseen_word_may_stand_wherever_a_word_may():
    v = made()
    plain = WordVectors([*WORDS, "walks"], np.vstack([v.vectors, v["walks"]]))
    assert [word for word, _ in v.most_similar("walks")] == [word for word, _ in plain.most_similar("walks")]
    assert v.similarity("walks", "the") == pytest.approx(plain.similarity("walks", "the"), abs=1e-6)
    near = [
        [word for word, _ in found] for found in (v.neighbours(["walks"], topn=2)[0], v.most_similar("walks", topn=2))
    ]
    assert near[0] == near[1]
    cubes = [each.analogy("walked", "walks", "talked", method="3cosmul", topn=2) for each in (v, plain)]
    assert [word for word, _ in cubes[0]] == [word for word, _ in cubes[1]]
    assert v.doesnt_match(["walks", "walking", "the"]) == plain.doesnt_match(["walks", "walking", "the"])
    np.testing.assert_array_equal(v[["the", "walks"]], plain[["the", "walks"]])
    assert v.most_similar("walks", restrict_vocab=["the"])[0][0] == "the"


def test_a_word_without_ngrams_is_unknown():
    rows = SubwordRows(Subwords(5, 5, 10), np.ones((1, 2), np.float32), np.ones((10, 2), np.float32))
    v = SubwordVectors(["word"], None, subwords=rows)
    with pytest.raises(UnknownWordError, match="'of' is not among the 1 words"):
        v["of"]
    with pytest.raises(InputError, match=r"not 1\.5 of type float"):
        v[1.5]
    with pytest.raises(UnknownWordError):
        v[""]


def test_only_ngrams_that_have_a_row_count():
    all_rows = np.arange(20, dtype=np.float32).reshape(10, 2)
    held = np.array(sorted(set(buckets("words", 3, 4, 10)))[:2], np.int32)
    v = SubwordRows(Subwords(3, 4, 10), np.ones((1, 2), np.float32), all_rows[held], held)
    expected = [all_rows[b] for b in buckets("words", 3, 4, 10) if b in held]
    np.testing.assert_allclose(v.vector("words"), np.mean(expected, axis=0))
    assert SubwordRows(Subwords(3, 3, 10), np.ones((1, 2), np.float32), all_rows[:0], held[:0]).vector("words") is None


@pytest.mark.parametrize(
    ("word_rows", "ngram_rows", "held", "message"),
    [
        ((5, 3), (10, 4), None, r"shapes \(5, 3\) and \(10, 4\)"),
        ((5, 4), (9, 4), None, "9 rows of n-grams for 10 buckets"),
        ((5, 4), (2, 4), [3, 3], "do not ascend"),
        ((5, 4), (2, 4), [3, 10], "do not ascend within"),
        ((4, 4), (10, 4), None, r"have the shape \(4, 4\)"),
    ],
)
def test_rows_that_do_not_fit_are_refused(word_rows, ngram_rows, held, message):
    numbers = None if held is None else np.array(held, np.int32)
    of_words, of_ngrams = np.zeros(word_rows, np.float32), np.zeros(ngram_rows, np.float32)
    with pytest.raises(InputError, match=message):
        SubwordVectors(WORDS, np.zeros((5, 4)), subwords=SubwordRows(Subwords(3, 5, 10), of_words, of_ngrams, numbers))


def test_all_of_it_comes_back_from_a_file_and_a_pickle(trained, tmp_path):
    path = tmp_path / "v.safetensors"
    trained.save(path)
    for v in (WordVectors.load(path), SubwordVectors.load(path), pickle.loads(pickle.dumps(WordVectors.load(path)))):
        assert isinstance(v, SubwordVectors)
        assert v["walkings"].tobytes() == trained["walkings"].tobytes()
        assert bits(v) == bits(trained)
        assert v.subwords.subwords == trained.subwords.subwords
        assert v.training == trained.training
    part = WordVectors.load(path, limit=3)
    assert part["smith"].tobytes() == trained["smith"].tobytes()
    assert part.subwords.word_rows.shape == (3, 12)


def test_other_formats_hold_the_words_vectors(trained, tmp_path):
    trained.save(tmp_path / "v.vec")
    v = WordVectors.load(tmp_path / "v.vec")
    assert v.subwords is None
    assert v.vectors.tobytes() == trained.vectors.tobytes()
    with pytest.raises(InputError, match=r"v\.vec: there are no n-grams"):
        SubwordVectors.load(tmp_path / "v.vec")


def test_damage_to_the_rows_of_ngrams_is_told_at_their_first_use(trained, tmp_path):
    path = tmp_path / "v.safetensors"
    trained.save(path)
    content = bytearray(path.read_bytes())
    at = content.index(trained.ngrams[len(trained.ngrams) // 2].tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    v = WordVectors.load(path)
    assert v["today"].tobytes() == trained["today"].tobytes()
    with pytest.raises(DamagedFileError):
        v.ngrams  # noqa: B018


def test_words_never_seen_find_their_like(trained):
    names = {word for word in trained if word.endswith("son")}
    assert {word for word, _ in trained.most_similar("robinson", topn=len(names))} == names
    assert not names & {word for word, _ in trained.most_similar("walkings", topn=10)}
    assert trained.training["max_n"] == 5
    assert trained.training["losses"][1] < trained.training["losses"][0]


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("objective", ["hierarchical-softmax", "negative-sampling+hierarchical-softmax"])
def test_every_native_objective_trains_ngrams(model, objective):
    v = train_embeddings(sentences(), model=model, objective=objective, **SMALL)
    assert v.training["losses"][1] < v.training["losses"][0]
    assert v.most_similar("robinson", topn=1)[0][0].endswith("son")


def test_the_vectors_of_an_epoch_are_kept_as_they_were():
    kept = []
    last = train_embeddings(sentences(), callbacks=[lambda report: kept.append(report.word_vectors)], **SMALL)
    assert bits(kept[1]) == bits(last) != bits(kept[0])
    assert kept[0]["walkings"].tobytes() != last["walkings"].tobytes()


def test_rows_are_there_for_the_ngrams_that_occur_and_no_others(trained):
    expected = {b for word in trained for b in buckets(word, 3, 5, 5000)}
    assert trained.subwords.buckets.tolist() == sorted(expected)
    assert trained.ngrams.shape == (len(expected), 12)


def test_training_goes_on_with_the_ngrams(trained, tmp_path):
    trained.save(tmp_path / "v.safetensors")
    new = [["strolling", "jackson", "sang"]] * 100
    options = {**SMALL, "alpha": 1e-6, "epochs": 1}
    later = [train_embeddings(new, start=v, **options) for v in (trained, WordVectors.load(tmp_path / "v.safetensors"))]
    assert bits(later[0]) == bits(later[1])
    # A rate of nothing: what was known is as it was, and a new word begins with what its n-grams know.
    np.testing.assert_allclose(later[0][list(trained)], trained[list(trained)], atol=1e-3)
    assert set(later[0].subwords.buckets) > set(trained.subwords.buckets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "made of other n-grams; give max_n=5, min_n=3, bucket=5000"),
        ({"max_n": 6, "bucket": 5000}, "made of other n-grams; give max_n=5, min_n=3, bucket=5000"),
    ],
)
def test_other_ngrams_than_those_to_start_from_are_refused(trained, options, message):
    settings = {**SMALL, "max_n": 0, "bucket": 2_000_000} | options
    with pytest.raises(InputError, match=message):
        train_embeddings(sentences(), start=trained, **settings)


def test_vectors_without_ngrams_are_not_gone_on_from_with_them():
    plain = train_embeddings(sentences(), **{**SMALL, "max_n": 0, "bucket": 2_000_000})
    with pytest.raises(InputError, match="not made of n-grams; leave max_n out"):
        train_embeddings(sentences(), start=plain, **SMALL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_n": 2}, "min_n means nothing without n-grams; set max_n=6"),
        ({"bucket": 10}, "bucket means nothing without n-grams"),
        ({"max_n": 2}, "max_n is 2 and min_n 3"),
        ({"max_n": 5, "bucket": 0}, "bucket is 0"),
        ({"max_n": 5, "objective": "nce"}, "nce does not use max_n.*only negative-sampling, hierarchical"),
        ({"max_n": 60, "min_n": 50}, "no word has an n-gram of 50 characters"),
    ],
)
def test_what_means_nothing_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        train_embeddings(sentences()[:10], min_count=1, **options)
