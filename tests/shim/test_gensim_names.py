"""The shim where it differs from gensim, and what it refuses in one line."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vastmax.gensim as gensim
from vastmax import WordVectors
from vastmax.embedding import StopTraining
from vastmax.errors import InputError
from vastmax.gensim import saved_file
from vastmax.gensim.models import KeyedVectors, Phrases, Text8Corpus, Word2Vec
from vastmax.gensim.models.callbacks import CallbackAny2Vec
from vastmax.gensim.models.phrases import FrozenPhrases
from vastmax.gensim.models.word2vec import LineSentence, PathLineSentences
from vastmax.gensim.trimming import RULE_DEFAULT, RULE_DISCARD, RULE_KEEP

TEXT = [["the", "king", "rules", "the", "land"], ["the", "queen", "rules", "a", "land"]] * 30
SMALL: dict[str, Any] = {"vector_size": 8, "min_count": 1, "sample": 0, "workers": 1, "epochs": 2}


def trained(**options: Any) -> Word2Vec:
    return Word2Vec(TEXT, **{**SMALL, **options})


def test_importing_is_light_and_needs_no_gensim() -> None:
    program = (
        "import sys; sys.modules['gensim'] = None; import vastmax.gensim as gensim; "
        "gensim.models.Word2Vec, gensim.Phrases; "
        "print([m for m in ('torch', 'scipy', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_that_are_not_there_are_told() -> None:
    assert set(dir(gensim)) >= {"Word2Vec", "models"}
    with pytest.raises(
        AttributeError, match=r"no attribute 'corpora'; it has CallbackAny2Vec, .* and gensim itself the"
    ):
        gensim.corpora  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'LdaModel'"):
        gensim.models.LdaModel  # noqa: B018


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cbow_mean": 0}, "cbow_mean is 0; CBOW here takes the mean of the contexts"),
        ({"null_word": 1}, "null_word is for Doc2Vec"),
        ({"hs": 0, "negative": 0}, "hs and negative are both 0"),
        ({"vector_size": 0}, "vector_size is 0"),
        ({"workers": 0}, "threads is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"window": 0}, "window is 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        trained(**options)


def test_calls_that_cannot_be_meant() -> None:
    model = Word2Vec(**SMALL)
    with pytest.raises(RuntimeError, match="you must first build vocabulary"):
        model.train(TEXT, total_examples=1, epochs=1)
    model.build_vocab(TEXT)
    with pytest.raises(InputError, match="word_count is 3; give start_alpha"):
        model.train(TEXT, total_examples=1, epochs=1, word_count=3)
    with pytest.raises(TypeError, match="a generator can be read once, and 2 passes are wanted"):
        model.train((words for words in TEXT), total_examples=1, epochs=2)
    with pytest.raises(TypeError, match=r"give either sentences .* or corpus_file"):
        model.train(TEXT, corpus_file="x", total_examples=1, epochs=2)
    with pytest.raises(InputError, match="word_ngrams is 2; only 1"):
        gensim.FastText(TEXT, word_ngrams=2)
    with pytest.raises(TypeError, match=r"sentences are one str; give lists of words"):
        Word2Vec("one text", **SMALL)
    with pytest.raises(RuntimeError, match=r"no word in it occurs 99 times \(min_count\)"):
        trained(min_count=99)
    with pytest.raises(InputError, match="callbacks hold <built-in function print>; expected objects of a class"):
        trained(callbacks=[print])
    for ask in (Phrases, Phrases(TEXT).__getitem__):
        with pytest.raises(InputError, match="is one text; expected a list of words"):
            ask("one text" if ask is not Phrases else ["one text"])
    with pytest.raises(KeyError, match="Key 'quen' not present; nearest spellings: queen"):
        model.wv["quen"]
    with pytest.raises(AttributeError, match=r"load returns a new object; call it on the class: Word2Vec\.load"):
        model.load("x")


@pytest.mark.parametrize("sg", [0, 1])
@pytest.mark.parametrize(("hs", "negative"), [(1, 0), (0, 3), (1, 3)])
def test_models_are_saved_whole(tmp_path: Path, sg: int, hs: int, negative: int) -> None:
    model = trained(sg=sg, hs=hs, negative=negative, shrink_windows=False, comment="kept")
    model.save(tmp_path / "m.model")
    assert not saved_file.is_pickle(tmp_path / "m.model")
    again = Word2Vec.load(tmp_path / "m.model")
    for name in ("sg", "hs", "negative", "shrink_windows", "comment", "epochs", "corpus_count", "train_count"):
        assert getattr(again, name) == getattr(model, name), name
    np.testing.assert_array_equal(again.wv.vectors, model.wv.vectors)
    for twin in (model, again):
        twin.train(TEXT, total_examples=twin.corpus_count, epochs=1)
    np.testing.assert_array_equal(again.wv.vectors, model.wv.vectors)
    if hs:
        np.testing.assert_array_equal(again.syn1, model.syn1)
        np.testing.assert_array_equal(again.score(TEXT[:2]), model.score(TEXT[:2]))
    vectors = WordVectors.load(tmp_path / "m.model")
    assert vectors.index_to_key == model.wv.index_to_key
    assert np.array_equal(KeyedVectors.load(tmp_path / "m.model").vectors, vectors.vectors)


def test_attributes_of_keys_are_saved(tmp_path: Path) -> None:
    kv = KeyedVectors(3, dtype=np.float64)
    kv.add_vectors([7, 1071], np.array([[0.1, 0.2, 0.3], [1, 2, 3]]))
    kv.set_vecattr(7, "weight", 0.25)
    kv.set_vecattr(1071, "label", "node")
    kv.save(tmp_path / "kv")
    again = KeyedVectors.load(tmp_path / "kv")
    assert again.index_to_key == [7, 1071]
    assert again.vectors.dtype == np.float64
    np.testing.assert_array_equal(again.vectors, kv.vectors)
    assert (again.get_vecattr(7, "weight"), again.get_vecattr(1071, "label")) == (0.25, "node")
    kv.set_vecattr(7, "thing", object())
    with pytest.raises(InputError, match="an attribute of the keys cannot be saved as JSON"):
        kv.save(tmp_path / "kv")
    assert KeyedVectors.load(tmp_path / "kv").index_to_key == [7, 1071]
    with pytest.raises(AttributeError, match="holds KeyedVectors and no model"):
        Word2Vec.load(tmp_path / "kv")
    damaged = bytearray((tmp_path / "kv").read_bytes())
    damaged[-3] ^= 1
    (tmp_path / "kv").write_bytes(damaged)
    with pytest.raises(InputError, match="damaged"):
        KeyedVectors.load(tmp_path / "kv")


def test_pickles_are_not_opened_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old.model").write_bytes(pickle.dumps({"a": 1}))
    monkeypatch.setitem(sys.modules, "gensim", None)
    for kind in (Word2Vec, KeyedVectors, Phrases, FrozenPhrases):
        with pytest.raises(ImportError, match="reading what gensim has pickled needs gensim"):
            kind.load(tmp_path / "old.model")


@pytest.mark.parametrize("hs", [0, 1])
def test_models_of_gensim_come_along(tmp_path: Path, hs: int) -> None:
    models = pytest.importorskip("gensim.models")
    theirs = models.Word2Vec(TEXT, **{**SMALL, "hs": hs, "negative": 5 * (1 - hs), "epochs": 20, "sg": 1})
    theirs.save(str(tmp_path / "g.model"))
    ours = Word2Vec.load(tmp_path / "g.model")
    assert ours.wv.index_to_key == theirs.wv.index_to_key
    np.testing.assert_array_equal(ours.wv.vectors, theirs.wv.vectors)
    if hs:  # the trees break ties in other ways, and where they agree the scores do
        codes = [ours.paths.edges[a:b] % 2 for a, b in zip(ours.paths.offsets, ours.paths.offsets[1:], strict=False)]
        same = all(np.array_equal(code, theirs.wv.expandos["code"][row]) for row, code in enumerate(codes))
        tolerance = 1e-4 if same else 0.2
        np.testing.assert_allclose(ours.score(TEXT[:2]), theirs.score(TEXT[:2], 2), rtol=tolerance)
    else:
        one, other = (m.predict_output_word(["king", "land"], topn=3) for m in (ours, theirs))
        assert [word for word, _ in one] == [word for word, _ in other]
        np.testing.assert_allclose([p for _, p in one], [p for _, p in other], rtol=1e-4)
    ours.train(TEXT, total_examples=2, epochs=1)


def test_the_score_is_the_log_likelihood_of_the_tree() -> None:
    model = trained(hs=1, negative=0, sg=0, window=2)
    rows = [model.wv.get_index(word) for word in TEXT[0]]
    expected = 0.0
    for place, word in enumerate(rows):
        near = [row for other, row in enumerate(rows) if other != place and abs(other - place) <= 2]
        hidden = model.wv.vectors[near].mean(axis=0)
        for code, node in zip(model.wv.get_vecattr(word, "code"), model.wv.get_vecattr(word, "point"), strict=True):
            expected += -np.log1p(np.exp(-(1 - 2.0 * code) * (model.syn1[node] @ hidden)))
    assert model.score([TEXT[0], ["unknown"]]) == pytest.approx([expected, 0.0], rel=1e-5)


def test_which_words_are_kept() -> None:
    def rule(word: str, count: int, min_count: int) -> int:
        return {"the": RULE_DISCARD, "once": RULE_KEEP}.get(word, RULE_DEFAULT)

    model = Word2Vec([*TEXT, ["once", "rare", "land"]], **{**SMALL, "min_count": 2}, trim_rule=rule)
    assert "the" not in model.wv
    assert "once" in model.wv
    assert "rare" not in model.wv
    limited = Word2Vec(TEXT, **SMALL, max_final_vocab=4)
    assert set(limited.wv.index_to_key) == {"the", "rules", "land"}  # king, queen and a occur equally often
    unsorted = Word2Vec([["b", "a", "a"], ["c", "a", "b"]] * 9, **SMALL, sorted_vocab=0)
    assert unsorted.wv.index_to_key == ["b", "a", "c"]
    assert Word2Vec([["b", "a", "a"], ["c", "a", "b"]] * 9, **SMALL).wv.index_to_key == ["a", "b", "c"]


def test_nodes_that_are_numbers_stay_numbers() -> None:
    model = Word2Vec([[7, 11, 7], np.array([11, 13])] * 20, **SMALL)
    assert set(model.wv.index_to_key) == {7, 11, 13}
    assert all(isinstance(key, int) for key, _ in model.wv.most_similar(7))
    model.build_vocab([[17, 7]] * 3, update=True)
    model.train([[17, 7]] * 3, total_examples=3, epochs=1)
    assert len(model.wv) == 4


def test_a_callback_ends_training() -> None:
    class Enough(CallbackAny2Vec):
        epochs = 0

        def on_epoch_end(self, model: Word2Vec) -> None:
            self.epochs += 1
            if self.epochs == 2:
                raise StopTraining

    enough = Enough()
    model = Word2Vec(TEXT, **{**SMALL, "epochs": 9}, callbacks=[enough])
    assert enough.epochs == 2
    np.testing.assert_array_equal(model.wv.vectors, trained(epochs=9, callbacks=[Enough()]).wv.vectors)


def test_files_and_lists_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("\n".join(" ".join(words) for words in TEXT), encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "t.txt").write_bytes(path.read_bytes())
    expected = trained().wv.vectors
    for sentences in (LineSentence(path), PathLineSentences(tmp_path / "folder"), LineSentence(path, limit=60)):
        np.testing.assert_array_equal(Word2Vec(sentences, **SMALL).wv.vectors, expected)
    np.testing.assert_array_equal(Word2Vec(corpus_file=path, **SMALL).wv.vectors, expected)
    flat = [word for words in TEXT for word in words]
    path.write_text(" ".join(flat), encoding="utf-8")
    assert [len(words) for words in Text8Corpus(path, max_sentence_length=128)] == [128, 128, 44]
    assert [word for words in Text8Corpus(path, 7) for word in words] == flat
    path.write_bytes(b"good\nb\xff\n")
    with pytest.raises(UnicodeDecodeError, match=r"t\.txt, line 2: byte 1 of the line is not valid UTF-8"):
        list(LineSentence(path))
    with pytest.raises(InputError, match="no such file or folder"):
        PathLineSentences(tmp_path / "none")


def test_repeated_calls_draw_other_noise() -> None:
    one, other = trained(epochs=1, sample=1e-2), trained(epochs=1, sample=1e-2)
    one.train_count = 5
    for model in (one, other):
        model.train(TEXT, total_examples=1, epochs=1)
    assert np.abs(one.wv.vectors - other.wv.vectors).max() > 0


def test_word_movers_distance() -> None:
    kv = KeyedVectors(2)
    kv.add_vectors(["a", "b", "c"], [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]])
    assert kv.wmdistance(["a"], ["a"]) == pytest.approx(0, abs=1e-9)
    assert kv.wmdistance(["a", "b"], ["c", "c"]) == pytest.approx((2 + 2**0.5) / 2)
    assert kv.wmdistance(["a", "a", "b"], ["b"]) == pytest.approx(2 / 3 * 2**0.5)
    assert kv.wmdistance(["x"], ["a"]) == float("inf")


def test_phrases_are_saved_and_added_to(tmp_path: Path) -> None:
    texts = [["new", "york", "is", "new"], ["in", "new", "york", "city"]] * 10
    phrases = Phrases(texts[:10], min_count=1, threshold=0.5, connector_words=["in"])
    phrases.add_vocab(texts[10:])
    assert phrases.vocab == Phrases(texts, min_count=1, threshold=0.5, connector_words=["in"]).vocab
    for each in (phrases, phrases.freeze()):
        each.save(tmp_path / "p")
        again = type(each).load(tmp_path / "p")
        assert again[texts[1]] == each[texts[1]]
        assert (again.min_count, again.threshold, again.connector_words) == (1, 0.5, frozenset({"in"}))
    with pytest.raises(AttributeError, match="holds FrozenPhrases, not Phrases"):
        Phrases.load(tmp_path / "p")
    with pytest.raises(InputError, match="a scoring function of your own cannot be saved"):
        Phrases(texts, scoring=lambda *counts: 1.0).save(tmp_path / "p")
    with pytest.raises(InputError, match="scoring is 'pmi'; expected 'default', 'npmi', or a function"):
        Phrases(texts, scoring="pmi")
    (tmp_path / "p").write_text("{}\n")
    with pytest.raises(InputError, match=r"p: .* expected phrases that vastmax.gensim saved|not phrases that"):
        Phrases.load(tmp_path / "p")
