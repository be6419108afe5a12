"""A tree as a file: its arrays in the safetensors format, which contains no code and is reproducible to the byte."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from vastmax.atomic import replacing
from vastmax.content.kinds import HEAD_BYTES, own_format
from vastmax.content.looking import not_expected
from vastmax.errors import InputError
from vastmax.files.checksum import DamagedFileError
from vastmax.files.safetensors import Header, write_tensors
from vastmax.tree.structure import Structure

FORMAT = "vastmax tree 2"
_WITHOUT_CHECKSUM = "vastmax tree 1"
_DTYPES = {
    "label_ends": "I64",
    "word_ends": "I64",
    "child_counts": "I32",
    "children": "I32",
    "leaf_words": "I32",
    "labels": "U8",
    "words": "U8",
}
"""The widest first, so each array begins at a multiple of its item size."""
_REQUIRED = {"children", "child_counts"}

Built = TypeVar("Built", bound=Structure)


def save(tree: Structure, path: str | os.PathLike[str]) -> None:
    """Write `tree` to `path`, under a temporary name that is then renamed.

    Cost: 12 bytes per word for a binary tree, plus the spellings if the tree knows its words.
    """
    arrays: dict[str, npt.NDArray[Any]] = {"children": tree.children, "child_counts": tree.child_counts}
    if not tree.one_leaf_a_word:
        arrays["leaf_words"] = tree.leaf_words
    if tree.words is not None:
        arrays["words"], arrays["word_ends"] = _packed(tree.words)
    if tree.labels is not None:
        arrays["labels"], arrays["label_ends"] = _packed(tree.labels)
    with replacing(path) as beside, open(beside, "wb") as stream:
        write_tensors(stream, {name: arrays[name] for name in _DTYPES if name in arrays}, {"format": FORMAT})


def load(path: str | os.PathLike[str], build: Callable[..., Built]) -> Built:
    """Read a tree written by `save`.

    Args:
        path: the file.
        build: the constructor of the tree from its arrays: `Tree` or `Structure`.

    Raises:
        InputError: the file is damaged, has other content, or its arrays do not form a tree.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as opened:  # a missing file raises an OSError that names it
        found = own_format(opened.read(HEAD_BYTES))
    if found not in (FORMAT, _WITHOUT_CHECKSUM):
        raise not_expected(
            path,
            "a tree that vastmax saved",
            f"is not a tree file, or is damaged (found {found or 'no format'!r}, expected {FORMAT!r})",
        )
    try:
        header = Header(os.fspath(path))
    except DamagedFileError:
        raise
    except InputError as error:
        raise InputError(f"{path} is not a tree file, or is damaged ({error})") from None
    if header.metadata.get("format") != _WITHOUT_CHECKSUM:
        header.require_checksum()
    names = set(header.names)
    if not _REQUIRED <= names <= _DTYPES.keys():
        raise InputError(f"{path} is damaged: it contains the arrays {sorted(names)}")
    arrays = {name: header.place(name, _DTYPES[name], 1).read() for name in names}
    try:
        return build(
            arrays["children"],
            arrays["child_counts"],
            arrays.get("leaf_words"),
            words=_unpacked(arrays, "words", "word_ends"),
            labels=_unpacked(arrays, "labels", "label_ends"),
        )
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} is damaged: {error}") from None


def _packed(names: Sequence[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    encoded = [name.encode("utf-8") for name in names]
    return np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([len(name) for name in encoded], dtype=np.int64)


def _unpacked(arrays: dict[str, npt.NDArray[Any]], names: str, ends: str) -> list[str] | None:
    if names not in arrays and ends not in arrays:
        return None
    text, stops = arrays[names].tobytes(), arrays[ends]
    if stops.size and stops[-1] != len(text):
        raise InputError(f"{names} and {ends} do not match")
    starts = np.concatenate([[0], stops[:-1]])
    if (starts > stops).any():
        raise InputError(f"{ends} do not ascend")
    return [text[start:stop].decode("utf-8") for start, stop in zip(starts, stops, strict=True)]
