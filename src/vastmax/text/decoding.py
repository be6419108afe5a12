"""Text in other encodings than UTF-8, or with bytes to be dropped, as UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from vastmax.errors import InputError, argument

UTF8 = "utf-8"
ERRORS = ("strict", "replace", "ignore")
"""What is done with bytes that the encoding does not have: stop and name the first, read U+FFFD, or drop them."""


def checked_encoding(encoding: object) -> str:
    """Return Python's name of an encoding.

    Raises:
        InputError: Python knows no such encoding of text.

    Example:
        >>> checked_encoding("latin1"), checked_encoding("UTF8")
        ('iso8859-1', 'utf-8')
    """
    try:
        found = codecs.lookup(encoding) if isinstance(encoding, str) else None
    except (LookupError, ValueError):
        found = None
    # What Python counts among encodings besides: rot13, hex, zip, which turn no bytes into text.
    if found is None or not getattr(found, "_is_text_encoding", True):
        raise InputError(
            f"{argument('encoding', repr(encoding))}: expected the name of an encoding, such as 'latin-1' or 'cp1252'"
        )
    return found.name


def as_utf8(chunks: Iterable[bytes | memoryview], name: str, encoding: str, errors: str) -> Iterator[bytes]:
    """Yield a text as UTF-8, decoded in pieces.

    Args:
        chunks: the stored bytes.
        name: what the text is called in messages.
        encoding: of the text; UTF-8 included.
        errors: one of `ERRORS`.

    Raises:
        InputError: bytes that the encoding does not have, with `errors` "strict"; the byte is named.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    before = 0
    for chunk in chunks:
        yield _decoded(decoder, bytes(chunk), name, before, encoding)
        before += len(chunk)
    yield _decoded(decoder, b"", name, before, encoding, final=True)


def _decoded(
    decoder: codecs.IncrementalDecoder, data: bytes, name: str, before: int, encoding: str, *, final: bool = False
) -> bytes:
    kept = len(decoder.getstate()[0])  # bytes of a character that the last piece cut
    try:
        return decoder.decode(data, final).encode("utf-8", "replace")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: byte {before - kept + error.start} is not valid {encoding}: name another "
            f"{argument('encoding')}, or pass {argument('errors', repr('replace'))}"
        ) from None
