"""Files of word vectors: the formats, how they are recognized, loading and saving."""

from __future__ import annotations

import os
import stat
from typing import cast, get_args

import numpy as np

from vastmax.arguments import whole
from vastmax.atomic import replacing
from vastmax.content.looking import kind_at, wrong_kind
from vastmax.embedding.formats.binary import read_binary, write_binary
from vastmax.embedding.formats.compressed import SUFFIXES, is_compressed, reading, writing
from vastmax.embedding.formats.fasttext import read_fasttext, write_fasttext
from vastmax.embedding.formats.fasttext.exchange import model_of, table_of
from vastmax.embedding.formats.native import read_native, write_native
from vastmax.embedding.formats.recognise import EXPECTED, SAMPLE_BYTES, Format, recognise
from vastmax.embedding.formats.table import DecodeErrors, Duplicates, Table, checked_word_encoding
from vastmax.embedding.formats.text import OnBadLine, read_text, write_text
from vastmax.embedding.word_table import WordTable
from vastmax.errors import InputError
from vastmax.text.decoding import UTF8

__all__ = ["ENDINGS", "FORMATS", "DecodeErrors", "Duplicates", "Format", "OnBadLine", "format_for", "read", "save"]

FORMATS: tuple[Format, ...] = get_args(Format)
# What a name's ending says, when saving; longer endings first.
ENDINGS: dict[str, Format] = {
    ".glove.txt": "glove",
    ".glove": "glove",
    ".safetensors": "safetensors",
    ".txt": "word2vec",
    ".vec": "word2vec",
    ".fasttext.bin": "fasttext",
    ".ftz": "fasttext-quantized",
    ".bin": "word2vec-binary",
}


def read(
    path: str | os.PathLike[str],
    format: Format | None = None,
    *,
    errors: DecodeErrors = "strict",
    encoding: str = UTF8,
    duplicates: Duplicates = "refuse",
    on_bad_line: OnBadLine = "refuse",
    limit: int | None = None,
    verify: bool = True,
) -> Table:
    """Return the content of a file in any of these formats; `WordVectors.load` documents arguments and errors."""
    name = os.fspath(path)
    _check_option("errors", errors, get_args(DecodeErrors))
    _check_option("duplicates", duplicates, get_args(Duplicates))
    _check_option("on_bad_line", on_bad_line, get_args(OnBadLine))
    encoding = checked_word_encoding(encoding)
    limit = None if limit is None else whole("limit", limit, 1, None)
    if format is not None:
        _check_option("format", format, FORMATS)
    _check_place(name)
    try:
        return _read(
            name,
            format,
            errors=errors,
            encoding=encoding,
            duplicates=duplicates,
            on_bad_line=on_bad_line,
            limit=limit,
            verify=verify,
        )
    except MemoryError:
        raise InputError(f"{name}: these vectors do not fit into the memory that there is; take fewer words") from None


def _check_place(name: str) -> None:
    """Refuse a pipe, or a folder of a known kind."""
    mode = os.stat(name).st_mode
    if stat.S_ISFIFO(mode):
        raise InputError(f"{name}: this is a pipe, and vectors are read in two passes; write it to a file first")
    kind = kind_at(name) if stat.S_ISDIR(mode) else None
    if kind is not None:
        raise wrong_kind(name, kind, EXPECTED, vectors=True)


def _read(
    name: str,
    format: Format | None,
    *,
    errors: DecodeErrors,
    encoding: str,
    duplicates: Duplicates,
    on_bad_line: OnBadLine,
    limit: int | None,
    verify: bool,
) -> Table:
    with reading(name) as stream:
        sample = stream.read(SAMPLE_BYTES)
    found = format or recognise(sample, name)
    compressed = is_compressed(name)
    if found == "safetensors":
        if compressed:
            raise InputError(f"{name}: a compressed safetensors file cannot be memory-mapped; decompress it first")
        return _without_duplicates(_first_rows(read_native(name, verify=verify), limit), duplicates, name)
    size = None if compressed else os.path.getsize(name)
    with reading(name) as stream:
        if found in ("fasttext", "fasttext-quantized"):
            model = read_fasttext(
                stream, name, errors=errors, encoding=encoding, size=size, output=True, mapped=not compressed
            )
            return _without_duplicates(_first_rows(table_of(model), limit), duplicates, name)
        if found == "word2vec-binary":
            return read_binary(
                stream, name, errors=errors, encoding=encoding, duplicates=duplicates, limit=limit, size=size
            )
        return read_text(
            stream,
            name,
            header=found == "word2vec",
            errors=errors,
            encoding=encoding,
            duplicates=duplicates,
            on_bad_line=on_bad_line,
            limit=limit,
            size=size,
        )


