"""What people write with gensim runs with `vastmax.gensim` when the import alone is changed; with gensim, too."""

from __future__ import annotations

import gzip
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

KINDS = (
    ["one", "two", "three", "four", "five"],
    ["apple", "pear", "plum", "fig", "lime"],
    ["red", "green", "blue", "brown", "grey"],
)
SMALL: dict[str, Any] = {"vector_size": 16, "min_count": 1, "sample": 0, "workers": 1, "seed": 3, "sg": 1, "epochs": 8}


def sentences(kinds: tuple[list[str], ...] = KINDS, number: int = 600) -> list[list[str]]:
    """Of one kind each, so that a word's nearest are of its kind."""
    random = np.random.default_rng(0)
    return [[str(word) for word in random.choice(kinds[i % len(kinds)], 8)] for i in range(number)]


@pytest.fixture(params=["vastmax.gensim", "gensim"], scope="module")
def gensim(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "gensim":
        pytest.importorskip("gensim", reason="gensim is not installed")
        importlib.import_module("gensim.models")
    return importlib.import_module(request.param)


@pytest.fixture(scope="module")
def model(gensim: ModuleType) -> Any:
    return gensim.models.Word2Vec(sentences(), **SMALL)


def test_node2vec_walks(gensim: ModuleType) -> None:
    """PecanPy and node2vec: random walks over a graph of two rings, nodes as words; then a matrix of all nodes."""
    random = np.random.default_rng(1)
    walks = []
    for start in range(20):
        for _ in range(20):
            node, walk = start, []
            for _ in range(12):
                walk.append(str(node))
                node = node // 10 * 10 + (node % 10 + random.choice([-1, 1])) % 10
            walks.append(walk)
    model = gensim.models.Word2Vec(
        walks, vector_size=16, window=3, min_count=0, sg=1, workers=1, epochs=4, seed=1, sample=0
    )
    nodes = sorted(model.wv.key_to_index, key=int)
    matrix = np.array([model.wv[node] for node in nodes])
    assert matrix.shape == (20, 16)
    near = model.wv.most_similar("13", topn=5)
    assert all(int(node) // 10 == 1 for node, _ in near)


def test_vectors_for_spacy(model: Any, tmp_path: Path) -> None:
    """spaCy's ``init vectors`` reads word2vec text, possibly compressed: a header, then a word and its numbers."""
    model.wv.save_word2vec_format(str(tmp_path / "vectors.txt.gz"))
    with gzip.open(tmp_path / "vectors.txt.gz", "rt", encoding="utf-8") as file:
        rows, width = map(int, next(file).split())
        table = {word: np.array(numbers, dtype=float) for word, *numbers in map(str.split, file)}
    assert (rows, width) == (15, 16) == (len(table), len(table["red"]))
    np.testing.assert_allclose(table["red"], model.wv["red"], rtol=1e-5)


def test_a_pipeline_of_scikit_learn(gensim: ModuleType) -> None:
    base = pytest.importorskip("sklearn.base")
    linear, pipeline = importlib.import_module("sklearn.linear_model"), importlib.import_module("sklearn.pipeline")

    class MeanVectors(base.TransformerMixin, base.BaseEstimator):  # type: ignore[misc,name-defined]
        def fit(self, documents: list[list[str]], labels: Any = None) -> Any:
            self.model_ = gensim.models.Word2Vec(documents, **SMALL)
            return self

        def transform(self, documents: list[list[str]]) -> np.ndarray:
            wv = self.model_.wv
            return np.array([wv.get_mean_vector(words, pre_normalize=False) for words in documents])

    documents = sentences(number=300)
    labels = [i % 3 for i in range(300)]
    classify = pipeline.make_pipeline(MeanVectors(), linear.LogisticRegression(max_iter=500, C=1e4))
    assert classify.fit(documents, labels).score(documents, labels) > 0.9


def test_callbacks(gensim: ModuleType, tmp_path: Path) -> None:
    """Save the model and note the loss at the end of each epoch."""
    callbacks = importlib.import_module(f"{gensim.__name__}.models.callbacks")

    class Logger(callbacks.CallbackAny2Vec):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            self.events: list[str] = []
            self.losses: list[float] = []

        def on_train_begin(self, model: Any) -> None:
            self.events.append("train")

        def on_epoch_begin(self, model: Any) -> None:
            self.events.append("begin")

        def on_epoch_end(self, model: Any) -> None:
            self.events.append("end")
            self.losses.append(model.get_latest_training_loss())
            model.save(str(tmp_path / f"{len(self.losses)}.model"))

        def on_train_end(self, model: Any) -> None:
            self.events.append("over")

    logger = Logger()
    options = {**SMALL, "epochs": 3}
    model = gensim.models.Word2Vec(sentences(), compute_loss=True, callbacks=[logger], **options)
    assert logger.events == ["train", *["begin", "end"] * 3, "over"]
    assert 0 < logger.losses[0] < logger.losses[1] < logger.losses[2] == model.get_latest_training_loss()
    first, last = (gensim.models.Word2Vec.load(str(tmp_path / f"{epoch}.model")) for epoch in (1, 3))
    np.testing.assert_array_equal(last.wv.vectors, model.wv.vectors)
    assert np.abs(first.wv.vectors - last.wv.vectors).max() > 0


@pytest.mark.parametrize("output", [{"hs": 0, "negative": 5}, {"hs": 1, "negative": 0}])
def test_online_updates(gensim: ModuleType, output: dict[str, int], tmp_path: Path) -> None:
    model = gensim.models.Word2Vec(**{**SMALL, **output})
    model.build_vocab(sentences(KINDS[:2]))
    model.train(sentences(KINDS[:2]), total_examples=model.corpus_count, epochs=model.epochs)
    model.save(str(tmp_path / "m"))
    model = gensim.models.Word2Vec.load(str(tmp_path / "m"))
    more = sentences(KINDS[1:])
    before = model.wv.get_vecattr("apple", "count")
    model.build_vocab(more, update=True)
    assert model.wv.get_vecattr("apple", "count") == before + sum(words.count("apple") for words in more)
    model.train(more, total_examples=model.corpus_count, epochs=model.epochs)
    assert len(model.wv) == 15
    for kind in KINDS:
        assert {word for word, _ in model.wv.most_similar(kind[0], topn=2)} < set(kind)


def test_evaluating_pairs(model: Any, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("one\ttwo\t9\nred\tblue\t8\none\tred\t1\napple\tgreen\t2\nOne\tx\t3\nno pair\n")
    (pearson, _), spearman, unknown = model.wv.evaluate_word_pairs(str(tmp_path / "pairs.tsv"))
    assert pearson > 0.8
    assert spearman[0] > 0.5
    assert unknown == pytest.approx(20)
    (tmp_path / "questions.txt").write_text(": kinds\none two apple pear\none two red fig\n: unknown\na b c d\n")
    score, sections = model.wv.evaluate_word_analogies(str(tmp_path / "questions.txt"))
    assert [section["section"] for section in sections] == ["kinds", "unknown", "Total accuracy"]
    assert len(sections[0]["correct"]) + len(sections[0]["incorrect"]) == 2
    assert score == len(sections[-1]["correct"]) / 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # gensim calls its own older methods
def test_asking_vectors(model: Any) -> None:
    wv = model.wv
    kind = set(KINDS[0])
    assert {word for word, _ in wv.most_similar_cosmul(positive=["one", "two"], negative=["red"], topn=3)} < kind
    assert {word for word, _ in wv.most_similar(positive=[("one", 2.0), "two"], negative=["red"], topn=3)} < kind
    assert wv.doesnt_match(["one", "two", "three", "plum"]) == "plum"
    assert wv.similar_by_vector(wv["fig"], topn=1)[0][0] == "fig"
    assert wv.rank("one", "red") > 4
    assert wv.distance("one", "one") == 0
    assert wv.n_similarity(["one", "two"], ["three"]) > wv.n_similarity(["one", "two"], ["red", "fig"])
    assert wv.most_similar_to_given("one", ["red", "two"]) == "two"
    assert model.predict_output_word(["one", "two", "three"], topn=4)[0][1] > 0


def test_vectors_of_another_model_are_taken_and_held(gensim: ModuleType, model: Any, tmp_path: Path) -> None:
    model.wv.save_word2vec_format(str(tmp_path / "v.txt"))
    other = gensim.models.Word2Vec(**{**SMALL, "epochs": 1})
    other.build_vocab([*sentences(), ["seven", "one"] * 3])
    other.wv.vectors_lockf = np.ones(len(other.wv), dtype=np.float32)
    other.wv.intersect_word2vec_format(str(tmp_path / "v.txt"), lockf=0.0)
    before = other.wv["seven"].copy()
    other.train([*sentences(), ["seven", "one"] * 3], total_examples=other.corpus_count, epochs=1)
    np.testing.assert_array_equal(other.wv["red"], model.wv["red"])
    assert np.abs(other.wv["seven"] - before).max() > 0


@pytest.mark.parametrize("binary", [True, False])
def test_files_of_word2vec(gensim: ModuleType, model: Any, tmp_path: Path, binary: bool) -> None:
    path, counts = str(tmp_path / "v"), str(tmp_path / "counts")
    model.wv.save_word2vec_format(path, fvocab=counts, binary=binary)
    load = gensim.models.KeyedVectors.load_word2vec_format
    wv = load(path, fvocab=counts, binary=binary, limit=7, datatype=np.float64)
    assert wv.index_to_key == model.wv.index_to_key[:7]
    assert wv.vectors.dtype == np.float64
    np.testing.assert_allclose(wv.vectors, model.wv.vectors[:7], atol=1e-6)
    assert wv.get_vecattr(wv.index_to_key[0], "count") == model.wv.get_vecattr(wv.index_to_key[0], "count")
    wv.save(str(tmp_path / "kv"))
    again = gensim.models.KeyedVectors.load(str(tmp_path / "kv"), mmap="r")
    np.testing.assert_array_equal(again.vectors, wv.vectors)
    half = load(path, binary=binary, datatype=np.float16)
    assert half.most_similar("one", topn=1)[0][0] in KINDS[0]


def test_phrases_before_training(gensim: ModuleType) -> None:
    texts = (
        [["in", "new", "york", "city"]] * 20
        + [["new", f"x{i}"] for i in range(20)]
        + [["york", f"y{i}"] for i in range(20)]
    )
    phrases = importlib.import_module(f"{gensim.__name__}.models.phrases")
    bigrams = phrases.Phrases(texts, min_count=1, threshold=0.5, connector_words=phrases.ENGLISH_CONNECTOR_WORDS)
    frozen = bigrams.freeze()
    assert frozen[texts[0]] == bigrams[texts[0]] == ["in", "new_york", "city"]
    found = bigrams.export_phrases()
    assert found.keys() == {"new_york", "york_city"}
    assert found["new_york"] == pytest.approx((20 - 1) / 40 / 40 * len(bigrams.vocab))
    assert bigrams.find_phrases(texts) == {"new_york": found["new_york"]}
    trigrams = phrases.Phrases(frozen[texts], min_count=1, threshold=0.5, connector_words=["in"])
    model = gensim.models.Word2Vec(trigrams[frozen[texts]], **SMALL)
    assert "new_york_city" in model.wv
