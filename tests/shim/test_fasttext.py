"""`vastmax.gensim.FastText`: words never seen have vectors, through training, updates and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vastmax.embedding import SubwordVectors, WordVectors
from vastmax.errors import InputError
from vastmax.gensim.models import FastText, Word2Vec
from vastmax.gensim.models.fasttext import (
    FastTextKeyedVectors,
    load_facebook_model,
    load_facebook_vectors,
    save_facebook_model,
)

ANIMALS, TOOLS = ["cat", "dog", "cow"], ["saw", "axe", "hoe"]
TEXT = [[kind, *rest] for kinds, rest in ((ANIMALS, ["eats", "sleeps"]), (TOOLS, ["cuts", "breaks"])) for kind in kinds]
SMALL = {"vector_size": 12, "min_count": 1, "bucket": 100_000, "min_n": 2, "max_n": 3, "workers": 1, "window": 2}


@pytest.fixture(scope="module", params=[0, 1], ids=["cbow", "skipgram"])
def model(request: pytest.FixtureRequest) -> FastText:
    return FastText(TEXT * 60, sg=request.param, epochs=3, **SMALL)


def test_words_never_seen_have_the_mean_of_their_ngrams(model: FastText) -> None:
    wv = model.wv
    assert isinstance(wv, FastTextKeyedVectors)
    assert "cats" in wv
    assert "cats" not in wv.key_to_index
    assert wv.subwords is not None
    np.testing.assert_array_equal(wv["cats"], wv.subwords.vector("cats"))
    assert {word for word, _ in wv.most_similar("sleep", topn=3)} <= set(wv.index_to_key)
    assert wv.similarity("sleeping", "sleeps") > 0
    with pytest.raises(KeyError, match="not present"):
        wv["日本"]


def test_known_words_are_the_means_of_their_rows(model: FastText) -> None:
    wv = model.wv
    assert isinstance(wv, FastTextKeyedVectors)
    before = np.array(wv.vectors)
    wv.adjust_vectors()
    np.testing.assert_allclose(wv.vectors, before, atol=1e-6)


@pytest.mark.parametrize(("hs", "negative"), [(1, 0), (0, 3)])
def test_a_model_learns_new_words_and_keeps_the_old(hs: int, negative: int) -> None:
    model = FastText(TEXT * 30, sg=1, hs=hs, negative=negative, epochs=1, **SMALL)
    assert isinstance(model.wv, FastTextKeyedVectors)
    old, unseen = np.array(model.wv["eats"]), np.array(model.wv["cats"])
    more = [["bear", "eats", "sleeps"]] * 20
    model.build_vocab(more, update=True)
    model.train(more, total_examples=len(more), epochs=1)
    assert "bear" in model.wv.key_to_index
    assert 0 < np.abs(model.wv["eats"] - old).max() < 1
    assert np.abs(model.wv["cats"] - unseen).max() < 1
    assert len(model.wv.vectors_vocab) == len(model.wv)


def test_a_saved_model_goes_on(model: FastText, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(str(path))
    again = FastText.load(str(path))
    assert (again.min_n, again.max_n, again.bucket, again.sg) == (2, 3, 100_000, model.sg)
    np.testing.assert_array_equal(again.wv["cats"], model.wv["cats"])
    again.train(TEXT, total_examples=len(TEXT), epochs=1)
    assert isinstance(WordVectors.load(path), SubwordVectors)
    with pytest.raises(InputError, match=r"holds FastText and no Word2Vec; load it with FastText\.load"):
        Word2Vec.load(str(path))


def test_files_of_fasttext_are_models(model: FastText, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    save_facebook_model(model, path)
    again = load_facebook_model(path)
    assert again.sg == model.sg
    np.testing.assert_allclose(again.wv["cats"], model.wv["cats"], atol=1e-6)
    np.testing.assert_allclose(load_facebook_vectors(path)["cat"], model.wv["cat"], atol=1e-6)
    again.train(TEXT, total_examples=len(TEXT), epochs=1)


def test_without_ngrams_it_is_a_word2vec() -> None:
    model = FastText(TEXT * 10, epochs=1, **{**SMALL, "bucket": 0})
    assert "cats" not in model.wv
    assert "cat" in model.wv
