"""Inspect files and folders that are not of the expected kind, for error messages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from vastmax.content.decompress import text_chunks
from vastmax.content.kinds import HEAD_BYTES, Kind, kind_of_bytes, own_format
from vastmax.errors import InputError

# What tells a folder by a file in it, and that file's own kind says which folder; the first that is there counts.
_TELLTALE_FILES = ("config.json", "manifest.json", "report.json")
_WORDNET = Kind("the dictionary of WordNet", "give it to vastmax tree --kind wordnet --wordnet")


def first_bytes(pieces: Iterator[bytes | memoryview], size: int = HEAD_BYTES) -> bytes:
    """Return the first `size` bytes of a stream of pieces, or all if there are fewer."""
    head = b""
    for piece in pieces:
        head += bytes(piece[: size - len(head)])
        if len(head) == size:
            break
    return head


def kind_at(path: str | os.PathLike[str], *, unpacked: bool = False) -> Kind | None:
    """Return the kind of file at a path; None if it is unknown or cannot be read.

    Args:
        path: a file or a folder.
        unpacked: look into a compressed file, and say what is in it.
    """
    try:
        if os.path.isdir(path):
            return _kind_of_folder(Path(path))
        if not os.path.isfile(path):
            return None  # a pipe or a device: what was read from it would be gone
        with open(path, "rb") as file:
            return kind_of_bytes(first_bytes(_inside(file, path)) if unpacked else file.read(HEAD_BYTES))
    except (OSError, ValueError):  # gone meanwhile, not for us to read, damaged: the caller's own message is better
        return None


def not_expected(
    path: str | os.PathLike[str], expected: str, otherwise: str, *, vectors: bool = False, unpacked: bool = False
) -> InputError:
    """Return the error for an unexpected file at `path`: it names the kind of file, or says `otherwise` if unknown.

    Args:
        path: a file or a folder.
        expected: what was expected, with its article.
        otherwise: what follows the path in the message, for a kind that is not known.
        vectors: whether word vectors were expected.
        unpacked: whether a compressed file would have been unpacked.
    """
    kind = kind_at(path, unpacked=unpacked)
    if kind is None:
        return InputError(f"{os.fspath(path)} {otherwise}")
    return wrong_kind(path, kind, expected, vectors=vectors)


def require_own(path: str | os.PathLike[str], format: str, expected: str) -> None:
    """Raise InputError unless the file declares this vastmax format; only its beginning is read.

    Args:
        path: the file.
        format: what it should call itself.
        expected: what it should be, with its article, for messages.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES)
    if own_format(head) == format:
        return
    kind = kind_of_bytes(head)
    if kind is not None:
        raise wrong_kind(path, kind, expected)
    raise InputError(f"{os.fspath(path)}: not {expected} (its first line would say so)")


def wrong_kind(name: str | os.PathLike[str], kind: Kind, expected: str, *, vectors: bool = False) -> InputError:
    """Return the error for a file whose kind is known and is not the expected one."""
    fix = kind.vectors_fix if vectors and kind.vectors_fix is not None else kind.fix
    return InputError(f"{os.fspath(name)}: this is {kind.described}; expected {expected}{f': {fix}' if fix else ''}")


def _inside(file: IO[bytes], path: str | os.PathLike[str]) -> Iterator[bytes | memoryview]:
    def stored() -> Iterator[bytes]:
        while piece := file.read(HEAD_BYTES):
            yield piece

    return text_chunks(stored(), os.fspath(path))


def _kind_of_folder(folder: Path) -> Kind | None:
    if (folder / "index.noun").is_file():
        return _WORDNET
    for name in _TELLTALE_FILES:
        if (folder / name).is_file():
            return kind_at(folder / name) if name != "config.json" else _model_folder(folder / name)
    return None


def _model_folder(config: Path) -> Kind | None:
    """Return whether a folder is one of our models: many programs have a config.json, but ours declares its format."""
    kind = kind_at(config)
    if kind is None or "vastmax" in kind.described:
        return kind
    return Kind("the folder of a model", "give the intended file")
