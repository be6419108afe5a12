"""The contract over every method, and the registry itself."""

from __future__ import annotations

import pytest
import torch

from contract import D, HeadContract, V, own_method, zipf_words
from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.methods import RECIPES, Method, register
from vastmax.methods.case import PURPOSES, SIZES
from vastmax.output import Dense
from vastmax.text import Corpus


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Method:
    return RECIPES[request.param]


class TestRecipes(HeadContract):
    pass


def test_entries_describe_themselves(recipe: Method) -> None:
    assert recipe.name in RECIPES
    assert recipe.summary
    assert recipe.source[-4:].isdigit(), "a source ends with its year"
    assert all(need in ("words", "corpus") or need.startswith("context:") for need in recipe.needs)
    assert (recipe.published.speed_up_paper is None) == (recipe.published.speed_up_source is None)


def test_no_two_methods_share_a_place() -> None:
    for place in ("complexity", "title"):
        assert len({getattr(method, place) for method in RECIPES.values()}) == len(RECIPES)
    assert len({(method.family, method.family_rank) for method in RECIPES.values()}) == len(RECIPES)


def test_ranks_are_places_without_ties() -> None:
    for purpose in PURPOSES:
        for size in range(len(SIZES)):
            ranks = [method.take.rank[purpose][size] for method in RECIPES.values() if purpose in method.take.rank]
            taken = sorted(rank for rank in ranks if rank is not None)
            assert taken == list(range(1, len(taken) + 1)), (purpose, size)


def test_layers_are_what_the_method_says(recipe: Method) -> None:
    head = recipe(D, Corpus([["a", "b", "a", "c"]], cache=False) if "corpus" in recipe.needs else zipf_words(V))
    assert recipe.dense == (type(head.output) is Dense)
    if recipe.dense:
        assert recipe.self_normalising == head.objective.self_normalising


def test_a_name_is_taken_once() -> None:
    with pytest.raises(InputError, match="there is a method 'nce' already"):
        register(own_method("nce", lambda hidden_size, vocabulary: Head.__new__(Head)))


def test_what_is_untrained_predicts_the_unigrams(recipe: Method) -> None:
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


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(InputError, match=r"no recipe is called 'sampled_softmax'; did you mean 'sampled-softmax'\?"):
        RECIPES["sampled_softmax"]
    with pytest.raises(KeyError, match="no recipe is called 3; expected one of adaptive, "):
        RECIPES[3]  # type: ignore[index]
    assert RECIPES.get("sampled_softmax") is None
    assert "sampled_softmax" not in RECIPES


def test_a_number_in_place_of_counts(recipe: Method) -> None:
    with pytest.raises(InputError, match=r"pass \[1\] \* V|pass a Corpus|pass a Vocabulary"):
        recipe(D, 5000)


@pytest.mark.parametrize("hidden_size", ["8", 8.0, None, 0, -1])
def test_sizes_are_whole_numbers(recipe: Method, hidden_size: object) -> None:
    with pytest.raises(InputError, match=f"hidden_size is {hidden_size!r}; expected a whole number|needs hidden_size"):
        recipe(hidden_size, zipf_words(V))  # type: ignore[arg-type]


def test_words_are_asked_for() -> None:
    speller = own_method("speller", lambda hidden_size, vocabulary: Head.__new__(Head), frozenset({"words"}))
    with pytest.raises(InputError, match="recipe 'speller' spells words out: pass a Vocabulary"):
        speller(4, [1, 2, 3])


def test_a_corpus_is_asked_for() -> None:
    with pytest.raises(
        InputError, match="recipe 'adaptive-importance-sampling' learns from the text itself: pass a Corpus"
    ):
        RECIPES["adaptive-importance-sampling"](4, [1, 2, 3])
    corpus = Corpus([["a", "b", "a", "b", "c"], ["a", "b"]], cache=False)
    cut = corpus.encode_with(corpus.vocabulary.truncate(max_size=2))
    for source, vocab_size in ((corpus, 3), (cut, 2)):
        head = RECIPES["adaptive-importance-sampling"](4, source)
        assert head.vocab_size == vocab_size
