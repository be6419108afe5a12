"""The door to the counting and joining of neighbouring words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vastmax.kernels import _native

Ids = npt.NDArray[np.int32]
Piece = tuple[Ids, npt.NDArray[np.int64]]
"""Word ids, and the positions among them behind the last words of sentences; a sentence may go on in the next piece."""

_SLOT_BYTES = 16
_WHILE_GROWING = 1.5  # a table that doubles stands beside its old half


@dataclass(frozen=True)
class PairCounts:
    """Pairs that occur often enough, in no order that means anything; all arrays have one entry a pair.

    What stands before the last word is a prefix: an id below `num_words` is that word; `num_words + i` is the prefix
    `before[i]` followed by the connector `connector[i]`.
    """

    prefixes: Ids
    words: Ids
    counts: npt.NDArray[np.int64]
    num_distinct: int  # of all pairs that were counted, however seldom they occur
    num_words: int
    before: Ids
    connector: Ids

    def first_words(self) -> Ids:
        """The first word of each pair."""
        first = self.prefixes.copy()
        while (behind := np.flatnonzero(first >= self.num_words)).size:
            first[behind] = self.before[first[behind] - self.num_words]
        return first

    def words_before(self, prefix: int) -> list[int]:
        """The word ids that the prefix stands for: a word, and the connectors behind it."""
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
    """Count neighbours in a text, exactly, with a table of at most `memory_bytes`.

    Args:
        pieces: gives the text from its beginning each time it is called. A table that would grow too large gives up
            half of the pairs, by their hash, and the text is read again for them.
        num_words: ids are below this.
        num_countable: pairs with a word of this id or above are passed over.
        connectors: (num_words,), the words that may only stand inside a pair; None: there are none. The distinct runs
            of connectors behind a word are held beyond `memory_bytes`.
        least: pairs that occur less often are not among the result.
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
    """Joins chosen pairs from left to right, in ids; a word that was joined to the one before it begins nothing.

    Args:
        num_words: ids of the text are below this.
        num_ids: ids of the joined text are below this.
        connectors: as in `count_pairs`.
        longer: (prefix, connector, prefix they make) for every prefix of more than one word, numbered from `num_words`.
        phrases: (prefix, word, id they make), no pair twice.
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
        """The next piece of text, joined; the ends of sentences count all ids so far.

        What comes out are views of the joiner's own buffers: use or copy them before the next call.
        """
        self._native.clear_output()
        self._native.feed(*piece)
        return self._native.ids(), self._native.sentence_ends()

    def counts(self) -> npt.NDArray[np.int64]:
        """How often each id came out, (num_ids,)."""
        return self._native.counts()

    def first_seen(self) -> Ids:
        """The ids that came out, in the order of their first appearance."""
        return self._native.first_seen()


def _marks(connectors: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.uint8]:
    return np.zeros(0, dtype=np.uint8) if connectors is None else connectors.astype(np.uint8)


def _columns(rows: Iterable[tuple[int, int, int]]) -> list[Ids]:
    array = np.array(list(rows), dtype=np.int32).reshape(-1, 3)
    return [np.ascontiguousarray(array[:, i]) for i in range(3)]
