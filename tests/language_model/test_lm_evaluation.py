"""Perplexity: exact, over every word, whatever the head was trained with; against a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vastmax import RECIPES, Corpus
from vastmax.encoder import LSTM, LogBilinear
from vastmax.errors import InputError
from vastmax.language_model import SENTENCE_END, LanguageModel, language_vocabulary, perplexity, text_of

SENTENCES = [["the", "cat", "sat"], ["the", "dog"], ["a", "cat", "and", "the", "dog"], ["sat"]] * 3


def corpus_and_model(recipe: str):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    corpus = Corpus(SENTENCES)
    vocabulary = language_vocabulary(corpus)
    head = RECIPES[recipe](8, vocabulary)
    model = LanguageModel(LSTM(len(vocabulary), 8), head).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return vocabulary, text_of(corpus, vocabulary), model


@pytest.mark.parametrize("recipe", ["softmax", "nce", "negative-sampling", "hierarchical-softmax", "adaptive"])
def test_perplexity_is_that_of_a_loop(recipe: str) -> None:
    vocabulary, text, model = corpus_and_model(recipe)
    end = vocabulary.id(SENTENCE_END)
    result = perplexity(model, text, vocabulary, first_id=end, num_streams=1, bptt=5, band_edges=[2, 5])
    read = torch.from_numpy(np.concatenate([[end], text[:-1]]).astype(np.int64))[None]
    hidden, _ = model.encoder(read)
    log_prob = model.head.log_prob(hidden)[0].detach().numpy()
    of_word = -log_prob[np.arange(len(text)), text]
    assert result.nats == pytest.approx(of_word.mean(), rel=1e-9)
    assert result.words == len(text)
    assert result.perplexity == pytest.approx(math.exp(of_word.mean()))
    letters = len("\n".join(" ".join(sentence) for sentence in SENTENCES)) + 1
    assert result.letters == letters
    assert result.bits_per_character == pytest.approx(of_word.sum() / math.log(2) / letters)
    bands = {0: text < 2, 2: (text >= 2) & (text < 5), 5: text >= 5}
    assert [first for first, *_ in result.bands] == [0, 2, 5]
    for first, words, nats in result.bands:
        assert words == bands[first].sum()
        assert nats == pytest.approx(of_word[bands[first]].mean())
    assert model.training


def test_the_unnormalised_figure_stands_beside() -> None:
    vocabulary, text, model = corpus_and_model("nce")
    result = perplexity(model, text, vocabulary, first_id=0, num_streams=2)
    assert result.unnormalised_nats is not None
    assert result.unnormalised_nats != pytest.approx(result.nats)
    plain = model.head.output
    hidden, _ = model.encoder(torch.zeros(1, 1, dtype=torch.int64))
    score, log_normaliser = plain.exact(hidden[0], torch.tensor([3]))
    assert model.head.log_prob(hidden[0], torch.tensor([3])).item() == pytest.approx((score - log_normaliser).item())
    vocabulary, text, model = corpus_and_model("softmax")
    assert perplexity(model, text, vocabulary, first_id=0).unnormalised_nats is None


def test_cutting_the_text_into_streams_forgets_a_little() -> None:
    vocabulary, text, model = corpus_and_model("softmax")
    one = perplexity(model, text, vocabulary, first_id=0, num_streams=1).nats
    several = perplexity(model, text, vocabulary, first_id=0, num_streams=3).nats
    assert one != several
    assert one == pytest.approx(several, rel=0.2)


def test_sizes_must_agree() -> None:
    head = RECIPES["softmax"](8, [1] * 10)
    with pytest.raises(InputError, match="the encoder's hidden_size is 4, the head's 8; expected the same"):
        LanguageModel(LogBilinear(10, 4), head)
    with pytest.raises(InputError, match="the encoder's vocab_size is 11, the head's 10"):
        LanguageModel(LogBilinear(11, 8), head)
