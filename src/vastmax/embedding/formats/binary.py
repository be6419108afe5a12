"""Vectors in word2vec's binary format: a line `V D`, then V times a word, a space, D little-endian float32."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.cosine import tiles
from vastmax.embedding.formats.table import (
    DecodeErrors,
    Duplicates,
    Rows,
    Table,
    check_claim,
    check_finite,
    decode_words,
    parse_header,
    refuse_words,
    shorten,
    trouble_of_vector,
    trouble_of_word,
)
from vastmax.embedding.word_table import WordTable
from vastmax.errors import CutOffError, EncodingError, InputError
from vastmax.text.decoding import UTF8

_BLOCK_BYTES = 1 << 23
# Where a space ends no word for so long, the place is not the start of an entry.
LONGEST_WORD = 1 << 21
LONGEST_HEADER = 64


def read_binary(
    stream: BinaryIO,
    path: str,
    *,
    errors: DecodeErrors,
    encoding: str = UTF8,
    duplicates: Duplicates = "refuse",
    limit: int | None = None,
    size: int | None,
) -> Table:
    """Read the binary format; the newline that word2vec.c writes after each vector is optional.

    Args:
        stream: the decompressed content.
        path: named in messages.
        errors: what to do with words that cannot be decoded.
        encoding: of the words.
        duplicates: what to do with a word that comes twice.
        limit: read at most this many entries; None: all.
        size: the content's bytes, None when not known.
    """
    header = stream.readline(LONGEST_HEADER)
    claim = parse_header(header) if header.endswith(b"\n") else None
    if claim is None:
        raise InputError(
            f"{path}: the first line is {shorten(header)}; expected the numbers of words and of "
            "dimensions, as in '400 50'"
        )
    V, D = claim
    present = None if size is None else size - len(header)
    check_claim(path, V, D, V * (4 * D + 2) - 1, present)  # a letter, a space, the numbers; one word may be empty
    wanted = V if limit is None else min(V, limit)
    rows = Rows(path, D, None if present is None else wanted, duplicates)
    buffer, offset = b"", len(header)  # what is read and not yet used, and where in the file it starts
    while rows.num_entries < wanted:
        chunk = stream.read(_BLOCK_BYTES)
        buffer += chunk
        raw, starts, vectors, used = _entries(buffer, wanted - rows.num_entries, D)
        if not raw and not chunk:
            last = f", after {rows.words[-1]!r}" if rows.words else ""
            raise CutOffError(
                f"{path}: the header says {V} words of {D} dimensions, but the file ends in entry "
                f"{rows.num_entries + 1}{last}; it is cut off, or its header is wrong"
            )
        if not raw and len(buffer) > LONGEST_WORD + 4 * D:
            raise InputError(
                f"{path}: entry {rows.num_entries + 1} (at byte {offset}) has no space that ends its word; the "
                f"header's {D} dimensions are wrong, or the file is damaged"
            )
        if raw:
            block = np.frombuffer(vectors, dtype="<f4").reshape(len(raw), D).astype(np.float32, copy=False)
            words = decode_words(raw, errors, encoding)
            if words is None or not np.isfinite(block).all():
                at = [offset + start for start in starts]
                raise _first_trouble(raw, block, at, rows.num_entries, encoding if errors == "strict" else None, path)
            rows.append(words, block)
        buffer, offset = buffer[used:], offset + used
    if wanted == V and (buffer + stream.read(2)).strip(b"\n"):
        raise InputError(
            f"{path}: the file goes on at byte {offset}, after the {V} words of {D} dimensions that its header says; "
            "the header is wrong, or two files were joined"
        )
    return rows.finish()


def _first_trouble(
    raw: list[bytes], block: NDArray[np.float32], offsets: list[int], before: int, strict: str | None, path: str
) -> InputError:
    """Return the error for the first entry of a block with a number or word (by a strict encoding) that is invalid."""
    for row, (word, offset) in enumerate(zip(raw, offsets, strict=True)):
        trouble = trouble_of_word(word, offset, strict) if strict is not None else None
        trouble = trouble or trouble_of_vector(block[row], word.decode("utf-8", "replace"))
        if trouble:
            kind = InputError if strict is None or trouble_of_word(word, offset, strict) is None else EncodingError
            return kind(f"{path}: entry {before + row + 1}: {trouble}")
    raise AssertionError("a block without trouble")


def _entries(buffer: bytes, most: int, D: int) -> tuple[list[bytes], list[int], bytes, int]:
    """Return the complete entries at the start of `buffer`: words, their offsets, their vectors' bytes, bytes used."""
    width = 4 * D
    words: list[bytes] = []
    starts: list[int] = []
    vectors: list[bytes] = []
    at = 0
    while len(words) < most:
        space = buffer.find(b" ", at, at + LONGEST_WORD)
        if space < 0 or space + 1 + width > len(buffer):
            break
        word = buffer[at:space]
        stripped = word.lstrip(b"\n")
        words.append(stripped)
        starts.append(space - len(stripped))
        vectors.append(buffer[space + 1 : space + 1 + width])
        at = space + 1 + width
    return words, starts, b"".join(vectors), at


def write_binary(stream: BinaryIO, v: WordTable, path: str) -> None:
    """Write the binary format as word2vec.c does, with a newline after each vector."""
    # word2vec.c drops every newline of a word, gensim those it starts with.
    raw = refuse_words(path, v.index_to_key, " \n", "word2vec binary")
    check_finite(path, v.vectors, lambda row: v.index_to_key[row])
    V, D = v.vectors.shape
    stream.write(f"{V} {D}\n".encode())
    for rows in tiles(V, D):
        tile = np.ascontiguousarray(v.vectors[rows], dtype="<f4")
        stream.write(b"".join(word + b" " + row.tobytes() + b"\n" for word, row in zip(raw[rows], tile, strict=True)))
