"""Iterables of sentences over files, and sentences on their way to the trainer."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import GeneratorType
from typing import Any

from vastmax.content.decompress import text_chunks
from vastmax.content.lines import lines_of
from vastmax.errors import InputError, Message
from vastmax.gensim.problems import UndecodableError, WrongTypeError
from vastmax.text import Corpus

logger = logging.getLogger(__name__)

MAX_WORDS_IN_BATCH = 10_000
_READ_BYTES = 1 << 16


class LineSentence:
    """Sentences of a text file, one per line, words separated by white space; .gz, .bz2, .xz and .zst are unpacked.

    A model that is given one with the path of a file and no limit reads the file itself, natively and without a limit
    on the length of lines.

    Args:
        source: a path, or a file that is open for reading bytes.
        max_sentence_length: longer lines are cut into sentences of this many words.
        limit: read only this many of the first lines; None: all.
    """

    def __init__(self, source: Any, max_sentence_length: int = MAX_WORDS_IN_BATCH, limit: int | None = None) -> None:
        self.source = source
        self.max_sentence_length = max_sentence_length
        self.limit = limit

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the sentences, from the beginning of the file."""
        if hasattr(self.source, "read"):
            self.source.seek(0)
            yield from self._sentences(self.source, getattr(self.source, "name", "the file"))
        else:
            with open(self.source, "rb") as file:
                yield from self._sentences(file, os.fspath(self.source))

    def _sentences(self, file: Any, name: str) -> Iterator[list[str]]:
        pieces = iter(lambda: file.read(_READ_BYTES), b"")
        for number, line in enumerate(lines_of(text_chunks(pieces, name), name, longest=1 << 30)):
            if self.limit is not None and number >= self.limit:
                return
            try:
                words = line.decode("utf-8").split()
            except UnicodeDecodeError as error:
                raise UndecodableError(
                    Message(f"{name}, line {number + 1}: byte {error.start} of the line is not valid UTF-8; convert it")
                ) from None
            for start in range(0, len(words), self.max_sentence_length):
                yield words[start : start + self.max_sentence_length]


class PathLineSentences:
    """Sentences of all files in a folder, in the order of their names, or of one file; see `LineSentence`."""

    def __init__(
        self, source: str | os.PathLike[str], max_sentence_length: int = MAX_WORDS_IN_BATCH, limit: int | None = None
    ) -> None:
        path = Path(source)
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        self.source = source
        self.max_sentence_length = max_sentence_length
        self.limit = limit
        self.input_files = [str(path)] if path.is_file() else sorted(str(file) for file in path.iterdir())

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the sentences of one file after the other; the limit is on the lines of each."""
        for name in self.input_files:
            yield from LineSentence(name, self.max_sentence_length, self.limit)


class Text8Corpus:
    """A text in one endless line, such as text8, cut into sentences of this many words.

    Args:
        fname: the file.
        max_sentence_length: words of a sentence.
    """

    def __init__(self, fname: str | os.PathLike[str], max_sentence_length: int = MAX_WORDS_IN_BATCH) -> None:
        self.fname = fname
        self.max_sentence_length = max_sentence_length

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the sentences."""
        waiting: list[str] = []
        rest = b""
        with open(self.fname, "rb") as file:
            for chunk in text_chunks(iter(lambda: file.read(_READ_BYTES), b""), os.fspath(self.fname)):
                whole, cut, rest_of = (rest + bytes(chunk)).rpartition(b" ")
                rest = rest_of if cut else whole + rest_of
                waiting += whole.decode("utf-8").split() if cut else []
                while len(waiting) >= self.max_sentence_length:
                    yield waiting[: self.max_sentence_length]
                    del waiting[: self.max_sentence_length]
        waiting += rest.decode("utf-8").split()
        if waiting:
            yield waiting


class Reading:
    """A text as ids, read once: from a file, or from sentences on their way through `Corpus`.

    Args:
        sentences: an iterable of lists of words; None: `corpus_file` is read.
        corpus_file: a text file.
        passes: how often the caller would read it; a generator can be read once.

    Attributes:
        corpus: the text, or None if it has no words.
        num_sentences: of the iterable, empty ones included.
        int_keys: whether the words are whole numbers, such as the ids of nodes.
    """

    def __init__(self, sentences: Any, corpus_file: Any, passes: int = 1) -> None:
        if (sentences is None) == (corpus_file is None):
            raise WrongTypeError("give either sentences (corpus_iterable) or corpus_file, and not both")
        if isinstance(sentences, str | bytes):
            raise WrongTypeError(
                f"sentences are one {type(sentences).__name__}; give lists of words, such as "
                "[line.split() for line in text.splitlines()], or the path of a file as corpus_file"
            )
        if sentences is not None and not hasattr(sentences, "__iter__"):
            raise WrongTypeError(f"sentences are {sentences!r:.60}; expected an iterable of lists of words")
        if isinstance(sentences, GeneratorType) and passes > 1:
            raise WrongTypeError(f"a generator can be read once, and {passes} passes are wanted; give a list")
        self.int_keys = self._has_words = False
        self.num_sentences = 0
        path = corpus_file
        if isinstance(sentences, LineSentence) and sentences.limit is None:
            path = sentences.source
        if isinstance(path, str | os.PathLike):
            if not os.path.isfile(path):
                raise WrongTypeError(f"{os.fspath(path)}: no such file")
            self.corpus: Corpus | None = Corpus(path)
            self.num_sentences = self.corpus.num_sentences
        else:
            checked = self._checked(sentences)
            first = next(checked, None)
            while first is not None and not len(first):
                first = next(checked, None)
            self.corpus = None if first is None else Corpus(_all(first, checked), cache=False)

    @property
    def num_words(self) -> int:
        """Words of the text."""
        return 0 if self.corpus is None else self.corpus.num_tokens

    def _checked(self, sentences: Iterable[Any]) -> Iterator[Any]:
        for sentence in sentences:
            self.num_sentences += 1
            if isinstance(sentence, str):
                if self.num_sentences == 1:
                    logger.warning(
                        "Each 'sentences' item should be a list of words (usually unicode strings). "
                        "First item here is instead plain %s.",
                        type(sentence),
                    )
                yield list(sentence)
                continue
            if not hasattr(sentence, "__len__"):
                raise WrongTypeError(
                    f"sentence {self.num_sentences - 1} is of type {type(sentence).__name__}; expected a list of words"
                )
            if len(sentence) and not self._has_words:
                self._has_words = True
                self.int_keys = not isinstance(sentence[0], str) and hasattr(sentence[0], "__index__")
            yield sentence


def _all(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
