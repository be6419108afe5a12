"""Files in word2vec's formats."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np

from vastmax.atomic import replacing
from vastmax.content.lines import text_lines
from vastmax.embedding import WordVectors, formats
from vastmax.embedding.formats.table import DecodeErrors, Table
from vastmax.errors import CutOffError, EncodingError, InputError
from vastmax.gensim.class_only import class_only
from vastmax.gensim.judgement import Judgement
from vastmax.gensim.problems import CutOffFileError, UndecodableError


class Exchange(Judgement):
    """The methods of KeyedVectors that read and write word2vec's formats."""

    def save_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Write keys and vectors, those with the greatest attribute `sort_attr` first where they have it.

        Args:
            fname: the file, compressed if it ends in .gz, .bz2, .xz or .zst.
            fvocab: a file for the keys and that attribute.
            binary: word2vec's binary format; else text, with every digit that float32 has.
            total_vec: must be the number of keys: a header that says anything else could not be read.
            write_header: whether the first line has the numbers of keys and dimensions; GloVe's files have none.
            prefix: put before every key.
            append: not possible, since the file is replaced as a whole.
            sort_attr: see above.
        """
        if append or total_vec not in (None, len(self)):
            raise InputError(
                "a file is written as a whole and its header counts its rows, so append and another total_vec are not "
                "possible; add the vectors to one KeyedVectors and save that"
            )
        if binary and not write_header:
            raise InputError("the binary format cannot be read without its header; leave write_header=False out")
        order = np.arange(len(self))
        if sort_attr in self.expandos:
            order = np.argsort(-self.expandos[sort_attr], kind="stable")
        elif fvocab is not None:
            raise InputError(f"there is no attribute {sort_attr!r} to write to {os.fspath(fvocab)}")
        words = [f"{prefix}{self.index_to_key[row]}" for row in order]
        vectors = np.asarray(self._vectors[order], dtype=np.float32)
        if fvocab is not None:
            values = self.expandos[sort_attr][order].tolist()
            with replacing(os.fspath(fvocab)) as beside, open(beside, "w", encoding="utf-8") as file:
                file.writelines(f"{word} {value}\n" for word, value in zip(words, values, strict=True))
        formats.save(
            WordVectors(words, vectors), fname, "word2vec-binary" if binary else "word2vec" if write_header else "glove"
        )

    @class_only
    def load_word2vec_format(
        cls,  # noqa: N805 - a class method
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: DecodeErrors = "strict",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
    ) -> Any:
        """Load a file in word2vec's formats; of a key that comes twice, the first vector stays.

        Args:
            fname: the file, which may be compressed.
            fvocab: a file of keys and counts, which become the attribute "count".
            binary: the binary format; else text.
            encoding: of the keys.
            unicode_errors: what to do with keys that it does not have: "strict", "replace", "ignore".
            limit: read only this many of the first keys.
            datatype: of the vectors in memory, such as np.float16.
            no_header: the text has no first line of numbers, as GloVe's files.
        """
        table = _read(fname, binary, no_header, encoding, unicode_errors, limit)
        kv = cls(table.vectors.shape[1], dtype=datatype)
        kv.index_to_key = table.words
        kv.key_to_index = {word: row for row, word in enumerate(table.words)}
        kv.vectors = table.vectors.astype(datatype, copy=False)
        kv.next_index = len(table.words)
        if fvocab is not None:
            counts = _counts(fvocab, encoding, unicode_errors)
            kv.expandos["count"] = np.array([counts.get(word, 0) for word in table.words], dtype=np.int64)
        else:  # as gensim has it: greatest first
            kv.expandos["count"] = np.arange(len(table.words), 0, -1, dtype=np.int64)
        return kv

    def intersect_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        lockf: float = 0.0,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: DecodeErrors = "strict",
    ) -> None:
        """Take the vectors of a file for those keys that are here.

        Args:
            fname: the file.
            lockf: how much training may move them: 0 not at all, 1 as others. Within a piece of some thousand words
                they move; after it, that is taken back.
            binary, encoding, unicode_errors: see `load_word2vec_format`.
        """
        table = _read(fname, binary, False, encoding, unicode_errors, None)
        if table.vectors.shape[1] != self.vector_size:
            raise InputError(
                f"{os.fspath(fname)}: its vectors have {table.vectors.shape[1]} numbers, those here "
                f"{self.vector_size}; make the model with that vector_size"
            )
        there = [row for row, word in enumerate(table.words) if word in self.key_to_index]
        here = [self.key_to_index[table.words[row]] for row in there]
        locks = self.vectors_lockf
        self._vectors[here] = table.vectors[there]
        locks[here] = lockf
        self.norms = None

    @classmethod
    def from_word_vectors(cls, v: WordVectors) -> Self:
        """Return a copy of vectors of the library's own kind, with their counts."""
        kv = cls(v.vector_size)
        kv.add_vectors(v.index_to_key, v.vectors)
        if v.counts is not None:
            kv.expandos["count"] = v.counts.copy()
        return kv


def _read(
    fname: str | os.PathLike[str],
    binary: bool,
    no_header: bool,
    encoding: str,
    errors: DecodeErrors,
    limit: int | None,
) -> Table:
    if binary and no_header:
        raise InputError("no_header=True is for text; the binary format has a header")
    name = "word2vec-binary" if binary else "glove" if no_header else "word2vec"
    try:
        return formats.read(
            fname,
            name,  # type: ignore[arg-type]
            errors=errors,
            encoding=encoding,
            duplicates="first",
            limit=limit,
        )
    except CutOffError as error:
        raise CutOffFileError(error.message) from None
    except EncodingError as error:
        raise UndecodableError(error.message) from None


def _counts(fvocab: str | os.PathLike[str], encoding: str, errors: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in text_lines(fvocab, "a file of words and counts", encoding=encoding, errors=errors):
        word, _, count = line.strip().rpartition(" ")
        if not count.isdigit():
            raise InputError(f"{os.fspath(fvocab)}: line {number} is {line!r:.80}; expected a word and its count")
        found[word] = int(count)
    return found
