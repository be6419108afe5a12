"""Encoders, recipes and their options by name; what a model says of sentences, held against a loop."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from vastmax import RECIPES, Corpus
from vastmax.encoder import ENCODERS
from vastmax.errors import InputError
from vastmax.language_model import (
    SENTENCE_END,
    ModelConfig,
    TrainingText,
    generate,
    language_vocabulary,
    next_words,
    sentence_log_probs,
    training_text,
)
from vastmax.language_model.options import options_of, parsed_options
from vastmax.tree import Tree


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
def test_every_encoder_predicts_and_learns(small_text: TrainingText, encoder: str) -> None:
    kind = ENCODERS[encoder]
    assert kind.summary
    assert kind.source[-4:].isdigit()
    model = ModelConfig(encoder, "softmax", 8).build(small_text.vocabulary)
    words = torch.from_numpy(small_text.training[:20].astype(np.int64))[None]
    loss, _ = model(words[:, :-1], words[:, 1:])
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_parameters_come_from_the_seed_and_nothing_else_moves(small_text: TrainingText) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (ModelConfig(hidden_size=8, seed=seed).build(small_text.vocabulary) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    pairs = list(zip(one.parameters(), same.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert not any(torch.equal(a, c) for a, _, c in pairs if a.ndim > 1 and a.std() > 0)


@pytest.mark.parametrize("method", ["softmax", "sampled-softmax"])
def test_tied_words_share_their_vectors(small_text: TrainingText, method: str) -> None:
    model = ModelConfig("lstm", method, 8, tied=True).build(small_text.vocabulary)
    assert model.encoder.embedding.weight is model.head.output.weight
    words = torch.from_numpy(small_text.training[:20].astype(np.int64))[None]
    model(words[:, :-1], words[:, 1:])[0].backward()
    gradient = model.head.output.weight.grad
    assert gradient.is_sparse == (method == "sampled-softmax")


def test_a_method_that_must_be_told_what_text_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    told = replace(RECIPES["softmax"], needs=frozenset({"context:user_id"}))
    monkeypatch.setitem(RECIPES, "softmax", told)
    with pytest.raises(InputError, match="the method 'softmax' needs user_id with every batch, which the training of"):
        ModelConfig("lstm", "softmax")


def test_what_cannot_be_built(small_text: TrainingText) -> None:
    vocabulary = small_text.vocabulary
    with pytest.raises(InputError, match="encoder is 'gru'; expected log-bilinear, feed-forward, lstm, transformer"):
        ModelConfig("gru")
    with pytest.raises(InputError, match="method is 'hsoftmax'; expected softmax, hierarchical-softmax, "):
        ModelConfig("lstm", "hsoftmax")
    with pytest.raises(InputError, match="'adaptive' has Adaptive: leave tied out"):
        ModelConfig("lstm", "adaptive", 8, tied=True).build(vocabulary)
    with pytest.raises(InputError, match="tied words need embedding_size 8, the hidden_size, not 4"):
        ModelConfig("lstm", "softmax", 8, {"embedding_size": 4}, tied=True).build(vocabulary)


def test_options_as_text() -> None:
    def build(
        hidden_size: int, *, rate: float | None = None, deep: bool = False, sizes: list[int] | None = None
    ) -> None:
        pass

    assert parsed_options(build, ["rate=0.5", "deep=true", "sizes=3,4"], of="it") == {
        "rate": 0.5,
        "deep": True,
        "sizes": [3, 4],
    }
    assert parsed_options(build, ["rate=none"], of="it") == {"rate": None}
    assert parsed_options(RECIPES["nce"].build, ["log_normaliser=linear", "num-samples=5"], of="nce") == {
        "log_normaliser": "linear",
        "num_samples": 5,
    }
    for assignment, says in [
        ("rate", "'rate' is not an option of it; expected NAME=VALUE"),
        ("speed=1", "it has no option 'speed'; it has rate, deep, sizes"),
        ("deep=1", "deep=1 of it: expected true or false"),
        ("rate=fast", "rate=fast of it: expected a number or none"),
        ("sizes=3,x", "sizes=3,x of it: expected numbers separated by commas or none"),
    ]:
        with pytest.raises(InputError, match=says):
            parsed_options(build, [assignment], of="it")
    with pytest.raises(InputError, match="given twice"):
        parsed_options(build, ["rate=1", "rate=2"], of="it")
    with pytest.raises(InputError, match="lstm has no option 'sparse_gradients'; it has embedding_size, num_layers"):
        parsed_options(ENCODERS["lstm"].build, ["sparse_gradients=false"], of="lstm", allowed=ENCODERS["lstm"].options)


@pytest.mark.parametrize("build", [*(r.build for r in RECIPES.values()), *(k.build for k in ENCODERS.values())])
def test_every_option_can_be_given_as_text(build: Any) -> None:
    for name, default in options_of(build).items():
        shown = "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
        assert parsed_options(build, [f"{name}={shown}"], of="it") == {name: default}


def test_what_takes_an_object_is_no_option_of_a_command() -> None:
    def build(hidden_size: int, *, tree: Tree | None = None, alpha: float = 1.0) -> None:
        pass

    assert options_of(build) == {"alpha": 1.0}
    with pytest.raises(InputError, match="it has no option 'tree'; it has alpha"):
        parsed_options(build, ["tree=none"], of="it")


@pytest.fixture(scope="module")
def model_and_words(small_text: TrainingText) -> tuple[Any, Any]:
    model = ModelConfig("transformer", "negative-sampling", 8).build(small_text.vocabulary).eval().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return model, small_text.vocabulary


def test_sentences_are_scored_word_by_word(model_and_words: tuple[Any, Any]) -> None:
    model, vocabulary = model_and_words
    sentences = [["the", "cat"], [], ["paint", "it", "zebra", "or", "red"]]
    found = sentence_log_probs(model, vocabulary, sentences)
    for words, log_probs in zip(sentences, found, strict=True):
        ids = [vocabulary.id(word) for word in [SENTENCE_END, *words, SENTENCE_END]]
        expected = []
        for i in range(1, len(ids)):
            hidden, _ = model.encoder(torch.tensor([ids[:i]]))
            expected.append(model.head.log_prob(hidden[:, -1])[0, ids[i]].item())
        assert log_probs == pytest.approx(expected, rel=1e-9)
    assert sentence_log_probs(model, vocabulary, []) == []


def test_the_next_words_are_the_most_probable(model_and_words: tuple[Any, Any]) -> None:
    model, vocabulary = model_and_words
    found = next_words(model, vocabulary, ["the", "cat"], len(vocabulary))
    assert sum(probability for _, probability in found) == pytest.approx(1)
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
    for word, probability in found[:3]:
        assert math.log(probability) == pytest.approx(
            sentence_log_probs(model, vocabulary, [["the", "cat", word]])[0][2]
            if word != SENTENCE_END
            else sentence_log_probs(model, vocabulary, [["the", "cat"]])[0][2]
        )
    with pytest.raises(InputError, match="k is 0"):
        next_words(model, vocabulary, [], 0)


def test_sentences_are_drawn_as_probable_as_they_are(model_and_words: tuple[Any, Any]) -> None:
    model, vocabulary = model_and_words
    drawn = generate(model, vocabulary, context=["the"], num_sentences=2_000, max_words=2, seed=3)
    assert drawn == generate(model, vocabulary, context=["the"], num_sentences=2_000, max_words=2, seed=3)
    assert all(words[0] == "the" and len(words) <= 3 and SENTENCE_END not in words for words in drawn)
    share = sum(len(words) == 1 for words in drawn) / len(drawn)
    ends = math.exp(sentence_log_probs(model, vocabulary, [["the"]])[0][1])
    assert share == pytest.approx(ends, abs=4 * math.sqrt(ends * (1 - ends) / len(drawn)))
    with pytest.raises(InputError, match="max_words is 0"):
        generate(model, vocabulary, max_words=0)


def test_the_vocabulary_is_that_of_the_training_text_alone() -> None:
    corpus = Corpus([["a", "b", "a"], ["b", "a"], ["c", "c", "c", "c", "d"]])
    text = training_text(corpus, held_out=0.5, min_count=1)
    assert text.vocabulary == language_vocabulary(Corpus([["a", "b", "a"], ["b", "a"]]))
    assert [text.vocabulary.word(i) for i in text.training] == ["a", "b", "a", "</s>", "b", "a", "</s>"]
    assert text.validation is not None
    assert [text.vocabulary.word(i) for i in text.validation] == ["<unk>"] * 5 + ["</s>"]
    with pytest.raises(InputError, match="one sentence"):
        training_text(Corpus([["a", "b"]]))
    with pytest.raises(InputError, match="none of the 2 words of the text is among the 4 of the model"):
        training_text(Corpus([["a", "b"]]), Corpus([["x", "y"]]), min_count=1)
    with pytest.raises(InputError, match=r"held_out is 1\.5; expected a number of at least 0 and below 1"):
        training_text(corpus, held_out=1.5)
