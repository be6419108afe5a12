"""Read a source into an encoding, and compute the digests of its files on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vastmax.content.decompress import CHUNK_BYTES, text_chunks
from vastmax.content.kinds import HEAD_BYTES, holds_vectors, kind_of_bytes
from vastmax.content.looking import wrong_kind
from vastmax.errors import InputError
from vastmax.progress import Progress, Silent
from vastmax.text import cache as caching
from vastmax.text import sources
from vastmax.text.arrow import rows_of_file, rows_of_table
from vastmax.text.decoding import as_utf8
from vastmax.text.encode import Encoding, Meter, Settings


def encode_source(found: sources.Source, folder: Path, settings: Settings, progress: Progress) -> list[str]:
    """Encode `source` into `folder`; return the digests of its files, if any, in order."""
    name, total, unit = _described(found)
    meter = Meter(progress, total, unit)
    encoding = Encoding(folder, settings, meter)
    digests: list[str] = []
    try:
        match found:
            case sources.Files(paths):
                digests = [_encode_file(encoding, path, settings) for path in paths]
            case sources.ArrowFiles(paths):
                digests = [_encode_arrow_file(encoding, path, settings.column) for path in paths]
            case sources.ArrowTable(table):
                _encode_rows(encoding, rows_of_table(table, settings.column), name)
            case sources.Stream():
                with found.opened() as stream:
                    encoding.add_text(name, _text_of(_raw_chunks(stream, encoding, None, name), name, settings))
            case sources.Sentences(sentences):
                for number, words in enumerate(sentences):
                    encoding.add_sentence(words, f"sentence {number}")
                    meter.advance(1, encoding.num_tokens)
        encoding.finish(name)
    finally:
        encoding.close()
    return digests


def _described(found: sources.Source) -> tuple[str, int | None, str]:
    """Return the name of the source, how much there is to read, and the unit."""
    match found:
        case sources.Files(paths):
            return _name_of(paths), sum(path.stat().st_size for path in paths), "B"
        case sources.ArrowFiles(paths):
            return _name_of(paths), None, "rows"
        case sources.ArrowTable():
            return "the table", None, "rows"
        case sources.Stream(name):
            return name, None, "B"
        case sources.Sentences():
            return "the corpus", None, "sentences"


def _name_of(paths: list[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def _encode_file(encoding: Encoding, path: Path, settings: Settings) -> str:
    total = caching.digest()
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        encoding.add_text(str(path), _text_of(_raw_chunks(file, encoding, total, str(path)), str(path), settings))
    return str(total.hexdigest())


def _encode_arrow_file(encoding: Encoding, path: Path, column: str | None) -> str:
    before = caching.FileState.of(path)
    _encode_rows(encoding, rows_of_file(path, column), str(path))
    digest = caching.digest_of(path, Silent())  # pyarrow reads here and there, so this is a second pass
    if caching.FileState.of(path) != before:
        raise InputError(f"{path} changed while it was read: try again when it is finished")
    return digest


def _encode_rows(encoding: Encoding, batches: Iterator[list[Any]], name: str) -> None:
    start = 0
    for rows in batches:
        encoding.add_rows(name, rows, start)
        encoding.meter.advance(len(rows), encoding.num_tokens)
        start += len(rows)


def _text_of(raw: Iterator[memoryview], name: str, settings: Settings) -> Iterator[bytes | memoryview]:
    """Yield the text in these bytes, decompressed and in UTF-8; other kinds of files are refused by name."""
    chunks: Iterator[bytes | memoryview] = text_chunks(raw, name)
    if settings.needs_decoding:
        chunks = as_utf8(chunks, name, settings.encoding, settings.errors)
    head = b""
    for chunk in chunks:
        head += bytes(chunk)
        if len(head) >= HEAD_BYTES:
            break
    kind = kind_of_bytes(head[:HEAD_BYTES]) or holds_vectors(head[:HEAD_BYTES])
    if kind is not None:
        raise wrong_kind(name, kind, "a text")
    yield head
    yield from chunks


def _raw_chunks(file: Any, encoding: Encoding, total: Any, name: str) -> Iterator[memoryview]:
    """Yield the stored bytes of a file through one buffer: a chunk is valid until the next is requested."""
    buffer = memoryview(bytearray(CHUNK_BYTES))
    readinto = getattr(file, "readinto1", file.readinto)  # of a pipe: what is there
    while True:
        try:
            size = readinto(buffer)
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror}") from None
        if not size:
            return
        if total is not None:
            total.update(buffer[:size])
        yield buffer[:size]
        encoding.meter.advance(size, encoding.num_tokens)
