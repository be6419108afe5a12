"""Drawing words from a law that is sharpened and cut; beam search; the encoder's state; an index of the head."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from vastmax import Head, objective, output, search
from vastmax.encoder import LSTM
from vastmax.errors import InputError
from vastmax.language_model import SENTENCE_END, LanguageModel, beam_search, generate, next_words, sentence_log_probs
from vastmax.language_model.generation import Sampling, check_choice
from vastmax.text import Vocabulary

WORDS = [SENTENCE_END, "the", "cat", "sat", "on", "mat", "a"]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    torch.manual_seed(0)
    head = Head(output.Dense(6, len(WORDS)), objective.CrossEntropy())
    made = LanguageModel(LSTM(len(WORDS), 6), head).eval()
    with torch.no_grad():
        head.output.get_parameter("weight").mul_(8)
    return made


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(WORDS, np.arange(len(WORDS), 0, -1))


def test_greedy_choice_is_the_best_word_after_all_that_was_read(model: LanguageModel, vocabulary: Vocabulary) -> None:
    """Also a check of the encoder's state: each word is what reading the whole sentence anew predicts."""
    (words,) = generate(model, vocabulary, context=["the"], max_words=8, sampling=Sampling(top_k=1))
    for at in range(1, len(words)):
        assert words[at] == next_words(model, vocabulary, words[:at], 1)[0][0]


@pytest.mark.parametrize(
    ("sampling", "allowed"),
    [
        (Sampling(top_k=2), 2),
        (Sampling(top_k=3), 3),
        (Sampling(top_p=1e-320), 1),
        (Sampling(temperature=1e-3), 1),
        (Sampling(temperature=1e-320, top_k=5), 1),
    ],
)
def test_only_the_best_words_are_drawn(
    model: LanguageModel, vocabulary: Vocabulary, sampling: Sampling, allowed: int
) -> None:
    drawn = generate(model, vocabulary, context=["cat"], num_sentences=400, max_words=1, sampling=sampling)
    best = [word for word, _ in next_words(model, vocabulary, ["cat"], allowed)]
    said = {words[1] if len(words) > 1 else SENTENCE_END for words in drawn}
    assert said == set(best)


def test_the_law_that_is_drawn_from(model: LanguageModel, vocabulary: Vocabulary) -> None:
    hidden = torch.randn(6, generator=torch.Generator().manual_seed(1)).expand(20_000, 6)
    said = torch.tensor([[1, 2]]).expand(20_000, 2)
    sampling = Sampling(temperature=1.5, top_k=5, repetition_penalty=3.0)
    drawn = sampling.draw(model, hidden, said, generator=torch.Generator().manual_seed(2))
    score = model.head.log_prob(hidden[0]).detach()
    best = score.topk(5).indices
    law = torch.zeros(len(WORDS))
    law[best] = ((score[best] - np.log(3.0) * ((best == 1) | (best == 2))) / 1.5).softmax(0)
    share = torch.bincount(drawn, minlength=len(WORDS)) / len(drawn)
    assert ((share - law).abs() <= 4 * (law * (1 - law) / len(drawn)).sqrt()).all()


def test_a_nucleus_is_the_smallest_that_has_its_share(model: LanguageModel) -> None:
    hidden = torch.randn(6, generator=torch.Generator().manual_seed(3)).expand(3_000, 6)
    law = model.head.log_prob(hidden[0]).exp().detach().sort(descending=True)
    wanted = float(law.values[:2].sum()) - 1e-4
    drawn = Sampling(top_p=wanted).draw(model, hidden, torch.zeros(3_000, 0, dtype=torch.int64))
    assert set(drawn.tolist()) == set(law.indices[:2].tolist())


def test_beams_find_the_most_probable_sentences(model: LanguageModel, vocabulary: Vocabulary) -> None:
    """With as many beams as there are beginnings: what trying every sentence finds."""
    found = beam_search(model, vocabulary, context=["the"], beams=50, max_words=2)
    others = [word for word in WORDS if word != SENTENCE_END]
    ended = [["the", *rest] for n in (0, 1) for rest in itertools.product(others, repeat=n)]
    cut = [["the", *rest] for rest in itertools.product(others, repeat=2)]
    of_ended, of_cut = (sentence_log_probs(model, vocabulary, each) for each in (ended, cut))
    score = {tuple(words): sum(p[1:]) for words, p in zip(ended, of_ended, strict=True)}
    score |= {tuple(words): sum(p[1:-1]) for words, p in zip(cut, of_cut, strict=True)}
    expected = sorted(score.items(), key=lambda item: -item[1])[: len(found)]
    assert [tuple(words) for words, _ in found[:20]] == [words for words, _ in expected[:20]]
    assert [p for _, p in found] == pytest.approx([p for _, p in expected], abs=1e-4)


def test_an_index_changes_nothing(model: LanguageModel, vocabulary: Vocabulary) -> None:
    index = search.Certified(model.head)
    plain: dict[str, Any] = {"context": ["the"], "num_sentences": 3, "sampling": Sampling(top_k=3)}
    assert generate(model, vocabulary, **plain) == generate(model, vocabulary, **plain, search=index)
    found = next_words(model, vocabulary, ["the"], 4, search=index)
    assert [word for word, _ in found] == [word for word, _ in next_words(model, vocabulary, ["the"], 4)]
    words = beam_search(model, vocabulary, beams=3, max_words=4, search=index)
    assert [each for each, _ in words] == [each for each, _ in beam_search(model, vocabulary, beams=3, max_words=4)]
    assert len(generate(model, vocabulary, num_sentences=4, sampling=Sampling(temperature=0.7), search=index)) == 4


def test_what_is_refused() -> None:
    for options, says in [
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
        ({"repetition_penalty": 0.5}, "repetition_penalty is 0.5"),
    ]:
        with pytest.raises(InputError, match=says):
            Sampling(**options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="beam search draws nothing"):
        check_choice(Sampling(top_k=3), 4)
