"""Kernels that count and join adjacent words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vastmax.kernels import _native

Ids = npt.NDArray[np.int32]
Piece = tuple[Ids, npt.NDArray[np.int64]]
"""Word ids, and the end positions of sentences among them; a sentence may continue in the next piece."""

_SLOT_BYTES = 16
_WHILE_GROWING = 1.5  # a table that doubles coexists with the old one


@dataclass(frozen=True)
class PairCounts:
    """Pairs that are frequent enough, in arbitrary order; all arrays have one entry per pair.

    The part before the last word is a prefix: an id below `num_words` is that word; `num_words + i` is the prefix
    `before[i]` followed by the connector `connector[i]`.
    """

    prefixes: Ids
    words: Ids
    counts: npt.NDArray[np.int64]
    num_distinct: int  # of all counted pairs, including rare ones
    num_words: int
    before: Ids
    connector: Ids

    def first_words(self) -> Ids:
        """Return the first word of each pair."""
        first = self.prefixes.copy()
        while (behind := np.flatnonzero(first >= self.num_words)).size:
            first[behind] = self.before[first[behind] - self.num_words]
        return first

    def words_before(self, prefix: int) -> list[int]:
        """Return the word ids of a prefix: a word and the connectors after it."""
        word_ids: list[int] = []
        while prefix >= self.num_words:
            i = prefix - self.num_words
            word_ids.append(int(self.connector[i]))
            prefix = int(self.before[i])
        return [prefix, *reversed(word_ids)]


def count_pairs(
    pieces: Callable[[], Iterable[Piece]],
    *,
    num_words: int,
    num_countable: int,
    connectors: npt.NDArray[np.bool_] | None,
    least: int,
    memory_bytes: int,
) -> PairCounts:
    """Count adjacent words in a text exactly, with a table of at most `memory_bytes`.

    Args:
        pieces: returns the text from the beginning in each call. If the table would grow too large, it drops half of
            the pairs, by their hash, and the text is read again for them.
        num_words: ids are below this.
        num_countable: pairs with a word of this id or above are ignored.
        connectors: (num_words,), the words that may only occur inside a pair; None: there are none. The distinct runs
            of connectors after a word are stored in addition to `memory_bytes`.
        least: the minimum count of pairs in the result.
        memory_bytes: at least 256.
    """
    most_bits = int(memory_bytes / (_WHILE_GROWING * _SLOT_BYTES)).bit_length() - 1
    counter = _native.PairCounter(num_words, num_countable, _marks(connectors), most_bits)
    found: list[tuple[Ids, Ids, npt.NDArray[np.int64]]] = []
    num_distinct = 0
    while True:
        for ids, ends in pieces():
            counter.feed(ids, ends)
        counter.finish_reading()
        found.append(counter.at_least(least))
        num_distinct += counter.num_pairs
        if not counter.next_share():
            break
    prefixes, words, counts = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return PairCounts(prefixes, words, counts, num_distinct, num_words, *counter.prefixes())


class PhraseJoiner:
    """Joins selected pairs from left to right, as ids; a word joined to the previous one does not start another pair.

    Args:
        num_words: ids of the text are below this.
        num_ids: ids of the joined text are below this.
        connectors: as in `count_pairs`.
        longer: (prefix, connector, their prefix) for every prefix of more than one word, numbered from `num_words`.
        phrases: (prefix, word, their id), each pair once.
    """

    def __init__(
        self,
        num_words: int,
        num_ids: int,
        *,
        connectors: npt.NDArray[np.bool_] | None,
        longer: Iterable[tuple[int, int, int]],
        phrases: Iterable[tuple[int, int, int]],
    ) -> None:
        self._native = _native.PhraseJoiner(num_words, num_ids, _marks(connectors))
        self._native.add_prefixes(*_columns(longer))
        self._native.add_phrases(*_columns(phrases))

    def feed(self, piece: Piece) -> Piece:
        """Return the next piece of text, joined; the ends of sentences count all ids so far.

        The results are views of internal buffers: use or copy them before the next call.
        """
        self._native.clear_output()
        self._native.feed(*piece)
        return self._native.ids(), self._native.sentence_ends()

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the count of each id in the output, (num_ids,)."""
        return self._native.counts()

    def first_seen(self) -> Ids:
        """Return the ids in the output, in the order of their first occurrence."""
        return self._native.first_seen()


def _marks(connectors: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.uint8]:
    return np.zeros(0, dtype=np.uint8) if connectors is None else connectors.astype(np.uint8)


def _columns(rows: Iterable[tuple[int, int, int]]) -> list[Ids]:
    array = np.array(list(rows), dtype=np.int32).reshape(-1, 3)
    return [np.ascontiguousarray(array[:, i]) for i in range(3)]
