"""Read and write JSON, from users and our own, within limits and strictly by the standard.

Reading refuses what Python's own reader accepts or fails on: too many bytes, too deep nesting, bytes that are not
UTF-8, empty input, duplicate names in an object, NaN and Infinity, integers beyond 64 bits. Writing replaces NaN and
infinities, which JSON does not have, with null.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vastmax.errors import InputError

_PIECE_BYTES = 1 << 20

LONGEST_BYTES = 1 << 28
"""The longest document: far more than the nested labels of the largest vocabulary need."""

DEEPEST = 200
"""The maximum nesting of lists and objects. Python's reader and code that walks the data recurse once per level."""

_LEAST_WHOLE, _GREATEST_WHOLE = -(1 << 63), (1 << 64) - 1
"""The range of int64 and uint64; seeds are uint64."""

# A string, closed or not, or one bracket; what stands between is skipped in one step.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]|[^"\[\]{}]++', re.DOTALL)


def read_json(
    path: str | os.PathLike[str], *, name: str | None = None, longest_bytes: int = LONGEST_BYTES, fix: str = ""
) -> Any:
    """Return the content of a JSON file.

    Args:
        path: the path of the file.
        name, longest_bytes, fix: see `parse_json`; the name is the path by default.

    Raises:
        InputError: the file is not JSON, or exceeds the limits of this module; the message names the file and position.
        OSError: the file cannot be read.
    """
    data = bytearray()
    with open(
        path, "rb"
    ) as file:  # in pieces: reading all at once would allocate that much memory, however short the file is
        while len(data) <= longest_bytes and (piece := file.read(_PIECE_BYTES)):
            data += piece
    return parse_json(bytes(data), name or os.fspath(path), longest_bytes=longest_bytes, fix=fix)


def parse_json(data: bytes | str, name: str, *, longest_bytes: int = LONGEST_BYTES, fix: str = "") -> Any:
    """Return the content of a JSON document. A leading byte order mark is ignored.

    Args:
        data: the document; bytes are UTF-8.
        name: the name of the document, which begins the messages.
        longest_bytes: the maximum length in bytes, or in characters of a str.
        fix: the end of the messages, such as "; train again".

    Raises:
        InputError: see `read_json`.

    Example:
        >>> parse_json(b'{"a": [1, 2.5]}', "example.json")
        {'a': [1, 2.5]}
    """
    try:
        return _parsed(data, longest_bytes)
    except _RefusedError as error:
        raise InputError(f"{name} {error}{fix}") from None


def json_text(
    value: Any,
    *,
    indent: int | None = None,
    ascii_only: bool = False,
    compact: bool = False,
    sort_keys: bool = False,
) -> str:
    """Return the value as a JSON document, with NaN and infinities as null; lone surrogates are escaped.

    Args:
        value: JSON types; tuples become lists.
        indent: spaces per level; None: one line.
        ascii_only: escape all characters beyond ASCII.
        compact: omit spaces between the parts.
        sort_keys: sort the members of objects by name.

    Raises:
        TypeError: the value contains a type that JSON does not have.
        ValueError: the value contains itself, or is nested too deeply for Python's stack.

    Example:
        >>> json_text({"loss": float("nan"), "word": "café"})
        '{"loss": null, "word": "café"}'
    """
    separators = (",", ":") if compact else None
    try:
        plain = _plain(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    text = json.dumps(
        plain, ensure_ascii=ascii_only, indent=indent, separators=separators, allow_nan=False, sort_keys=sort_keys
    )
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def as_read_back(value: Any) -> Any:
    """Return the value as it would be read back from a file: tuples become lists, and keys become strings."""
    return json.loads(json_text(value))


class _RefusedError(Exception):
    """Input that Python's reader would accept."""


def _parsed(data: bytes | str, longest_bytes: int) -> Any:
    if len(data) > longest_bytes:
        raise _RefusedError(f"is longer than {longest_bytes:,} bytes, the most that is read as JSON")
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise _RefusedError(f"is not UTF-8 text (byte {error.start})") from None
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise _RefusedError("is empty; expected JSON")
    _check_depth(text)
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_whole,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise _RefusedError(f"is not JSON (line {error.lineno}, column {error.colno}: {error.msg})") from None


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for bracket in _brackets(text):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise _RefusedError(f"is nested more than {DEEPEST} levels deep; expected lists and objects less deep")


def _brackets(text: str) -> Iterator[str]:
    return (token[0] for token in _TOKEN.finditer(text) if token[0] in ("[", "]", "{", "}"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedError(f"has {_shown(_repeated(name for name, _ in pairs))} twice in one object; join the two")
    return found


def _repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def _refuse_constant(letters: str) -> Any:
    raise _RefusedError(f"holds {letters}, which is no number in JSON; expected a finite number, or null")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _RefusedError(f"holds {_shown(digits)}, which is too large; expected at most 1.8e308")
    return number


def _whole(digits: str) -> int:
    if len(digits) > 20 or not _LEAST_WHOLE <= (number := int(digits)) <= _GREATEST_WHOLE:
        raise _RefusedError(f"holds {_shown(digits)}, which is too large; expected whole numbers of at most 64 bits")
    return number


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _plain(value: Any) -> Any:
    """Return the value with null where a number is not finite."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
