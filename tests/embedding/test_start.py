"""Training that starts from vectors, with new text: what is kept, what is added, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from vastmax.embedding import WordVectors, train_embeddings
from vastmax.embedding.carried_tree import carry_nodes, huffman_paths
from vastmax.embedding.settings import TrainingSettings, checked
from vastmax.embedding.start import merged_vocabulary
from vastmax.errors import InputError
from vastmax.text import Corpus, Vocabulary

HS = "hierarchical-softmax"
NUMBERS = ["one", "two", "three", "four", "five"]
FRUITS = ["apple", "pear", "plum", "fig", "lime"]
COLOURS = ["red", "green", "blue", "brown", "grey"]
SMALL = {"vector_size": 20, "min_count": 1, "sample": 0, "threads": 1, "epochs": 4}


def sentences(kinds: list[list[str]], seed: int) -> list[list[str]]:
    """Of one kind each, with words common to all."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(2500):
        words = [*random.choice(kinds[random.integers(len(kinds))], 6), *random.choice(["the", "of", "and"], 3)]
        made.append([str(word) for word in random.permutation(words)])
    return made


@pytest.fixture(scope="module")
def start() -> WordVectors:
    return train_embeddings(sentences([NUMBERS, FRUITS], 0), **SMALL)


def counts_of(vectors: WordVectors) -> dict[str, int]:
    assert vectors.counts is not None
    return dict(zip(vectors.index_to_key, vectors.counts.tolist(), strict=True))


def test_known_words_keep_what_they_know_and_new_ones_learn(start):
    text = Corpus(sentences([FRUITS, COLOURS], 1))
    later = train_embeddings(text, start=start, **SMALL)
    for kind in (NUMBERS, FRUITS, COLOURS):
        nearest = {word for word, _ in later.most_similar(kind[0], topn=4)}
        assert nearest == set(kind) - {kind[0]}
    before, new = counts_of(start), dict(zip(text.vocabulary.words, text.vocabulary.counts.tolist(), strict=True))
    assert counts_of(later) == {word: before.get(word, 0) + new.get(word, 0) for word in {*before, *new}}
    assert (np.diff(later.counts) <= 0).all()
    assert later.training["tokens"] == text.num_tokens
    assert later.training["words"] == 4 * text.num_tokens  # every id found its word
    # What the new text does not name is met as noise only, and stays near where it was.
    unnamed, named = ((later[kind] - start[kind]) for kind in (NUMBERS, FRUITS))
    assert np.linalg.norm(unnamed, axis=1).max() == 0
    assert np.linalg.norm(named, axis=1).min() > 0


def test_going_on_with_the_same_text_is_training_for_longer(start):
    """The loss continues from its last value."""
    text = sentences([NUMBERS, FRUITS], 0)
    options = {**SMALL, "alpha": 0.001, "epochs": 1}
    later, anew = (train_embeddings(text, start=vectors, **options) for vectors in (start, None))
    assert later.training["losses"][0] < start.training["losses"][-1] + 0.05
    assert anew.training["losses"][0] > later.training["losses"][0] + 0.5


def test_stop_words_leave_the_old_words_too(start):
    text = Corpus(sentences([FRUITS, COLOURS], 1))
    later = train_embeddings(text, start=start, stop_words=["the", "fig", "red"], **SMALL)
    assert set(later.index_to_key) == {*NUMBERS, *FRUITS, *COLOURS, "of", "and"} - {"fig", "red"}
    assert {word for word, _ in later.most_similar("apple", topn=3)} == {"pear", "plum", "lime"}


def test_vectors_read_from_a_file_do_as_well(start, tmp_path):
    start.save(tmp_path / "v.safetensors")
    text = sentences([COLOURS], 2)
    direct, read = (
        train_embeddings(text, start=vectors, **SMALL)
        for vectors in (start, WordVectors.load(tmp_path / "v.safetensors"))
    )
    assert direct.vectors.tobytes() == read.vectors.tobytes()
    assert direct.index_to_key == read.index_to_key


