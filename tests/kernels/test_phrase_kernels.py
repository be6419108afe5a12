"""What the doors of phrases let in, and texts handed over in pieces."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from vastmax.errors import InputError
from vastmax.kernels.phrases import PairCounts, PhraseJoiner, Piece, count_pairs

pytestmark = pytest.mark.compiled_once


def counted(
    pieces: list[Piece], *, num_words: int = 50, countable: int = 50, memory_bytes: int = 1 << 20
) -> PairCounts:
    return count_pairs(
        lambda: pieces,
        num_words=num_words,
        num_countable=countable,
        connectors=None,
        least=1,
        memory_bytes=memory_bytes,
    )


def piece(ids: list[int], ends: list[int]) -> Piece:
    return np.array(ids, dtype=np.int32), np.array(ends, dtype=np.int64)


def as_dict(pairs: PairCounts) -> dict[tuple[int, int], int]:
    return dict(
        zip(zip(pairs.prefixes.tolist(), pairs.words.tolist(), strict=True), pairs.counts.tolist(), strict=True)
    )


@pytest.mark.parametrize("memory_bytes", [256, 1000, 1 << 20])
@pytest.mark.parametrize("countable", [50, 20])
def test_counts_are_exact_whatever_the_memory(memory_bytes: int, countable: int) -> None:
    ids = np.random.default_rng(1).zipf(1.3, 5000) % 50
    expected = Counter((a, b) for a, b in pairwise(ids.tolist()) if max(a, b) < countable)
    pairs = counted([piece(ids.tolist(), [5000])], countable=countable, memory_bytes=memory_bytes)
    assert as_dict(pairs) == expected
    assert pairs.num_distinct == len(expected)


def test_a_sentence_goes_on_in_the_next_piece_and_ends_where_it_is_said_to() -> None:
    pairs = counted([piece([1, 2], []), piece([], []), piece([3, 4, 5], [1, 2]), piece([], [0]), piece([6], [1])])
    assert as_dict(pairs) == {(1, 2): 1, (2, 3): 1}


def test_each_reading_starts_anew() -> None:
    pieces = [piece(list(range(40)), [])]  # the last sentence has no end
    pairs = counted(pieces, memory_bytes=256)
    assert as_dict(pairs) == dict.fromkeys(pairwise(range(40)), 1)


@pytest.mark.parametrize(
    ("ids", "ends", "message"),
    [
        ([0, 50], [2], "a word id outside the vocabulary"),
        ([-1], [1], "a word id outside the vocabulary"),
        ([0, 1], [3], "sentence ends out of order"),
        ([0, 1], [2, 1], "sentence ends out of order"),
        ([0, 1], [-1], "sentence ends out of order"),
    ],
)
def test_ids_and_ends_that_would_reach_outside_are_refused(ids: list[int], ends: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        counted([piece(ids, ends)])
    joiner = PhraseJoiner(50, 50, connectors=None, longer=[], phrases=[])
    with pytest.raises(InputError, match=message):
        joiner.feed(piece(ids, ends))


def test_a_joiner_keeps_a_word_back_until_it_knows_the_next() -> None:
    joiner = PhraseJoiner(4, 5, connectors=None, longer=[], phrases=[(0, 1, 4)])
    out = [tuple(array.tolist() for array in joiner.feed(given)) for given in (piece([2, 0], []), piece([1, 0], [2]))]
    assert out == [([2], []), ([4, 0], [3])]
    assert joiner.counts().tolist() == [1, 0, 1, 0, 1]
    assert joiner.first_seen().tolist() == [2, 4, 0]


def test_ids_that_lead_out_of_the_tables_are_refused() -> None:
    def joiner(**changed: object) -> PhraseJoiner:
        return PhraseJoiner(
            **{"num_words": 3, "num_ids": 4, "connectors": None, "longer": [], "phrases": [], **changed}
        )

    joiner(phrases=[(0, 1, 3)], longer=[(0, 1, 3)], connectors=np.zeros(3, bool))
    for phrase in ((-1, 1, 3), (0, 3, 3), (0, -1, 3), (0, 1, 4), (0, 1, -1)):
        with pytest.raises(InputError, match="outside the vocabulary"):
            joiner(phrases=[phrase])
    for prefix in ((-1, 1, 3), (0, 3, 3), (0, 1, 2), (0, 1, -1)):
        with pytest.raises(InputError, match="outside the vocabulary"):
            joiner(longer=[prefix])
    with pytest.raises(ValueError, match=r"connectors has the shape \(2,\), expected \(3,\)"):
        joiner(connectors=np.zeros(2, bool))
    with pytest.raises(ValueError, match="num_ids is less"):
        joiner(num_ids=2)