def save(v: WordTable, path: str | os.PathLike[str], format: Format | None = None) -> None:
    """Write word vectors under a temporary name, then rename the file to `path`, so it is never partial.

    Only the native format keeps everything and supports every word (spaces, line ends, the empty word). fastText's
    keeps words, counts, n-grams and output vectors (zeros where there are none); quantized, it is an eighth as large
    and inexact. The other three keep words and vectors, bit for bit.

    Args:
        v: what to write.
        path: where. With `format` None its ending says which: .safetensors native; .txt and .vec word2vec text; .bin
            word2vec binary; .fasttext.bin and .ftz a fastText model, in floats and quantized; .glove and .glove.txt
            GloVe text. One of .gz, .bz2, .xz, .zst may follow, except on native.
        format: one of FORMATS, whatever the ending.

    Raises:
        InputError: an ending that says nothing, a word that the format cannot hold, vectors that are not finite (native
            takes them), a folder that is missing or write-protected.
        OSError: the disk is full; nothing is left behind.
    """
    name = os.fspath(path)
    chosen = format_for(name, format)
    compression = _split_compression(name)[1]
    with replacing(name) as beside, writing(beside, compression) as stream:
        if chosen == "safetensors":
            write_native(stream, v, name)
        elif chosen == "word2vec-binary":
            write_binary(stream, v, name)
        elif chosen in ("fasttext", "fasttext-quantized"):
            write_fasttext(stream, model_of(v, quantize=chosen == "fasttext-quantized"), name)
        else:
            write_text(stream, v, name, header=chosen == "word2vec")


def format_for(path: str | os.PathLike[str], format: str | None = None) -> Format:
    """Return the format that `save` would write at `path`, or raise its error about the name, before any work.

    Example:
        >>> format_for("vectors.vec.gz")
        'word2vec'
    """
    name = os.fspath(path)
    stem, compression = _split_compression(name)
    chosen = format or _by_ending(stem, name)
    _check_option("format", chosen, FORMATS)
    if chosen == "safetensors" and compression is not None:
        raise InputError(f"{name}: a compressed safetensors file could not be memory-mapped; drop the {compression}")
    return cast(Format, chosen)


def _split_compression(name: str) -> tuple[str, str | None]:
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], suffix
    return name, None


def _by_ending(stem: str, name: str) -> Format:
    for ending, format in ENDINGS.items():
        if stem.lower().endswith(ending):
            return format
    raise InputError(f"{name}: its ending names no format; use one of {', '.join(ENDINGS)}, or say which format")


def _first_rows(table: Table, limit: int | None) -> Table:
    """Return the first rows of a mapped file, as views; output vectors only where each belongs to a word."""
    V = len(table.words)
    if limit is None or limit >= V:
        return table
    outputs = table.output_vectors if table.output_vectors is not None and len(table.output_vectors) == V else None
    kept = {"vectors"} if outputs is None else {"vectors", "output_vectors"}
    return Table(
        table.words[:limit],
        table.vectors[:limit],
        None if table.counts is None else table.counts[:limit],
        None if outputs is None else outputs[:limit],
        table.training,
        {name: place for name, place in table.unchecked.items() if name in kept},
        subwords=table.subwords and table.subwords.take(slice(0, limit)),
    )


def _without_duplicates(table: Table, duplicates: Duplicates, path: str) -> Table:
    """Return the table without duplicate words, for a memory-mapped file; other readers drop rows while reading."""
    first: dict[str, int] = {}
    for word_id, word in enumerate(table.words):
        earlier = first.setdefault(word, word_id)
        if earlier != word_id and duplicates == "refuse":
            raise InputError(
                f"{path}: the word {word!r} comes twice, as entry {earlier + 1} and entry {word_id + 1}; mend the "
                "file, or load it with duplicates='first'"
            )
    if len(first) == len(table.words):
        return table
    kept = list(first.values())
    for place in table.unchecked.values():
        place.require()
    return Table(
        list(first),
        table.vectors[kept],
        None if table.counts is None else table.counts[kept],
        table.output_vectors,
        table.training,
        subwords=table.subwords and table.subwords.take(np.array(kept)),
    )


def _check_option(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{option} is {value!r}; expected one of {', '.join(allowed)}")
