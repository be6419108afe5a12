"""Shared parts of the two evaluations: the words that are used, reading a file of questions, JSON.

Case is treated as in gensim, so that results can be compared: with `case_insensitive`, words are compared in upper
case, and the first (most frequent) spelling represents the others. Only the first `restrict_vocab` words are used, as
candidates and in questions; questions with other words are skipped and counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from vastmax.arguments import whole
from vastmax.content.lines import text_lines
from vastmax.embedding.cosine import Ids
from vastmax.embedding.word_table import WordTable


class KnownWords:
    """The words that are used, by this treatment of case.

    Attributes:
        searched: their number.
        group: (searched,), for each word the first one that differs at most in case; itself if case matters.
    """

    def __init__(self, v: WordTable, restrict_vocab: int | None, case_insensitive: bool) -> None:
        if restrict_vocab is not None:
            whole("restrict_vocab", restrict_vocab, 1, None)
        words = v.index_to_key[:restrict_vocab]
        self.searched = len(words)
        self._fold = str.upper if case_insensitive else str
        self._first: dict[str, int] = {}
        self.group: Ids = np.empty(len(words), dtype=np.int64)
        self._spellings: dict[int, list[int]] = {}  # only of words with several
        for word_id, word in enumerate(words):
            first = self._first.setdefault(self._fold(word), word_id)
            self.group[word_id] = first
            if first != word_id:
                self._spellings.setdefault(first, [first]).append(word_id)

    def find(self, words: tuple[str, ...]) -> list[int] | None:
        """Return the rows of these words, or None if one of them is not used."""
        word_ids = [self._first.get(self._fold(word)) for word in words]
        found = [word_id for word_id in word_ids if word_id is not None]
        return found if len(found) == len(words) else None

    def missing(self, words: tuple[str, ...]) -> list[str]:
        """Return those of the words that are not used."""
        return [word for word in words if self._fold(word) not in self._first]

    def spellings(self, word_id: int) -> list[int]:
        """Return all rows with this word, which is the first of its group."""
        return self._spellings.get(word_id, [word_id])


def question_lines(path: str) -> Iterator[tuple[int, str]]:
    """Yield the numbers and stripped text of lines that are not blank."""
    for line_number, text in text_lines(path, "a text file of word pairs or of questions"):
        line = text.strip()
        if line:
            yield line_number, line


def json_value(value: Any) -> Any:
    """Return a value for JSON: None for NaN, a list for a tuple."""
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and math.isnan(value) else value
