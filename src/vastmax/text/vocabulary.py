"""Words and their ids, ordered by count."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.arguments import MOST_COUNT, whole
from vastmax.atomic import replacing
from vastmax.content.looking import require_own
from vastmax.errors import InputError, UnknownWordError, argument
from vastmax.files.record import checked_lines, write_lines
from vastmax.strict_json import parse_json
from vastmax.text.facts import CorpusFacts, facts_of
from vastmax.text.spelling import nearest_spellings
from vastmax.text.words import Words

_FORMAT = "vastmax vocabulary"
_VERSION = 2
_OLDEST_VERSION = 1  # without a checksum


class Vocabulary:
    """Words ↔ ids with counts, in count order: the most frequent word has id 0; equal counts keep their order.

    Words are stored end to end in one bytes object, and the word → id table is built on first use, so a vocabulary of
    millions of words is cheap to hold and to load.

    Args:
        words: the words in id order, each once.
        counts: (V,) integers ≥ 0 in descending order. `from_counts` sorts for you.
        unknown: the word among `words` that represents all out-of-vocabulary words; None: such words are dropped.

    Example:
        >>> v = Vocabulary.from_counts({"b": 3, "a": 7, "c": 1})
        >>> list(v.words), v.counts.tolist(), v.id("b")
        (['a', 'b', 'c'], [7, 3, 1], 1)
    """

    def __init__(self, words: Iterable[str], counts: npt.ArrayLike, *, unknown: str | None = None) -> None:
        table = words if isinstance(words, Words) else Words.of(words)
        self._set(table, _whole_numbers(counts), unknown)
        if len(table) != len(self.counts):
            raise InputError(f"{len(table)} words but {len(self.counts)} counts: one count for each word was expected")
        rises = np.flatnonzero(self.counts[1:] > self.counts[:-1])
        if rises.size:
            i = int(rises[0])
            raise InputError(
                f"{table[i + 1]!r} (count {self.counts[i + 1]}) comes after {table[i]!r} (count {self.counts[i]}): "
                "words are expected in order of count; Vocabulary.from_counts sorts them"
            )
        if not isinstance(words, Words):
            self._table()  # refuses a word given twice
        if unknown is not None and unknown not in self:
            raise InputError(f"unknown={unknown!r} is not among the words; use truncate(unknown=…) to add it")

    def _set(self, words: Words, counts: npt.NDArray[np.int64], unknown: str | None) -> None:
        self._words = words
        self.counts: npt.NDArray[np.int64] = counts
        self.counts.flags.writeable = False
        self.unknown = unknown
        self._ids: dict[str, int] | None = None

    @classmethod
    def in_order(cls, words: Words, counts: npt.NDArray[np.int64], unknown: str | None = None) -> Vocabulary:
        """Return a vocabulary without checks, for words known to be distinct and in count order."""
        vocabulary = cls.__new__(cls)
        vocabulary._set(words, counts, unknown)
        return vocabulary

    @classmethod
    def from_counts(cls, counts: Mapping[str, int] | Iterable[tuple[str, int]]) -> Vocabulary:
        """Return a vocabulary from word → count in any order; ties keep their order. Duplicates are refused."""
        pairs = list(counts.items() if isinstance(counts, Mapping) else counts)
        if not pairs:
            raise InputError("no words: a vocabulary needs at least one")
        numbers = _whole_numbers([count for _, count in pairs])
        order = np.argsort(-numbers, kind="stable")
        words = Words.of(word for word, _ in pairs)
        vocabulary = cls.in_order(words.take(order), numbers[order], None)
        vocabulary._table()
        return vocabulary

    @property
    def words(self) -> Words:
        """The words in id order, decoded on access."""
        return self._words

    @property
    def num_tokens(self) -> int:
        """The sum of the counts."""
        return int(self.counts.sum())

    def _table(self) -> dict[str, int]:
        if self._ids is None:
            self._ids = {word: word_id for word_id, word in enumerate(self._words)}
            if len(self._ids) != len(self._words):
                last = self._ids
                self._ids = None
                twice = next(word for word_id, word in enumerate(self._words) if last[word] != word_id)
                raise InputError(f"the word {twice!r} comes twice: give each word once, with its whole count")
        return self._ids

    def __len__(self) -> int:
        return len(self._words)

    def __contains__(self, word: object) -> bool:
        return word in self._table()

    def id(self, word: str) -> int:
        """Return the id of `word`, or that of the unknown word, if there is one, for a word out of vocabulary.

        Raises:
            UnknownWordError: `word` is out of vocabulary, and there is no unknown word. Suggests similar spellings.
        """
        table = self._table()
        word_id = table.get(word)
        if word_id is not None:
            return word_id
        if self.unknown is not None:
            return table[self.unknown]
        if not isinstance(word, str):
            raise UnknownWordError(f"a word is a string, not {word!r} of type {type(word).__name__}")
        near = nearest_spellings(word, self.words)
        hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
        raise UnknownWordError(f"{word!r} is not among the {len(self):,} words of the vocabulary{hint}")

    def ids(self, words: Iterable[str]) -> npt.NDArray[np.int32]:
        """Return the ids of `words`, one for each, int32; unknown words as in `id`."""
        if isinstance(words, str):
            raise InputError(f"{words!r} is one str: a list of words was expected; split it, or use id() for one word")
        table = self._table()
        return np.array([table[word] if word in table else self.id(word) for word in words], dtype=np.int32)

    def word(self, word_id: int) -> str:
        """Return the word with this id, in [0, V)."""
        if not 0 <= word_id < len(self):
            raise InputError(f"word id {word_id}: expected 0 to {len(self) - 1}")
        return self._words[int(word_id)]

    def map_words(self, words: Words) -> npt.NDArray[np.int32]:
        """Return the id of each of `words`, −1 for words to be dropped: the map that re-encodes a token stream."""
        if self.unknown is None and words.starts_with(self._words):
            # These are the first words of that list, as after truncate(): no look-up is needed.
            mapped = np.full(len(words), -1, dtype=np.int32)
            mapped[: len(self)] = np.arange(len(self), dtype=np.int32)
            return mapped
        table = self._table()
        outside = -1 if self.unknown is None else table[self.unknown]
        return np.fromiter((table.get(word, outside) for word in words), dtype=np.int32, count=len(words))

    def truncate(self, *, min_count: int = 1, max_size: int | None = None, unknown: str | None = None) -> Vocabulary:
        """Return the vocabulary of words that occur at least `min_count` times, at most `max_size` of them.

        Without an unknown word, the result is a prefix of this vocabulary: ids stay valid, and an id ≥ its size is out
        of vocabulary. With `unknown` (or if this vocabulary has one), that word represents all others: its count is the
        sum of theirs and its own, if it occurs in the text, and it is placed by that count, which shifts later ids by
        one. It counts toward `max_size` and is kept whatever its count, even 0.
        """
        whole("min_count", min_count, 0, None)
        if max_size is not None:
            whole("max_size", max_size, 1, None)
        if self.unknown is not None and unknown not in (None, self.unknown):
            raise InputError(f"unknown={unknown!r}: this vocabulary already has the unknown word {self.unknown!r}")
        unknown = unknown if unknown is not None else self.unknown
        kept = int(np.searchsorted(-self.counts, -min_count, side="right"))
        if kept == 0:
            raise InputError(
                f"no word reaches {argument('min_count', min_count)}: the highest count is {self.counts[0]} "
                f"({self._words[0]!r}); lower {argument('min_count')} or give more text"
            )
        if max_size is not None:
            kept = min(kept, max_size)
        if unknown is None:
            return self.in_order(self._words.first(kept), self.counts[:kept].copy(), None)
        if not isinstance(unknown, str) or not unknown:
            raise InputError(f"unknown={unknown!r}: a word such as '<unk>' was expected")
        place = self._table().get(unknown)
        if (place is None or place >= kept) and kept == max_size:
            kept -= 1
        ids = np.delete(np.arange(kept), place if place is not None and place < kept else [])
        counts = self.counts[ids]
        total = self.num_tokens - int(counts.sum())
        at = int(np.searchsorted(-counts, -total, side="right"))
        words = self._words.followed_by(Words.of([unknown]))
        order = np.insert(ids, at, len(self))
        return self.in_order(words.take(order), np.insert(counts, at, total), unknown)

    def without(self, words: Iterable[str]) -> Vocabulary:
        """Return this vocabulary without some words, as if the text did not contain them; later ids move up.

        Words that are not in the vocabulary are ignored.
        """
        table = self._table()
        gone = [table[word] for word in set(words) if word in table]
        if not gone:
            return self
        if len(gone) == len(self):
            raise InputError(f"all {len(self):,} words of the vocabulary were to be left out: nothing would remain")
        if self.unknown is not None and table[self.unknown] in gone:
            raise InputError(f"{self.unknown!r} stands for all unknown words: it cannot be left out")
        kept = np.delete(np.arange(len(self)), gone)
        return self.in_order(self._words.take(kept), self.counts[kept], self.unknown)

    def facts(self) -> CorpusFacts:
        """Return entropy, perplexity and code lengths for these counts; takes about 1 s for a million words."""
        return facts_of(self.counts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a text file: a JSON header line, then one line ``word TAB count`` per word, in id order.

        Backslash, tab, newline and carriage return inside a word are written ``\\\\``, ``\\t``, ``\\n``, ``\\r``.
        """
        head = {"format": _FORMAT, "version": _VERSION, "words": len(self), "tokens": self.num_tokens}
        with replacing(path) as beside, open(beside, "wb") as file:
            write_lines(file, head | {"unknown": self.unknown}, self._lines())

    def _lines(self) -> Iterator[bytes]:
        for start in range(0, len(self), _LINES):
            block = zip(self._words[start : start + _LINES], self.counts[start : start + _LINES].tolist(), strict=True)
            yield "".join(f"{word.translate(_ESCAPES)}\t{count}\n" for word, count in block).encode()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read a file written by `save`. A truncated file, or one that does not match its checksum, is refused."""
        require_own(path, _FORMAT, "a vocabulary that vastmax saved")
        data = Path(path).read_bytes()
        head = _read_head(path, data)
        try:
            lines = data.decode().split("\n")[1:]
            if lines.pop() != "" or len(lines) != head["words"]:
                raise InputError(f"{path}: {head['words']} lines of words were expected, the file has {len(lines)}")
            pairs = [line.rsplit("\t", 1) for line in lines]
            words = [word if "\\" not in word else _unescape(word) for word, _ in pairs]
            vocabulary = cls(words, [int(count) for _, count in pairs], unknown=head["unknown"])
        except InputError as error:
            raise InputError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from None
        except ValueError as error:
            raise InputError(f"{path}: damaged vocabulary file: {error}") from None
        if vocabulary.num_tokens != head["tokens"]:
            raise InputError(
                f"{path}: the counts add up to {vocabulary.num_tokens}, not to {head['tokens']} as it says"
            )
        return vocabulary

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        same_counts = np.array_equal(self.counts, other.counts)
        return same_counts and self._words == other._words and self.unknown == other.unknown

    __hash__ = None  # type: ignore[assignment]  # compared by what it holds

    def __repr__(self) -> str:
        unknown = f", unknown={self.unknown!r}" if self.unknown is not None else ""
        return f"Vocabulary({len(self):,} words, {self.num_tokens:,} tokens{unknown})"


_LINES = 100_000  # written at a time
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_PLAIN = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


def _unescape(word: str) -> str:
    return re.sub(r"\\(.)", lambda escape: _PLAIN.get(escape[1], escape[0]), word)


def _read_head(path: str | os.PathLike[str], data: bytes) -> dict[str, Any]:
    try:
        end = data.index(b"\n") + 1
        head = parse_json(data[:end], "the first line")
        right = head["format"] == _FORMAT
        version = head["version"]
    except (ValueError, KeyError, TypeError):
        right = False
    if not right:
        raise InputError(f"{path}: not a vocabulary that vastmax saved (its first line would say so)")
    if version not in range(_OLDEST_VERSION, _VERSION + 1):
        raise InputError(
            f"{path}: vocabulary of format version {version}, this vastmax reads up to {_VERSION}: save it again"
        )
    head = checked_lines(head, memoryview(data)[end:], path, required=version > _OLDEST_VERSION)
    unknown = head.get("unknown")
    if not all(isinstance(head.get(name), int) for name in ("words", "tokens")) or not isinstance(unknown, str | None):
        raise InputError(f"{path}: its first line lacks the number of words or of tokens")
    fields: dict[str, Any] = head
    return fields


def _whole_numbers(counts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    try:
        array = np.asarray(counts)
        if array.dtype.kind == "O":
            raise OverflowError
    except (ValueError, OverflowError):
        raise InputError("counts: one whole number up to 2^63 − 1 for each word was expected") from None
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"counts of shape {array.shape}: one for each word was expected, and at least one word")
    if array.dtype.kind not in "iu" or (array.dtype.kind == "u" and int(array.max()) >= 2**63):
        raise InputError(f"counts of type {array.dtype}: whole numbers up to 2^63 − 1 were expected")
    whole = array.astype(np.int64)
    if whole.min() < 0:
        raise InputError(f"the count of word {int(whole.argmin())} is {whole.min()}: counts are not negative")
    if whole.sum(dtype=np.float64) >= 2.0**62 and sum(whole.tolist()) > MOST_COUNT:
        raise InputError(f"the counts add up to {sum(whole.tolist())}: at most 2^63 − 1 words were expected in all")
    return whole
