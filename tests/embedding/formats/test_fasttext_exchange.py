"""Word vectors as fastText's models and back: every word, seen or not, keeps its vector."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vastmax import WordVectors, train_embeddings
from vastmax.embedding import SubwordVectors
from vastmax.embedding.formats.fasttext import read_fasttext
from vastmax.errors import InputError, UnknownWordError

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "fasttext"
FACTS = json.loads((GOLDEN / "facts.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def trained() -> WordVectors:
    words = [a + b for a in ("ba", "do", "ki") for b in ("lu", "me", "ny", "")]
    random = np.random.default_rng(0)
    sentences = [list(random.choice(words, 6)) for _ in range(200)]
    return train_embeddings(
        sentences, vector_size=12, min_count=1, epochs=2, threads=1, min_n=2, max_n=3, bucket=300, window=2
    )


@pytest.mark.parametrize("file", FACTS)
def test_fasttexts_own_files_give_fasttexts_own_vectors(file: str) -> None:
    vectors = WordVectors.load(GOLDEN / file)
    assert isinstance(vectors, SubwordVectors)
    assert vectors.index_to_key[:5] == FACTS[file]["first_words"]
    for word, expected in FACTS[file]["vectors"].items():
        if not word:
            continue  # no word has no letters here
        if any(expected):
            np.testing.assert_allclose(vectors[word], expected, atol=2e-6, err_msg=word)
        else:  # fastText gives zeros where there is nothing to go by
            with pytest.raises((UnknownWordError, InputError)):
                vectors[word]


@pytest.mark.parametrize("name", ["v.fasttext.bin", "v.fasttext.bin.gz"])
def test_a_trained_model_comes_back_as_it_was(tmp_path: Path, trained: WordVectors, name: str) -> None:
    assert isinstance(trained, SubwordVectors)
    trained.save(tmp_path / name)
    again = WordVectors.load(tmp_path / name)
    assert isinstance(again, SubwordVectors)
    assert again.index_to_key == trained.index_to_key
    assert again.counts is not None
    np.testing.assert_array_equal(again.counts, trained.counts)
    np.testing.assert_allclose(again.vectors, trained.vectors, atol=1e-6)
    np.testing.assert_allclose(again["balume"], trained["balume"], atol=1e-6)
    np.testing.assert_array_equal(again.output_vectors, trained.output_vectors)


def test_the_file_tells_how_it_was_trained(tmp_path: Path, trained: WordVectors) -> None:
    path = tmp_path / "v.fasttext.bin"
    trained.save(path)
    with open(path, "rb") as stream:
        settings = read_fasttext(stream, str(path), size=None).settings
    assert (settings.vector_size, settings.window, settings.epochs, settings.model) == (12, 2, 2, "skipgram")
    assert (settings.min_n, settings.max_n, settings.bucket) == (2, 3, 300)


def test_a_quantized_model_is_near_and_small(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    vectors = WordVectors([f"w{i}" for i in range(3000)], random.normal(size=(3000, 16)).astype(np.float32))
    for name in ("v.ftz", "v.fasttext.bin"):
        vectors.save(tmp_path / name)
    near = WordVectors.load(tmp_path / "v.ftz")
    error = np.linalg.norm(near.vectors - vectors.vectors) / np.linalg.norm(vectors.vectors)
    assert error < 0.15
    assert near.index_to_key == vectors.index_to_key


def test_quantized_ngrams_still_make_unseen_words(tmp_path: Path, trained: WordVectors) -> None:
    trained.save(tmp_path / "v.ftz")
    near = WordVectors.load(tmp_path / "v.ftz")
    assert isinstance(near, SubwordVectors)
    assert near["balume"] @ trained["balume"] > 0.9 * np.linalg.norm(near["balume"]) * np.linalg.norm(trained["balume"])


def test_the_first_words_only(trained: WordVectors, tmp_path: Path) -> None:
    trained.save(tmp_path / "v.fasttext.bin")
    few = WordVectors.load(tmp_path / "v.fasttext.bin", limit=3)
    assert few.index_to_key == trained.index_to_key[:3]
    np.testing.assert_allclose(few[trained.index_to_key[5]].shape, (12,))


def test_words_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "v.fasttext.bin"
    WordVectors(["caf~"], np.ones((1, 3), np.float32)).save(path)
    path.write_bytes(path.read_bytes().replace(b"caf~", b"caf\xe9"))
    assert WordVectors.load(path, encoding="latin-1").index_to_key == ["café"]
    with pytest.raises(InputError, match=r"the word 'caf.xe9' is not UTF-8 .* name the encoding"):
        WordVectors.load(path)


def test_files_of_the_first_releases(tmp_path: Path) -> None:
    """They have no signature, no pairs of a pruned dictionary and no marks of quantized matrices."""
    raw = (GOLDEN / "skipgram.bin").read_bytes()
    sizes = 8 + 56
    dictionary = raw[sizes + 28 :]
    V, D = 1060, 3
    matrices = 2 * 17 + 4 * D * (V + 60) + 4 * D * V
    words, rows = dictionary[:-matrices], dictionary[-matrices:]
    first, second = rows[1 : 17 + 4 * D * (V + 60)], rows[17 + 4 * D * (V + 60) + 1 :]
    path = tmp_path / "old.bin"
    path.write_bytes(raw[8:sizes] + raw[sizes : sizes + 20] + words + first + second)
    old, new = WordVectors.load(path), WordVectors.load(GOLDEN / "skipgram.bin")
    np.testing.assert_array_equal(old.vectors, new.vectors)
    np.testing.assert_array_equal(old["unseen"], new["unseen"])
