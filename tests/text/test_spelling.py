"""Suggestions for a word that is not there."""

from __future__ import annotations

from difflib import SequenceMatcher

from hypothesis import given
from hypothesis import strategies as st

from vastmax.text.spelling import nearest_spellings


def test_typing_errors_find_their_word() -> None:
    known = ["the", "queen", "king", "parliament", "receive", "cat", "car"]
    for typed, meant in (("qeen", "queen"), ("parliment", "parliament"), ("recieve", "receive"), ("Kings", "king")):
        assert nearest_spellings(typed, known)[0] == meant


def test_nothing_is_suggested_when_nothing_is_alike() -> None:
    assert nearest_spellings("xyzzy", ["the", "queen"]) == []
    assert nearest_spellings("", ["the", "queen"]) == []
    assert nearest_spellings("word", []) == []


def test_one_letter_is_enough() -> None:
    assert nearest_spellings("A", ["b", "a"]) == ["a"]


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=30, unique=True), st.integers(0, 4))
def test_suggestions_are_known_alike_and_in_order(word: str, known: list[str], topn: int) -> None:
    found = nearest_spellings(word, known, topn)
    ratios = [SequenceMatcher(a=near.lower(), b=word.lower(), autojunk=False).ratio() for near in found]
    assert set(found) <= set(known)
    assert len(found) <= topn
    assert ratios == sorted(ratios, reverse=True)
    assert all(ratio >= 0.6 for ratio in ratios)
