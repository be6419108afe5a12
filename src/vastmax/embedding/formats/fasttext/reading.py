"""Read models in fastText's binary format: `.bin`, and `.ftz` where the matrices are quantized.

The layout, all little-endian: two int32 (a magic number and the version, 11 or 12); twelve int32 and a double of
settings; the dictionary (three int32, two int64, then per entry a word that ends in a zero byte, an int64 count and a
byte that tells words from labels; then the pairs of a pruned dictionary); a byte that says whether the input matrix is
quantized, and the matrix; the same for the output matrix. Files of the first releases have no number and version, no
pairs and no such bytes.

Source: Bojanowski et al. 2017, Enriching Word Vectors with Subword Information; the files of fastText 0.9.2.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vastmax.content.kinds import FASTTEXT_MAGIC
from vastmax.embedding.formats.fasttext.model import (
    LOSSES,
    MODELS,
    NUM_CENTROIDS,
    FastTextModel,
    FastTextSettings,
    Floats,
    QuantizedMatrix,
    Quantizer,
)
from vastmax.embedding.formats.table import DecodeErrors, check_finite, trouble_of_word
from vastmax.errors import EncodingError, InputError
from vastmax.text.decoding import UTF8

VERSIONS = (11, 12)
UNNUMBERED = 0
VERSION = struct.Struct("<2i")
SETTINGS = struct.Struct("<12id")
SIZES = struct.Struct("<3i2q")
OLD_SIZES = struct.Struct("<3iq")
ENTRY_END = struct.Struct("<qb")
SHAPE = struct.Struct("<2q")
CODES = struct.Struct("<?2qi")
PIECES = struct.Struct("<4i")

_LONGEST_WORD = 1 << 21
_BLOCK = 1 << 22


def read_fasttext(
    stream: BinaryIO,
    path: str,
    *,
    errors: DecodeErrors = "strict",
    encoding: str = UTF8,
    size: int | None,
    output: bool = False,
    mapped: bool = False,
) -> FastTextModel:
    """Read a model.

    Args:
        stream: the decompressed content.
        path: named in messages.
        errors: what to do with words that are invalid in the encoding.
        encoding: of the words.
        size: the content's bytes, None when not known.
        output: whether to take the output matrix as well; it is as large as the words' vectors.
        mapped: map that matrix from the file `path`, where it is not quantized, in place of reading it.

    Raises:
        InputError: the file is cut off, damaged, of an unknown version, or holds no words.
    """
    source = _Source(stream, path, size)
    magic, version = source.unpack(VERSION, "the version")
    if magic != FASTTEXT_MAGIC:
        source.go_back(VERSION.pack(magic, version))
        version = source.version = UNNUMBERED
    elif version not in VERSIONS:
        raise InputError(f"{path}: this is a fastText model of version {version}; versions 11 and 12 are supported")
    settings = _settings(source, version)
    words, counts, labels, label_counts, num_tokens = _dictionary(source, errors, encoding)
    kept = None
    if source.num_kept >= 0:
        kept = source.array(2 * source.num_kept, "<i4", "the n-grams that were kept").reshape(-1, 2)
    rows = _matrix(source, "the input matrix", settings.vector_size)
    expected = len(words) + (settings.bucket if kept is None else len(kept))
    if rows.shape[0] != expected:
        raise source.damaged(f"an input matrix of {rows.shape[0]:,} rows where {expected:,} are due")
    if kept is not None and len(kept) and not (kept[:, 1].min() >= 0 and kept[:, 1].max() < len(kept)):
        raise source.damaged("n-grams that point outside the input matrix")
    if isinstance(rows, np.ndarray):
        check_finite(path, rows, lambda row: words[row] if row < len(words) else f"n-gram {row - len(words):,}")
    return FastTextModel(
        settings=settings,
        words=words,
        counts=counts,
        input=rows,
        labels=labels,
        label_counts=label_counts,
        num_tokens=num_tokens,
        kept_ngrams=kept,
        output=_matrix(source, "the output matrix", settings.vector_size, mapped=mapped) if output else None,
    )


class _Source:
    """The bytes of a model, in order. Every error names the file, the part and the place."""

    def __init__(self, stream: BinaryIO, path: str, size: int | None) -> None:
        self._stream, self.path, self._size = stream, path, size
        self._ahead = b""  # read from the stream and not yet used
        self.at = 0
        self.version = VERSIONS[-1]
        self.num_kept = -1

    def damaged(self, what: str) -> InputError:
        return InputError(
            f"{self.path}: it has {what} (near byte {self.at:,}); the file is damaged, or was cut off in transfer: "
            "download or save it again"
        )

    def go_back(self, read: bytes) -> None:
        """Put back what was read last."""
        self._ahead = read + self._ahead
        self.at -= len(read)

    def require(self, num_bytes: int, part: str) -> None:
        """Refuse a part that the file is too short for, before memory is allocated."""
        if self._size is not None and self.at + num_bytes > self._size:
            raise self.damaged(f"{part} of {num_bytes:,} bytes where {self._size - self.at:,} are left")

    def read(self, num_bytes: int, part: str) -> bytearray:
        self.require(num_bytes, part)
        got = bytearray(self._ahead[:num_bytes])
        self._ahead = self._ahead[len(got) :]
        while len(got) < num_bytes:
            block = self._stream.read(min(_BLOCK, num_bytes - len(got)))
            if not block:
                raise self.damaged(f"its end in {part}")
            got += block
        self.at += num_bytes
        return got

    def unpack(self, layout: struct.Struct, part: str) -> tuple[Any, ...]:
        return layout.unpack(self.read(layout.size, part))

    def array(self, number: int, dtype: str, part: str) -> NDArray[Any]:
        if number < 0:
            raise self.damaged(f"{part} of {number} numbers")
        raw = self.read(number * np.dtype(dtype).itemsize, part)
        return np.frombuffer(raw, dtype=dtype).astype(np.dtype(dtype).newbyteorder("="), copy=False)

    def entries(self, number: int) -> tuple[list[bytes], list[int], list[int]]:
        """Return the words, counts and kinds of the dictionary."""
        raw: list[bytes] = []
        counts: list[int] = []
        kinds: list[int] = []
        buffer, at = self._ahead, 0
        while len(raw) < number:
            end = buffer.find(b"\0", at)
            if end >= 0 and end + 1 + ENTRY_END.size <= len(buffer):
                count, kind = ENTRY_END.unpack_from(buffer, end + 1)
                raw.append(buffer[at:end])
                counts.append(count)
                kinds.append(kind)
                self.at += end + 1 + ENTRY_END.size - at
                at = end + 1 + ENTRY_END.size
                continue
            more = self._stream.read(_BLOCK)
            if not more or len(buffer) - at > _LONGEST_WORD:
                raise self.damaged(f"no end of entry {len(raw) + 1:,} of {number:,} in its dictionary")
            buffer, at = buffer[at:] + more, 0
        self._ahead = buffer[at:]
        return raw, counts, kinds


def _settings(source: _Source, version: int) -> FastTextSettings:
    *whole, sample = source.unpack(SETTINGS, "the settings")
    vector_size, window, epochs, min_count, negative, word_ngrams, loss, model, bucket, min_n, max_n, updates = whole
    if vector_size < 1 or bucket < 0 or loss not in LOSSES or model not in MODELS or not 0 <= max_n <= 1000:
        raise source.damaged(f"impossible settings (dim {vector_size}, bucket {bucket}, loss {loss}, model {model})")
    if version < 12 and MODELS[model] == "supervised":
        max_n = 0  # written by that version, but not used
    return FastTextSettings(
        vector_size=vector_size,
        window=window,
        epochs=epochs,
        min_count=min_count,
        negative=negative,
        word_ngrams=word_ngrams,
        loss=LOSSES[loss],
        model=MODELS[model],
        bucket=bucket,
        min_n=min_n,
        max_n=max_n,
        rate_updates=updates,
        sample=sample,
    )


def _dictionary(
    source: _Source, errors: DecodeErrors, encoding: str
) -> tuple[list[str], NDArray[np.int64], list[str], NDArray[np.int64], int]:
    if source.version == UNNUMBERED:
        num_entries, V, num_labels, num_tokens = source.unpack(OLD_SIZES, "the sizes of the dictionary")
    else:
        num_entries, V, num_labels, num_tokens, source.num_kept = source.unpack(SIZES, "the sizes of the dictionary")
    if V < 1 or num_labels < 0 or num_entries != V + num_labels:
        raise source.damaged(f"a dictionary of {num_entries:,} entries with {V:,} words and {num_labels:,} labels")
    source.require(num_entries * (1 + ENTRY_END.size), f"a dictionary of {num_entries:,} entries")
    first = source.at
    raw, counts, kinds = source.entries(num_entries)
    if any(kinds[:V]) or not all(kinds[V:]):
        raise source.damaged("a dictionary whose words do not come before its labels")
    words = []
    at = first
    for entry in raw:
        trouble = trouble_of_word(entry, at, encoding) if errors == "strict" else None
        if trouble:
            raise EncodingError(f"{source.path}: {trouble}")
        words.append(entry.decode(encoding, errors))
        at += len(entry) + 1 + ENTRY_END.size
    tallies = np.array(counts, dtype=np.int64)
    return words[:V], tallies[:V], words[V:], tallies[V:], num_tokens


def _matrix(source: _Source, part: str, D: int, *, mapped: bool = False) -> Floats | QuantizedMatrix:
    quantized = 0 if source.version == UNNUMBERED else source.read(1, part)[0]
    if quantized > 1:
        raise source.damaged(f"{part} of kind {quantized}")
    matrix = _quantized_matrix(source, part) if quantized else _dense_matrix(source, part, mapped)
    if matrix.shape[1] != D:
        raise source.damaged(f"{part} {matrix.shape[1]:,} wide where the settings say {D:,}")
    return matrix


def _dense_matrix(source: _Source, part: str, mapped: bool) -> Floats:
    rows, width = source.unpack(SHAPE, part)
    if rows < 1 or width < 1:
        raise source.damaged(f"{part} of {rows} × {width}")
    if mapped:
        source.require(rows * width * 4, part)
        return np.memmap(source.path, dtype="<f4", mode="r", offset=source.at, shape=(rows, width))
    return source.array(rows * width, "<f4", part).reshape(rows, width)


def _quantized_matrix(source: _Source, part: str) -> QuantizedMatrix:
    with_norms, rows, width, num_codes = source.unpack(CODES, part)
    if rows < 1 or width < 1 or num_codes < rows or num_codes % rows:
        raise source.damaged(f"{part} of {rows} × {width} with {num_codes} codes")
    codes = source.array(num_codes, "u1", part).reshape(rows, -1)
    quantizer = _quantizer(source, part, width, codes.shape[1])
    if not with_norms:
        return QuantizedMatrix(codes, quantizer)
    norm_codes = source.array(rows, "u1", part)
    return QuantizedMatrix(codes, quantizer, norm_codes, _quantizer(source, part, 1, 1))


def _quantizer(source: _Source, part: str, width: int, pieces: int) -> Quantizer:
    D, num_pieces, size, last_size = source.unpack(PIECES, part)
    if width != D or num_pieces != pieces or size < 1 or (pieces - 1) * size + last_size != D or last_size < 1:
        raise source.damaged(f"{part} with a quantizer of {num_pieces} pieces of {size} numbers for {width} columns")
    values = source.array(D * NUM_CENTROIDS, "<f4", part)
    if not np.isfinite(values).all():
        raise source.damaged(f"{part} with centroids that are not finite")
    sizes = [size] * (pieces - 1) + [last_size]
    begins = np.cumsum([0, *sizes]) * NUM_CENTROIDS
    return Quantizer(tuple(values[begins[i] : begins[i + 1]].reshape(NUM_CENTROIDS, sizes[i]) for i in range(pieces)))
