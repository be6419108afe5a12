"""Parquet and Arrow: find the column that holds the text, and read its rows. pyarrow is imported only if needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from vastmax import extras
from vastmax.errors import InputError, argument

_ROWS = 8192  # rows decoded at a time, and turned into Python strings
_FEW_ROWS = 64  # decoded at a time of a large row group, all of whose text could be in as many rows
_LARGE_GROUP = 1 << 26  # bytes
_LARGEST_CELL = 1 << 26  # bytes of text; a file of some kilobytes can hold a cell of gigabytes
_DECODED_BYTES = 1 << 26  # of what a dictionary stands for in the rows decoded at a time
_PIECE_BYTES = 1 << 24  # of text turned into Python strings at a time
_PARQUET = b"PAR1"
_ARROW = b"ARROW1"


def is_arrow_object(source: object) -> bool:
    """Return whether `source` is a table in memory: of pyarrow, or of any library that exports Arrow streams."""
    return hasattr(source, "__arrow_c_stream__") or type(source).__module__.partition(".")[0] == "pyarrow"


def is_arrow_file(file: IO[bytes]) -> bool:
    """Return whether this is a Parquet or Arrow file: both begin and end with a signature."""
    head = file.read(len(_ARROW))
    name = _ARROW if head == _ARROW else _PARQUET if head.startswith(_PARQUET) else None
    if name is None or file.seek(0, os.SEEK_END) < 2 * len(name):
        return False
    file.seek(-len(name), os.SEEK_END)
    return file.read(len(name)) == name


def rows_of_file(path: Path, column: str | None) -> Iterator[list[Any]]:
    """Yield the rows of the text column, in lists; each row is a str, a list of str, or None."""
    _need_pyarrow(str(path))
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _reported(str(path)):
        with path.open("rb") as opened:
            head = opened.read(len(_PARQUET))
        if head == _PARQUET:
            with pq.ParquetFile(path) as parquet:
                name = _choose_column(parquet.schema_arrow, column, str(path))
                rows = _rows_at_a_time(path, parquet.metadata, name)
                for batch in parquet.iter_batches(batch_size=rows, columns=[name]):
                    yield from _rows(batch.column(name))
        else:
            with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
                name = _choose_column(reader.schema, column, str(path))
                for i in range(reader.num_record_batches):
                    yield from _rows(reader.get_batch(i).column(name))


def rows_of_table(table: Any, column: str | None) -> Iterator[list[Any]]:
    """Yield the rows of the text column of a table in memory; see `rows_of_file`."""
    name = f"the {type(table).__name__}"
    _need_pyarrow(name)
    import pyarrow as pa

    with _reported(name):
        if isinstance(table, (pa.Array, pa.ChunkedArray)):
            table = pa.table({"text": table})
        elif isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        reader = table if isinstance(table, pa.RecordBatchReader) else pa.RecordBatchReader.from_stream(table)
        chosen = _choose_column(reader.schema, column, name)
        for batch in reader:
            yield from _rows(batch.column(chosen))


def _need_pyarrow(name: str) -> None:
    extras.require(f"{name}: reading Parquet and Arrow data", "pyarrow")


@contextmanager
def _reported(name: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except InputError:
        raise
    except (pa.ArrowException, OSError, TypeError) as error:
        raise InputError(f"{name}: cannot be read as Arrow data: {str(error).splitlines()[0]}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: a row is not valid UTF-8: {error.reason}") from None


def _rows(array: Any) -> Iterator[list[Any]]:
    """Yield the rows in lists of some megabytes of text, or more if a single cell holds more."""
    array.validate(full=True)  # in a damaged file offsets may point anywhere, and pyarrow would follow them
    waiting = [array.slice(start, _ROWS) for start in reversed(range(0, len(array), _ROWS))]
    while waiting:
        piece = waiting.pop()
        size = _text_bytes(piece)
        if len(piece) > 1 and size > _PIECE_BYTES:
            middle = len(piece) // 2
            waiting += [piece.slice(middle), piece.slice(0, middle)]
            continue
        if size > _LARGEST_CELL:
            raise InputError(
                f"a cell of the column holds {size:,} bytes of text, the limit is {_LARGEST_CELL:,}: give each "
                "document or paragraph a row of its own"
            )
        yield piece.to_pylist()


def _text_bytes(array: Any) -> int:
    """Return the amount of text in the rows; dictionary entries count each time they are used."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.DictionaryArray):
        lengths = pc.binary_length(array.dictionary.cast(pa.large_string())).cast(pa.int64())
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    return int(array.nbytes)


def _rows_at_a_time(path: Path, metadata: Any, name: str) -> int:
    """Return how many rows can be decoded together, regardless of their sizes.

    Rows that name a word of a dictionary all get a copy of it, so that the largest word counts; a dictionary's first
    bytes say how long it is, and no word in it is longer.
    """
    rows = _ROWS
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in (group.column(i) for i in range(group.num_columns)):
            if column.path_in_schema.split(".")[0] != name:
                continue
            if column.total_uncompressed_size > _LARGE_GROUP:
                rows = min(rows, _FEW_ROWS)
            if column.has_dictionary_page and column.dictionary_page_offset:
                size = _dictionary_bytes(path, column.dictionary_page_offset)
                if size > _LARGEST_CELL:
                    raise InputError(
                        f"{path}: the dictionary of column {name!r} takes {size:,} bytes, the limit is "
                        f"{_LARGEST_CELL:,}: write the file again without it (use_dictionary=False)"
                    )
                rows = min(rows, max(1, _DECODED_BYTES // max(1, size)))
    return rows


def _dictionary_bytes(path: Path, offset: int) -> int:
    """Return the decompressed size of a dictionary: the second field of Parquet's PageHeader in compact Thrift."""
    with open(path, "rb") as file:
        file.seek(offset)
        head = file.read(16)
    fields = []
    at = 0
    for _ in range(2):  # type, uncompressed_page_size: a byte 0x15 (the next field, an int32), a zigzag varint
        if head[at : at + 1] != b"\x15":
            return 0  # encrypted, or nothing that Arrow will read
        number = shift = 0
        at += 1
        while at < len(head):
            number |= (head[at] & 0x7F) << shift
            shift += 7
            at += 1
            if head[at - 1] < 0x80:
                break
        fields.append(number >> 1)
    return fields[1]


def _choose_column(schema: Any, column: str | None, name: str) -> str:
    readable = [field.name for field in schema if _holds_text(field.type)]
    listed = ", ".join(map(repr, readable)) or "none"
    if column is not None:
        if column not in schema.names:
            raise InputError(f"{name}: no column {column!r}; columns of text: {listed}")
        if schema.names.count(column) > 1:
            raise InputError(f"{name}: {schema.names.count(column)} columns are called {column!r}: rename one")
        if column not in readable:
            raise InputError(f"{name}: column {column!r} holds {schema.field(column).type}; columns of text: {listed}")
        return column
    if not readable:
        raise InputError(
            f"{name}: no column holds text or lists of words; columns: {', '.join(schema.names) or 'none'}"
        )
    if len(readable) > 1:
        raise InputError(f"{name}: {len(readable)} columns hold text: choose one with {argument('column')}: {listed}")
    return str(readable[0])


def _holds_text(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
