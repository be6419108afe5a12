"""JSON records with a checksum: a file with one object, or with an object in its first line, followed by lines of text.

The checksum covers the content, not its bytes: the object without its member `checksum`, with sorted keys, no
whitespace, in ASCII. So a file that a tool has reformatted is still valid; one with a changed value is not.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from vastmax.files.checksum import DamagedFileError, hex_of, is_wanted
from vastmax.strict_json import as_read_back, json_text

CHECKSUM = "checksum"
_SCHEME = "crc32:"


def record_crc(record: Mapping[str, Any]) -> int:
    """Return the CRC-32 of a record's content without its member `checksum`."""
    content = {name: value for name, value in record.items() if name != CHECKSUM}
    return zlib.crc32(json_text(content, ascii_only=True, compact=True, sort_keys=True).encode())


def sealed(record: Mapping[str, Any], *, crc: int | None = None) -> dict[str, Any]:
    """Return `record` with JSON types (tuples become lists) and its checksum, or `crc`, as the last member."""
    plain: dict[str, Any] = as_read_back(record)
    plain.pop(CHECKSUM, None)
    return {**plain, CHECKSUM: _SCHEME + hex_of(record_crc(plain) if crc is None else crc)}


def unsealed(
    record: Mapping[str, Any], path: str | os.PathLike[str], *, required: bool, crc: int | None = None
) -> dict[str, Any]:
    """Check the checksum and return the record that was passed to `sealed`.

    Args:
        record: the record as it was read.
        path: the path of the file, for messages.
        required: whether a record without a checksum is damaged; if not, an older vastmax wrote it.
        crc: the checksum passed to `sealed`, recomputed.

    Raises:
        DamagedFileError: the checksum is missing, or does not match the content.
    """
    content = {name: value for name, value in record.items() if name != CHECKSUM}
    if not is_wanted() or (CHECKSUM not in record and not required):
        return content
    if record.get(CHECKSUM) != _SCHEME + hex_of(record_crc(content) if crc is None else crc):
        raise DamagedFileError(
            f"{path} is damaged: its content does not agree with its checksum; restore the file, or create it again "
            "(if you changed it on purpose, VASTMAX_VERIFY=0 reads it all the same)"
        )
    return content


def write_lines(file: BinaryIO, head: Mapping[str, Any], blocks: Iterable[bytes]) -> None:
    """Write a JSON line, then `blocks` of complete lines; the checksum in the first line covers them, too."""

    def first_line(crc: int) -> bytes:
        return json_text(sealed(head, crc=crc)).encode() + b"\n"

    file.write(first_line(0))
    crc = record_crc(sealed(head))
    for block in blocks:
        file.write(block)
        crc = zlib.crc32(block, crc)
    file.seek(0)
    file.write(first_line(crc))


def checked_lines(
    head: Mapping[str, Any], body: bytes | memoryview, path: str | os.PathLike[str], *, required: bool
) -> dict[str, Any]:
    """Return the record of the first line written by `write_lines`, after checking the checksum of it and all lines.

    Raises:
        DamagedFileError: see `unsealed`.
    """
    return unsealed(head, path, required=required, crc=zlib.crc32(body, record_crc(head)))
