"""Parquet and Arrow: which column holds the text, and its rows. pyarrow is imported only when there is such data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from vastmax import extras
from vastmax.errors import InputError

_ROWS = 8192  # rows turned into Python strings at a time
_PARQUET = b"PAR1"
_ARROW = b"ARROW1"


def is_arrow_object(source: object) -> bool:
    """Whether `source` is a table in memory: of pyarrow, or of any library that exports Arrow streams."""
    return hasattr(source, "__arrow_c_stream__") or type(source).__module__.partition(".")[0] == "pyarrow"


def is_arrow_file(file: IO[bytes]) -> bool:
    """Whether this is a Parquet or Arrow file: both begin and end with their name."""
    head = file.read(len(_ARROW))
    name = _ARROW if head == _ARROW else _PARQUET if head.startswith(_PARQUET) else None
    if name is None or file.seek(0, os.SEEK_END) < 2 * len(name):
        return False
    file.seek(-len(name), os.SEEK_END)
    return file.read(len(name)) == name


def rows_of_file(path: Path, column: str | None) -> Iterator[list[Any]]:
    """The rows of the text column, by lists; each row is a str, a list of str, or None."""
    _need_pyarrow(str(path))
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _reported(str(path)):
        with path.open("rb") as opened:
            head = opened.read(len(_PARQUET))
        if head == _PARQUET:
            with pq.ParquetFile(path) as parquet:
                name = _choose_column(parquet.schema_arrow, column, str(path))
                for batch in parquet.iter_batches(batch_size=_ROWS, columns=[name]):
                    yield from _rows(batch.column(name))
        else:
            with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
                name = _choose_column(reader.schema, column, str(path))
                for i in range(reader.num_record_batches):
                    yield from _rows(reader.get_batch(i).column(name))


def rows_of_table(table: Any, column: str | None) -> Iterator[list[Any]]:
    """The same for a table in memory."""
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
    for start in range(0, len(array), _ROWS):
        yield array.slice(start, _ROWS).to_pylist()


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
        raise InputError(f"{name}: {len(readable)} columns hold text: choose one with column= (--column): {listed}")
    return str(readable[0])


def _holds_text(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind) or types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
