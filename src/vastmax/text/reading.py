"""Reads a source from its beginning to its end into an encoding, and takes the digests of files on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vastmax.errors import InputError
from vastmax.progress import Progress, Silent
from vastmax.text import cache as caching
from vastmax.text import sources
from vastmax.text.arrow import rows_of_file, rows_of_table
from vastmax.text.decompress import CHUNK_BYTES, text_chunks
from vastmax.text.encode import Encoding, Meter, Settings


def encode_source(found: sources.Source, folder: Path, settings: Settings, progress: Progress) -> list[str]:
    """Encode into `folder`; gives the digests of the files, in order, where there are files."""
    digests: list[str] = []
    if isinstance(found, sources.Files):
        name = _name_of(found.paths)
        meter = Meter(progress, sum(path.stat().st_size for path in found.paths), "B")
    elif isinstance(found, sources.ArrowFiles):
        name = _name_of(found.paths)
        meter = Meter(progress, None, "rows")
    elif isinstance(found, sources.ArrowTable):
        name = "the table"
        meter = Meter(progress, None, "rows")
    elif isinstance(found, sources.Stream):
        name = found.name
        meter = Meter(progress, None, "B")
    else:
        name = "the corpus"
        meter = Meter(progress, None, "sentences")
    encoding = Encoding(folder, settings, meter)
    try:
        if isinstance(found, sources.Files):
            for path in found.paths:
                digests.append(_encode_file(encoding, path))
        elif isinstance(found, sources.ArrowFiles):
            for path in found.paths:
                _encode_rows(encoding, rows_of_file(path, settings.column), str(path))
                digests.append(caching.digest_of(path, Silent()))
        elif isinstance(found, sources.ArrowTable):
            _encode_rows(encoding, rows_of_table(found.table, settings.column), name)
        elif isinstance(found, sources.Stream):
            stream = found.open()
            try:
                encoding.add_text(name, text_chunks(_raw_chunks(stream, encoding, None, name), name))
            finally:
                if found.path is not None:
                    stream.close()
        else:
            for number, words in enumerate(found.sentences):
                encoding.add_sentence(words, f"sentence {number}")
                meter.advance(1, encoding.num_tokens)
        encoding.finish(name)
    finally:
        encoding.close()
    return digests


def _name_of(paths: list[Path]) -> str:
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def _encode_file(encoding: Encoding, path: Path) -> str:
    total = caching.digest()
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        encoding.add_text(str(path), text_chunks(_raw_chunks(file, encoding, total, str(path)), str(path)))
    return str(total.hexdigest())


def _encode_rows(encoding: Encoding, batches: Iterator[list[Any]], name: str) -> None:
    start = 0
    for rows in batches:
        encoding.add_rows(name, rows, start)
        encoding.meter.advance(len(rows), encoding.num_tokens)
        start += len(rows)


def _raw_chunks(file: Any, encoding: Encoding, total: Any, name: str) -> Iterator[memoryview]:
    """The bytes of a file as they are stored, through one buffer: a chunk is good until the next is asked for."""
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
