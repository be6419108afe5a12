"""Recognize the format of a file of vectors by its first bytes.

Word2vec text and binary both start with a line `V D`, and any four bytes are a float32. So a file counts as binary only
if entries of D finite numbers follow each other through the whole sample, if nothing is left over at the end of the
file, and if the numbers' bytes are not text. All other files are read as text, which names the line that
is wrong; what is left goes to the binary reader, which refuses it for the same reason as this module did.
"""

from __future__ import annotations

import codecs
import re
import struct
from typing import Literal, TypeAlias

import numpy as np

from vastmax.content.kinds import FASTTEXT_MAGIC, is_old_fasttext, kind_of_bytes, own_format
from vastmax.content.looking import wrong_kind
from vastmax.embedding.formats.binary import LONGEST_HEADER, LONGEST_WORD
from vastmax.embedding.formats.native import FORMAT_NAME
from vastmax.embedding.formats.table import parse_header, shorten
from vastmax.embedding.formats.text import BYTE_ORDER_MARK, NUM_LINES_LOOKED_AT, numbers_at_the_end
from vastmax.errors import InputError
from vastmax.files.safetensors import looks_like_safetensors

Format: TypeAlias = Literal["safetensors", "word2vec", "word2vec-binary", "glove", "fasttext", "fasttext-quantized"]

SAMPLE_BYTES = 1 << 14
"""The number of bytes read to recognize a file; more than a row of 300 numbers as text."""

EXPECTED = "word vectors"
FASTTEXT_START = struct.pack("<i", FASTTEXT_MAGIC)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r"))
_COUNT_LINE = re.compile(rb"[^\t]+\t\d+\r?")
# No number as text holds a byte like these.
_OF_NO_NUMBER = np.array([byte not in b" \t\n\v\f\r" and not 0x21 <= byte <= 0x7E for byte in range(256)])


def recognise(sample: bytes, path: str) -> Format:
    """Return the format by the first `SAMPLE_BYTES` of the decompressed content; the whole file if it has fewer.

    Raises:
        InputError: the file is empty, of another program, of vastmax but no vectors, or of no kind that is known.
    """
    if not sample:
        raise InputError(f"{path}: the file is empty; expected {EXPECTED}")
    kind = kind_of_bytes(sample)
    if looks_like_safetensors(sample):
        if kind is not None and own_format(sample) not in (None, FORMAT_NAME):
            raise wrong_kind(path, kind, EXPECTED, vectors=True)
        return "safetensors"
    if sample.startswith(FASTTEXT_START) or is_old_fasttext(sample):
        return "fasttext"
    if kind is not None and not kind.is_text:
        raise wrong_kind(path, kind, EXPECTED, vectors=True)
    whole = len(sample) < SAMPLE_BYTES
    first, _, rest = sample.removeprefix(BYTE_ORDER_MARK).partition(b"\n")
    claim = parse_header(first) if len(first) < LONGEST_HEADER else None
    if claim is not None:
        called_binary = path.lower().endswith(".bin")
        return "word2vec" if _is_text(rest, *claim, whole, called_binary) else "word2vec-binary"
    lines = _lines(sample.removeprefix(BYTE_ORDER_MARK), whole)
    if lines and all(_COUNT_LINE.fullmatch(line) for line in lines):
        raise InputError(f"{path}: this is a list of words and counts; expected {EXPECTED}: give it to vastmax advise")
    if _are_rows(lines):
        return "glove"
    if kind is not None:
        raise wrong_kind(path, kind, EXPECTED, vectors=True)
    raise InputError(
        f"{path}: it begins with {shorten(sample, 24)}, which opens no format known here; expected a vastmax "
        "safetensors file, word2vec text or binary (a first line such as "
        "'400 50'), or GloVe text (a word and its numbers)"
    )


def _is_text(rest: bytes, V: int, D: int, whole: bool, called_binary: bool) -> bool:
    """Return whether the data after a header is text, not words and float32 numbers.

    With one or two numbers, all bytes can be letters and digits; then the name decides, unless these are valid rows.
    """
    share = _share_of_no_text(rest, V, D, whole)
    if _is_plain(rest):
        return share is None or not (called_binary and whole) or _are_rows(_lines(rest, whole), D)
    if share is not None and (share == 0 or share >= 0.5):
        return share == 0
    return _are_rows(_lines(rest, whole), D)


def _is_plain(rest: bytes) -> bool:
    """Return whether this is UTF-8 without control characters; the last character may be truncated."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(rest)
    except UnicodeDecodeError:
        return False
    return len(rest.translate(None, _CONTROL)) == len(rest)


def _share_of_no_text(rest: bytes, V: int, D: int, whole: bool) -> float | None:
    """Return the share of numbers with a byte that no textual number has; None if the binary format does not fit."""
    width, at, numbers = 4 * D, 0, []
    for _ in range(V):
        space = rest.find(b" ", at, at + LONGEST_WORD)
        if space < 0:
            if whole:
                return None
            break
        numbers.append(rest[space + 1 : space + 1 + width])
        at = space + 1 + width
        if at > len(rest):
            if whole:
                return None
            break
    else:
        if rest[at:].strip(b"\n"):
            return None
    raw = b"".join(piece[: len(piece) // 4 * 4] for piece in numbers)
    if not raw or not np.isfinite(np.frombuffer(raw, dtype="<f4")).all():
        return None
    odd = _OF_NO_NUMBER[np.frombuffer(raw, dtype=np.uint8)].reshape(-1, 4)
    return float(odd.any(axis=1).mean())


def _lines(rest: bytes, whole: bool) -> list[bytes]:
    """Return the first lines that are not blank; a line that the sample truncates loses its last field."""
    lines = rest.split(b"\n", NUM_LINES_LOOKED_AT)[:NUM_LINES_LOOKED_AT]
    if not whole and b"\n" not in rest:
        lines = [rest.rpartition(b" ")[0]]
    elif not whole and rest.count(b"\n") < NUM_LINES_LOOKED_AT:
        lines.pop()
    return [line for line in lines if line.strip()]


def _are_rows(lines: list[bytes], D: int | None = None) -> bool:
    """Return whether most of these lines end in numbers: in at least two, if D is known."""
    least = 1 if D is None else min(D, 2)
    return 2 * sum(numbers_at_the_end(line) >= least for line in lines) > len(lines)
