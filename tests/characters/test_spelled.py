"""Words as symbols, and the tree of their prefixes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vastmax.characters import Spelled, Trie
from vastmax.characters.spelled import BEGIN, END, UNKNOWN
from vastmax.errors import InputError
from vastmax.text import Vocabulary

words_of_text = st.text(min_size=1, max_size=6).filter(lambda word: word.isprintable())
texts = st.lists(words_of_text, min_size=1, max_size=30, unique=True)


def letters(spelled: Spelled, word: int) -> list[int]:
    return spelled.symbols[spelled.offsets[word] : spelled.offsets[word + 1]].tolist()


@given(texts)
def test_words_are_their_bytes(words: list[str]) -> None:
    spelled = Spelled.of(words, unknown=None)
    assert len(spelled) == len(words)
    for word_id, word in enumerate(words):
        assert letters(spelled, word_id) == [BEGIN, *word.encode(), END]


def test_the_unknown_word_has_a_symbol_of_its_own() -> None:
    spelled = Spelled.of(["a", "<unk>", "ü"])
    assert letters(spelled, 1) == [BEGIN, UNKNOWN, END]
    assert letters(spelled, 2) == [BEGIN, 0xC3, 0xBC, END]
    assert letters(Spelled.of(["<unk>"], unknown=None), 0) == [BEGIN, *b"<unk>", END]


def test_a_vocabulary_is_spelled_in_id_order() -> None:
    vocabulary = Vocabulary.from_counts({"the": 5, "cat": 3, "<unk>": 2})
    spelled = Spelled.of(vocabulary.words)
    assert [bytes(letters(spelled, w)[1:-1]) for w in (0, 1)] == [b"the", b"cat"]
    assert letters(spelled, 2)[1] == UNKNOWN


def test_bad_words_are_refused() -> None:
    with pytest.raises(InputError, match="there are no words to spell"):
        Spelled.of([])
    with pytest.raises(InputError, match="word 2, 'to', occurs twice"):
        Spelled.of(["to", "too", "to"])
    with pytest.raises(InputError, match="word 1 is ''"):
        Spelled.of(["to", ""])


@given(texts)
def test_every_word_is_one_leaf_of_the_trie(words: list[str]) -> None:
    spelled = Spelled.of(words)
    trie = Trie.of(spelled)
    found: dict[int, list[int]] = {}

    def walk(node: int, path: list[int]) -> None:
        children = range(trie.first_child[node], trie.first_child[node + 1])
        assert (trie.word_id[node] >= 0) == (len(children) == 0)
        if not children:
            found[int(trie.word_id[node])] = path
        symbols = [int(trie.symbol[child]) for child in children]
        assert symbols == sorted(set(symbols))
        for child, symbol in zip(children, symbols, strict=True):
            walk(child, [*path, symbol])

    walk(0, [])
    assert found == {w: letters(spelled, w)[1:] for w in range(len(words))}
    prefixes = {tuple(path[:n]) for path in found.values() for n in range(len(path) + 1)}
    assert len(trie) == len(prefixes)
    assert trie.depth == max(map(len, found.values()))
    assert np.array_equal(np.sort(trie.word_id[trie.word_id >= 0]), np.arange(len(words)))
