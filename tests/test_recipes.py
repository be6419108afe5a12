"""The contract over every recipe, and the registry itself."""

from __future__ import annotations

import pytest
import torch

from contract import D, HeadContract, V, zipf_words
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.recipes import RECIPES, Recipe
from vastmax.text import Corpus


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return RECIPES[request.param]


class TestRecipes(HeadContract):
    pass


def test_entries_describe_themselves(recipe: Recipe) -> None:
    assert recipe.name in RECIPES
    assert recipe.summary
    assert recipe.source[-4:].isdigit(), "a source ends with its year"
    assert all(need in ("words", "corpus") or need.startswith("context:") for need in recipe.needs)


def test_what_is_untrained_predicts_the_unigrams(recipe: Recipe) -> None:
    """So that methods raced against each other start alike; at h = 0 only biases count."""
    words = zipf_words(V)
    head = recipe(D, words)
    found = head.log_prob(torch.zeros(1, D))[0].detach().double().exp()
    power = 0.75 if recipe.name == "negative-sampling" else 1.0  # the law of its noise, for want of a better start
    law = torch.from_numpy(words.counts**power)
    if recipe.name == "char-lstm":
        assert not torch.allclose(found, law / law.sum(), rtol=0.5), "then it needs no exception here"
    else:
        torch.testing.assert_close(found, law / law.sum(), rtol=1e-4, atol=0)


def test_words_are_asked_for() -> None:
    speller = Recipe("speller", "", "", frozenset({"words"}), lambda hidden_size, vocabulary: Head.__new__(Head))
    with pytest.raises(InputError, match="recipe 'speller' spells words out: pass a Vocabulary"):
        speller(4, [1, 2, 3])


def test_a_corpus_is_asked_for() -> None:
    with pytest.raises(InputError, match="recipe 'adaptive-importance-sampling' counts pairs of words: pass a Corpus"):
        RECIPES["adaptive-importance-sampling"](4, [1, 2, 3])
    corpus = Corpus([["a", "b", "a", "b", "c"], ["a", "b"]], cache=False)
    cut = corpus.encode_with(corpus.vocabulary.truncate(max_size=2))
    for source, vocab_size in ((corpus, 3), (cut, 2)):
        head = RECIPES["adaptive-importance-sampling"](4, source)
        assert head.vocab_size == vocab_size
