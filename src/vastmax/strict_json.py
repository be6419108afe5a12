"""JSON in and out, of users and our own: read within limits, and never written with what is no JSON.

Reading refuses what Python's own reader accepts or breaks on: too many bytes, too deep a nesting, bytes that are not
UTF-8, nothing at all, a name that stands twice in one object, NaN and Infinity, whole numbers that no 64 bits hold.
Writing turns NaN and the infinities, for which JSON has no letters, into null.
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
"""Of a document: far more than the nested labels of the largest vocabulary take."""

DEEPEST = 200
"""Lists and objects within each other. Python's reader needs its stack for each, and so does whoever walks the data."""

_LEAST_WHOLE, _GREATEST_WHOLE = -(1 << 63), (1 << 64) - 1
"""What an int64 or a uint64 holds; seeds are of the second kind."""

# A string, closed or not, or one bracket; what stands between is skipped in one step.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]|[^"\[\]{}]++', re.DOTALL)


def read_json(
    path: str | os.PathLike[str], *, name: str | None = None, longest_bytes: int = LONGEST_BYTES, fix: str = ""
) -> Any:
    """Return what the JSON file holds.

    Args:
        path: of the file.
        name, longest_bytes, fix: as in `parse_json`; the name is the path unless told otherwise.

    Raises:
        InputError: it holds no JSON, or goes beyond what the module says; the file and the place in it are named.
        OSError: it cannot be read.
    """
    data = bytearray()
    with open(
        path, "rb"
    ) as file:  # by pieces: to ask for all at once takes that much memory, however short the file is
        while len(data) <= longest_bytes and (piece := file.read(_PIECE_BYTES)):
            data += piece
    return parse_json(bytes(data), name or os.fspath(path), longest_bytes=longest_bytes, fix=fix)


def parse_json(data: bytes | str, name: str, *, longest_bytes: int = LONGEST_BYTES, fix: str = "") -> Any:
    """Return what a JSON document holds. A byte order mark before it is passed over.

    Args:
        data: the document; bytes are UTF-8.
        name: of the document, which begins the messages.
        longest_bytes: the most bytes, or characters of a string, that are read.
        fix: what ends the messages, such as "; train anew".

    Raises:
        InputError: as `read_json`.

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
    """Return the value as a JSON document, NaN and the infinities as null; halves of characters are escaped.

    Args:
        value: of what JSON knows, tuples as lists.
        indent: spaces a level; None: one line.
        ascii_only: everything beyond ASCII is escaped.
        compact: without spaces between the parts.
        sort_keys: members of objects in the order of their names.

    Raises:
        TypeError: something that JSON does not know.
        ValueError: the value holds itself, or is nested deeper than Python's stack is.

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
    """Return the value as it comes back from a file: tuples are lists, and names of objects text."""
    return json.loads(json_text(value))


class _RefusedError(Exception):
    """Something that Python's reader would let pass."""


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
    """The value with null where a number is not finite."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
