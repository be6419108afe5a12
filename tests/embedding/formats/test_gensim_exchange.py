"""gensim reads what we write and we read what it writes; searches agree on the same vectors."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from vastmax.embedding import WordVectors
from vastmax.errors import InputError


@pytest.fixture(scope="module")
def gensim_models() -> ModuleType:
    """Imported when a test asks, for it takes two seconds."""
    return pytest.importorskip("gensim.models", reason="gensim is not installed")


@pytest.fixture(autouse=True)
def quiet_gensim(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="gensim")


def made(V: int = 300, D: int = 20, *, counts: bool = True) -> WordVectors:
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(V - 3)] + ["naïve", "東京", "non\u00a0breaking"]
    return WordVectors(words, rng.normal(size=(V, D)).astype(np.float32), counts=range(V, 0, -1) if counts else None)


def same(keyed: Any, v: WordVectors) -> bool:
    return keyed.index_to_key == v.index_to_key and np.array_equal(keyed.vectors, v.vectors)


# gensim leaves files without a header open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ending", [".txt", ".vec", ".bin", ".glove", ".txt.gz", ".bin.gz"])
def test_gensim_reads_our_files(gensim_models: ModuleType, tmp_path: Path, ending: str) -> None:
    v = made()
    path = tmp_path / f"v{ending}"
    v.save(path)
    keyed = gensim_models.KeyedVectors.load_word2vec_format(
        str(path), binary=".bin" in ending, no_header=ending == ".glove"
    )
    assert same(keyed, v)


@pytest.mark.parametrize(("binary", "write_header"), [(True, True), (False, True), (False, False)])
@pytest.mark.usefixtures("gensim_models")
def test_we_read_gensims_files(tmp_path: Path, binary: bool, write_header: bool) -> None:
    v = made()
    path = tmp_path / "theirs"
    v.to_gensim().save_word2vec_format(str(path), binary=binary, write_header=write_header)
    loaded = WordVectors.load(path)
    assert loaded.index_to_key == v.index_to_key
    assert np.array_equal(loaded.vectors, v.vectors)


def test_a_fasttext_vec_file(gensim_models: ModuleType, tmp_path: Path) -> None:
    """fastText writes four or five digits and a space at the end of each line."""
    path = tmp_path / "wiki.vec"
    path.write_text("3 2\n</s> 0.0012 -0.1 \nthe -0.5 0.25 \n, 1e-05 3 \n", encoding="utf-8")
    v, keyed = WordVectors.load(path), gensim_models.KeyedVectors.load_word2vec_format(str(path))
    assert same(keyed, v)
    assert v["the"].tolist() == [-0.5, 0.25]


@pytest.mark.usefixtures("gensim_models")
def test_gensims_own_file_is_refused_with_the_way_to_convert(tmp_path: Path) -> None:
    path = tmp_path / "theirs.kv"
    made().to_gensim().save(str(path))
    with pytest.raises(InputError, match="this is a Python pickle"):
        WordVectors.load(path)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.usefixtures("gensim_models")
def test_objects_there_and_back(counts: bool) -> None:
    v = made(counts=counts)
    keyed = v.to_gensim()
    assert same(keyed, v)
    assert keyed.next_index == len(v)
    assert not np.shares_memory(keyed.vectors, v.vectors)
    back = WordVectors.from_gensim(keyed)
    assert back.index_to_key == v.index_to_key
    assert np.array_equal(back.vectors, v.vectors)
    assert np.array_equal(back.counts, v.counts) if counts else back.counts is None
    keyed.add_vectors(["new"], [np.ones(20, dtype=np.float32)])  # a whole KeyedVectors, not a look-alike
    assert keyed.get_index("new") == len(v)


@pytest.mark.parametrize("hs", [0, 1])
def test_a_trained_model_brings_its_output_vectors(gensim_models: ModuleType, hs: int) -> None:
    sentences = [["a", "b", "c", "d"], ["b", "c", "e"]] * 20
    model = gensim_models.Word2Vec(
        sentences, vector_size=8, min_count=1, epochs=1, workers=1, hs=hs, negative=0 if hs else 5
    )
    v = WordVectors.from_gensim(model)
    assert same(model.wv, v)
    assert v.counts is not None
    assert dict(zip(v.index_to_key, v.counts.tolist(), strict=True)) == {"a": 20, "b": 40, "c": 40, "d": 20, "e": 20}
    assert np.array_equal(v.output_vectors, model.syn1 if hs else model.syn1neg)


def test_what_is_not_gensims(gensim_models: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="from_gensim got dict; expected gensim 4's KeyedVectors"):
        WordVectors.from_gensim({})
    keyed = gensim_models.KeyedVectors(vector_size=2)
    keyed.add_vectors([0, 1], [np.ones(2), np.ones(2)])
    with pytest.raises(InputError, match="found the key 0; words are strings"):
        WordVectors.from_gensim(keyed)
    monkeypatch.setitem(sys.modules, "gensim", None)
    with pytest.raises(InputError, match=r"to_gensim needs gensim, which is not installed.*pip install '.\[gensim\]'"):
        made().to_gensim()


class TestSearchesAgree:
    v = made(counts=False)
    keyed = v.to_gensim()

    @staticmethod
    def close(ours: list[tuple[str, float]], theirs: list[tuple[str, float]]) -> bool:
        return [w for w, _ in ours] == [w for w, _ in theirs] and np.allclose(
            [s for _, s in ours], [s for _, s in theirs], atol=1e-5
        )

    @pytest.mark.parametrize(
        "query",
        [
            {"positive": "w3"},
            {"positive": ["w3", "w5"], "negative": ["w8"]},
            {"positive": [("w3", 0.5), ("w5", -2.0)], "negative": [("w8", -0.1), "w9"], "topn": 30},
            {"positive": np.arange(20.0)},
            {"positive": [np.arange(20.0), "w3"], "negative": [(np.ones(20), -0.5)]},
            {"positive": ["w3"], "restrict_vocab": 50, "topn": 5},
            {"positive": ["w3"], "topn": 1000},
            {"positive": ["w3"], "topn": 0},
        ],
    )
    def test_most_similar(self, query: dict[str, Any]) -> None:
        assert self.close(self.v.most_similar(**query), self.keyed.most_similar(**query))

    @pytest.mark.filterwarnings("ignore:Call to deprecated:DeprecationWarning")  # gensim calls its own old name
    def test_multiplicative(self) -> None:
        theirs = self.keyed.most_similar_cosmul(positive=["w1", "w2"], negative=["w0"], topn=20)
        assert self.close(self.v.analogy("w0", "w1", "w2", 20, "3cosmul"), theirs)

    def test_odd_one_and_similarity(self) -> None:
        for start in range(0, 40, 4):
            words = self.v.index_to_key[start : start + 4]
            assert self.v.doesnt_match(words) == self.keyed.doesnt_match(words)
            assert self.v.similarity(*words[:2]) == pytest.approx(float(self.keyed.similarity(*words[:2])), abs=1e-6)