def vectors_of(counted: dict[str, int], **changes) -> WordVectors:
    options = {
        "counts": list(counted.values()),
        "output_vectors": np.ones((len(counted), 3)),
        "training": {"objective": "negative-sampling"},
    }
    return WordVectors(list(counted), np.ones((len(counted), 3)), **{**options, **changes})


def test_the_vocabulary_is_the_old_words_and_the_frequent_new_ones():
    types = Vocabulary.from_counts({"new": 9, "b": 4, "rare": 1, "other": 5, "tie": 3})
    start = vectors_of({"a": 10, "b": 6, "c": 3, "d": 1})

    def merged(**options):
        vocabulary = merged_vocabulary(types, start, checked(TrainingSettings(**options)))
        return dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))

    assert list(merged(min_count=2).items()) == [
        ("a", 10),
        ("b", 10),
        ("new", 9),
        ("other", 5),
        ("c", 3),
        ("tie", 3),
        ("d", 1),
    ]
    assert "rare" in merged(min_count=1)
    assert list(merged(min_count=1, max_final_vocab=5)) == ["a", "b", "new", "c", "d"]
    assert list(merged(min_count=100)) == ["a", "b", "c", "d"]


def test_a_checkpoint_of_such_a_run_is_resumed_to_the_bit(start, tmp_path):
    text = Corpus(sentences([FRUITS, COLOURS], 1))
    whole = train_embeddings(text, start=start, **SMALL)

    def stop(report):
        if report.epoch == 2:
            raise KeyboardInterrupt

    options = {**SMALL, "checkpoint": tmp_path / "c"}
    with pytest.raises(KeyboardInterrupt):
        train_embeddings(text, start=start, callbacks=[stop], **options)
    with pytest.raises(InputError, match=r"the vocabulary of .* start from the same vectors"):
        train_embeddings(text, resume=True, **options)
    resumed = train_embeddings(text, start=start, resume=True, **options)
    assert resumed.vectors.tobytes() == whole.vectors.tobytes()


