"""Records in JSON that carry their checksum: a file that is one object, or a first line that is one and lines of text.

The checksum is that of the content and not of its bytes: the object without its member `checksum`, keys sorted, no
white space, all of it in ASCII. So a file that a tool has laid out anew still holds; one with a changed figure does
not.
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
    """Return the CRC-32 of a record's content, its member `checksum` left out."""
    content = {name: value for name, value in record.items() if name != CHECKSUM}
    return zlib.crc32(json_text(content, ascii_only=True, compact=True, sort_keys=True).encode())


def sealed(record: Mapping[str, Any], *, crc: int | None = None) -> dict[str, Any]:
    """Return `record` as JSON has it (tuples are lists), with its checksum as the last member; `crc` in its place."""
    plain: dict[str, Any] = as_read_back(record)
    plain.pop(CHECKSUM, None)
    return {**plain, CHECKSUM: _SCHEME + hex_of(record_crc(plain) if crc is None else crc)}


def unsealed(
    record: Mapping[str, Any], path: str | os.PathLike[str], *, required: bool, crc: int | None = None
) -> dict[str, Any]:
    """Return what `sealed` was given, its checksum checked.

    Args:
        record: as it was read.
        path: of the file, for messages.
        required: a record without a checksum is damaged; otherwise an older vastmax wrote it.
        crc: what was given to `sealed`, worked out anew.

    Raises:
        DamagedFileError: the checksum is missing, or is not that of the content.
    """
    content = {name: value for name, value in record.items() if name != CHECKSUM}
    if not is_wanted() or (CHECKSUM not in record and not required):
        return content
    if record.get(CHECKSUM) != _SCHEME + hex_of(record_crc(content) if crc is None else crc):
        raise DamagedFileError(
            f"{path} is damaged: its content does not agree with its checksum; restore the file, or make it anew (if "
            "you changed it on purpose, VASTMAX_VERIFY=0 reads it all the same)"
        )
    return content


def write_lines(file: BinaryIO, head: Mapping[str, Any], blocks: Iterable[bytes]) -> None:
    """Write a line of JSON, then `blocks`, which are whole lines; the checksum in the first line covers them, too."""

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
    """Return the first line that `write_lines` was given, its checksum checked against it and the lines behind it.

    Raises:
        DamagedFileError: see `unsealed`.
    """
    return unsealed(head, path, required=required, crc=zlib.crc32(body, record_crc(head)))
