"""The native text encoder: bytes or words in, ids out, with InputErrors that name the text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError, argument
from vastmax.kernels import _native

MAX_WORD_BYTES: int = _native.MAX_WORD_BYTES
"""Longer words raise an error, which bounds memory: they are text without white space."""

_NUL_BYTE, _INVALID_UTF8, _LONG_WORD, _TOO_MANY_WORDS = 1, 2, 3, 4

TOO_LONG_FIX = (
    "is this text separated by spaces? If not, separate its words, or pass a tokenizer; "
    + argument("errors", "'replace'")
    + " turns such a word into U+FFFD"
)


class TextEncoder:
    """Splits texts into words, like ``str.split()``, and numbers distinct words in the order of their first occurrence.

    A sentence ends at "\\n" and at the end of a text; lines without words are not sentences. Pass a text with `begin`,
    `feed` and `end`, or words with `add_sentence`; then get the results with `drain`.

    Args:
        errors: "strict" raises for NUL bytes and invalid UTF-8; "replace" decodes like
            ``bytes.decode("utf-8", "replace")``.
    """

    def __init__(self, *, errors: str = "strict") -> None:
        if errors not in ("strict", "replace"):
            raise InputError(f"{argument('errors', repr(errors))}: expected 'strict' or 'replace'")
        self._native = _native.TextEncoder(errors == "replace")
        self._name = ""

    def begin(self, name: str) -> None:
        """Start a new text, called `name` in errors; a byte order mark at its beginning is dropped."""
        self._name = name
        self._native.begin()

    def feed(self, chunk: Any) -> None:
        """Process the next bytes of the text without a copy; words and characters may span chunks."""
        self._check(self._native.feed(chunk))

    def end(self) -> None:
        """End the text; its last word and sentence need no newline."""
        self._check(self._native.end())

    def add_sentence(self, words: Iterable[str], *, where: str) -> None:
        """Add the words of one sentence; `where` names the sentence in errors."""
        if isinstance(words, (str, bytes)):
            raise InputError(
                f"{where} is the {type(words).__name__} {_shown(words)}: expected a list of words; {_SPLIT}"
            )
        try:
            given = words if type(words) is list else list(words)
        except TypeError:
            raise InputError(f"{where} is of type {type(words).__name__}: expected a list of words") from None
        try:
            bad = self._native.add_sentence(given)
        except UnicodeEncodeError as error:
            raise InputError(
                f"{where}: the word {error.object!r} contains half a surrogate pair, which is not valid text"
            ) from None
        if bad >= 0:
            self._refuse_word(given[bad], f"{where}, word {bad}")

    def drain(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return the ids since the last `drain`, and the ends of sentences among them as counts of all tokens so far.

        Both are views of internal buffers: use or copy them before the next call.
        """
        drained = self._native.ids(), self._native.sentence_ends()
        self._native.clear_output()
        return drained

    def words(self) -> tuple[bytes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the distinct words in id order: their concatenated bytes, (V + 1,) offsets, and (V,) counts."""
        return self._native.words()

    @property
    def num_tokens(self) -> int:
        """The number of words so far."""
        return self._native.num_tokens

    @property
    def num_sentences(self) -> int:
        """The number of complete sentences so far."""
        return self._native.num_sentences

    def _check(self, problem: int) -> None:
        if problem == 0:
            return
        at = f"{self._name}: byte {self._native.problem_offset}"
        if problem == _NUL_BYTE:
            raise InputError(f"{at} is NUL, so this is a binary file: expected UTF-8 text")
        if problem == _INVALID_UTF8:
            raise InputError(
                f"{at} is not valid UTF-8: convert the file (iconv -t UTF-8), or pass "
                f"{argument('errors', repr('replace'))} "
                "to read such bytes as U+FFFD"
            )
        if problem == _LONG_WORD:
            raise InputError(
                f"{at} starts a word of more than {MAX_WORD_BYTES} bytes, which is the limit: {TOO_LONG_FIX}"
            )
        raise InputError(f"{at}: more than 2,147,483,647 distinct words")

    def _refuse_word(self, word: object, where: str) -> None:
        if not isinstance(word, str):
            raise InputError(f"{where} is of type {type(word).__name__} ({_shown(word)}): words are str")
        if not word:
            raise InputError(f"{where} is empty: split with str.split(), which leaves no empty words, not split(' ')")
        size = len(word.encode())
        if size > MAX_WORD_BYTES:
            raise InputError(
                f"{where} has {size} bytes, the limit is {MAX_WORD_BYTES}: are these words, or whole texts?"
            )
        raise InputError(f"{where}: more than 2,147,483,647 distinct words")


_SPLIT = "split each text first: [text.split() for text in texts]"
_SHOWN_CHARACTERS = 40


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def gather_words(
    words: bytes, offsets: npt.NDArray[np.int64], order: npt.NDArray[np.integer[Any]]
) -> tuple[bytes, npt.NDArray[np.int64]]:
    """Return the concatenated words with the ids `order` and their offsets: ``[words[i] for i in order]``."""
    order64 = np.ascontiguousarray(order, dtype=np.int64)
    return _native.gather_words(words, np.ascontiguousarray(offsets), order64)