@pytest.mark.parametrize(
    ("start", "options", "message"),
    [
        ("v.safetensors", {}, "start is str; expected WordVectors"),
        (vectors_of({"a": 2, "b": 1}, counts=None), {}, "with counts and one output vector per word"),
        (vectors_of({"a": 2, "b": 1}, output_vectors=None), {}, "with counts and one output vector per word"),
        (vectors_of({"a": 2, "b": 1}, output_vectors=np.ones((1, 3))), {}, "one output vector per word"),
        (
            vectors_of({"a": 2, "b": 1}, training={}),
            {"objective": "hierarchical-softmax"},
            "the vectors of the tree's nodes, one fewer than words",
        ),
        (
            vectors_of({"a": 2, "b": 1}),
            {"vector_size": 4},
            "vector_size is 4, .* 3 dimensions; give vector_size=3",
        ),
        (vectors_of({"a": 2, "b": 1}), {"max_final_vocab": 1}, "max_final_vocab is 1, but 2 words .* at least 2"),
        (vectors_of({"a": 2, "b": 1}, training={"model": "cbow"}), {}, "trained with model='cbow', not 'skipgram'"),
        (vectors_of({"a": 2, "b": 1}, training={"objective": "hs"}), {}, "trained with objective='hs', not"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused_before_the_text_is_read(start, options, message):
    with pytest.raises(InputError, match=message):
        train_embeddings("never read", start=start, **{"vector_size": 3, **options})


def test_vectors_that_are_not_finite_are_refused():
    spoilt = vectors_of({"a": 2, "b": 1}, output_vectors=np.array([[1, 2, 3], [1, np.nan, 1]]))
    with pytest.raises(InputError, match="output_vectors contain a NaN or an infinity"):
        train_embeddings([["a", "b", "c"]] * 9, start=spoilt, vector_size=3, min_count=1)


def log_probabilities(counts: list[int], nodes: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(V,) for one hidden vector, decision by decision."""
    paths = huffman_paths(np.array(counts))
    found = []
    for word in range(len(counts)):
        edges = paths.edges[paths.offsets[word] : paths.offsets[word + 1]]
        signs = np.where(edges % 2, 1.0, -1.0)
        found.append(-np.log1p(np.exp(-signs * (nodes[edges // 2] @ hidden))).sum())
    return np.array(found)


def test_a_new_tree_tells_old_words_apart_as_the_old_one_did():
    random = np.random.default_rng(3)
    old_counts, new_counts = [40, 30, 9, 8, 7, 2], [60, 41, 40, 30, 9, 8, 7, 3, 2]
    row = np.array(
        [5, -1, 0, 1, -1, 2, 3, 4, -1], dtype=np.int32
    )  # of each new word: the rarest became the most frequent
    nodes = random.normal(size=(5, 4)).astype(np.float32)
    new_nodes = np.full((8, 4), 9, dtype=np.float32)
    carry_nodes(huffman_paths(np.array(old_counts)), nodes, row, huffman_paths(np.array(new_counts)), new_nodes)
    hidden = 1e-4 * random.normal(size=4)
    before = log_probabilities(old_counts, nodes, hidden) - log_probabilities(old_counts, nodes, 0 * hidden)
    after = log_probabilities(new_counts, new_nodes, hidden) - log_probabilities(new_counts, new_nodes, 0 * hidden)
    # Relative to each other, as new words take a share of all: compared where both words hang below one node.
    paths = huffman_paths(np.array(new_counts))
    for node in range(8):
        below = [
            {w for w in range(9) if 2 * node + branch in paths.edges[paths.offsets[w] : paths.offsets[w + 1]].tolist()}
            for branch in (0, 1)
        ]
        means = []
        for words in below:
            known = [row[w] for w in words if row[w] >= 0]
            depth = np.diff(huffman_paths(np.array(old_counts)).offsets)[known]
            means.append(np.average(before[known], weights=2.0**-depth) if known else None)
        expected = 0.0 if None in means else means[1] - means[0]
        assert new_nodes[node] @ hidden == pytest.approx(expected, abs=1e-7)
    assert np.isfinite(after).all()


def test_nodes_of_the_same_words_are_kept():
    nodes = np.random.default_rng(4).normal(size=(5, 3)).astype(np.float32)
    old, kept = huffman_paths(np.array([64, 16, 8, 4, 2, 1])), np.empty((5, 3), dtype=np.float32)
    carry_nodes(old, nodes, np.arange(6, dtype=np.int32), old, kept)
    np.testing.assert_array_equal(kept, nodes)
    # One word more, deep below: the nodes above it have the same old words on either side.
    new, more = huffman_paths(np.array([64, 16, 8, 4, 2, 1, 1])), np.empty((6, 3), dtype=np.float32)
    carry_nodes(old, nodes, np.array([0, 1, 2, 3, 4, 5, -1], dtype=np.int32), new, more)
    for word in range(5):
        old_edges, new_edges = (each.edges[each.offsets[word] : each.offsets[word + 1]] for each in (old, new))
        common = [(a // 2, b // 2) for a, b in zip(old_edges, new_edges, strict=False)][: len(new_edges)]
        for one, other in common:
            np.testing.assert_allclose(more[other], nodes[one], atol=1e-6)
    assert (more == 0).all(axis=1).sum() == 1


@pytest.mark.parametrize(("model", "objective"), [("skipgram", HS), ("cbow", HS), ("cbow", "negative-sampling+" + HS)])
def test_hierarchical_softmax_goes_on(model, objective, tmp_path):
    options = {**SMALL, "model": model, "objective": objective}
    first = train_embeddings(sentences([NUMBERS, FRUITS], 0), **options)
    first.save(tmp_path / "v.safetensors")
    start = WordVectors.load(tmp_path / "v.safetensors")
    assert start.node_vectors is not None
    assert start.node_vectors.shape == (len(start) - 1, 20)
    gentle = {**options, "alpha": 1e-3, "epochs": 1}
    same = train_embeddings(sentences([NUMBERS, FRUITS], 0), start=start, **gentle)
    assert same.training["losses"][0] < first.training["losses"][-1] + 0.05
    more = train_embeddings(sentences([FRUITS, COLOURS], 1), start=start, **options)
    for kind in (NUMBERS, FRUITS, COLOURS):
        assert {word for word, _ in more.most_similar(kind[0], topn=3)} < set(kind)
