"""Each piece of advice comes when it should, names the value and the fix, and never otherwise."""

from __future__ import annotations

import random
from typing import Any

import pytest

from vastmax.embedding import advice as advice_module
from vastmax.embedding.advice import advice
from vastmax.embedding.settings import TrainingSettings, checked
from vastmax.embedding.train import train_embeddings
from vastmax.text import Corpus


def text(words: int = 400, sentences: int = 3000, length: int = 12, seed: int = 1) -> list[list[str]]:
    """Words by Zipf's law."""
    chance = random.Random(seed)
    names = [f"w{i}" for i in range(words)]
    weights = [1 / (i + 10) for i in range(words)]
    return [chance.choices(names, weights, k=length) for _ in range(sentences)]


SENTENCES = text()


def advice_on(sentences: list[list[str]], **options: Any) -> list[str]:
    settings = checked(TrainingSettings(**options))
    corpus = Corpus(sentences, cache=False)
    vocabulary = corpus.vocabulary.without(settings.stop_words)
    vocabulary = vocabulary.truncate(min_count=settings.min_count, max_size=settings.max_final_vocab)
    return advice(corpus, vocabulary, settings)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice_module, "usable_cores", lambda: 2)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"threads": 2, "window": 12, "min_count": 1, "sample": 1e-4, "negative": 20},
        {"stop_words": ["w0", "elsewhere"], "vector_size": 300},
        {"sample": 0.0, "max_final_vocab": 300},
    ],
)
def test_sensible_settings_are_left_alone(options: dict[str, Any]) -> None:
    assert advice_on(SENTENCES, **({"threads": 1} | options)) == []


RARE = [*SENTENCES, *([f"once{i}"] * 2 for i in range(400))]


@pytest.mark.parametrize(
    ("sentences", "options", "named"),
    [
        (SENTENCES, {"threads": 3}, ["threads is 3", "2 cores", "threads=2"]),
        (RARE, {"min_count": 1}, ["min_count is 1: 400 of the 800 words", "try min_count=5"]),
        (SENTENCES, {"min_count": 200, "vector_size": 30}, ["min_count is 200", "% of the text", "lower it"]),
        (
            SENTENCES,
            {"max_final_vocab": 20, "vector_size": 20, "window": 3},
            ["max_final_vocab is 20", "% of the text", "allow more words"],
        ),
        (SENTENCES, {"sample": 1e-7}, ["sample is 1e-07", "of the text", "try sample=0.0001"]),
        (SENTENCES, {"window": 13}, ["window is 13", "12.0 words on average", "window=12"]),
        (SENTENCES, {"vector_size": 401}, ["vector_size is 401", "400 words", "vector_size=400 or less"]),
        (
            text(40, length=20),
            {"negative": 40, "vector_size": 8},
            ["negative is 40", "40 words", "negative=10 or less"],
        ),
        (
            SENTENCES,
            {"stop_words": ["Der", "Die"]},
            ["not one of the 2 stop_words", "'Der'", "same language and case"],
        ),
        (
            [text(length=10_001, sentences=1)[0]],
            {},
            ["one line of 10,001 words", "put one sentence or paragraph per line"],
        ),
    ],
    ids=lambda value: next(iter(value), "one line") if isinstance(value, dict) else "",
)
def test_each_is_given_alone_and_says_what_to_do(
    sentences: list[list[str]], options: dict[str, Any], named: list[str]
) -> None:
    given = advice_on(sentences, **({"threads": 1} | options))
    assert len(given) == 1, given
    assert all(part in given[0] for part in named), given[0]
    assert "\n" not in given[0]


def test_the_fix_is_a_fix() -> None:
    assert advice_on(SENTENCES, threads=2, vector_size=400, window=12, sample=1e-4) == []
    assert advice_on(text(40, length=20), negative=10, vector_size=8, threads=1) == []
    assert advice_on(RARE, min_count=5, threads=1) == []


def test_few_words_want_no_sampling() -> None:
    few = [["a", "b", "c", "d", "e", "f"]] * 200
    [line] = advice_on(few, threads=1, vector_size=4, negative=2, sample=1e-4)
    assert "try sample=0.01" in line
    assert advice_on(few, threads=1, vector_size=4, negative=2, sample=1e-2) == []


def test_words_left_out_on_purpose_are_not_missed() -> None:
    mostly_stop_words = [["the", "of"] * 5 + ["cat", "dog", "cow", "hen", "pig", "ant"]] * 100
    given = advice_on(mostly_stop_words, threads=1, stop_words=["the", "of"], vector_size=4, negative=2, sample=0.0)
    assert given == []


def test_training_tells_whoever_asks() -> None:
    heard: list[str] = []
    train_embeddings([["a", "b", "c"]] * 20, vector_size=3, negative=2, threads=1, sample=0, advise=heard.append)
    assert len(heard) == 1
    assert heard[0].startswith("window is 5, but a line of the text has 3.0 words")
