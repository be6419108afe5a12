"""A tree as a file: its arrays in the safetensors format, which holds no code and has one byte sequence a content."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.atomic import replacing
from vastmax.content.kinds import HEAD_BYTES, own_format
from vastmax.content.looking import not_expected
from vastmax.errors import InputError
from vastmax.tree.tree import Tree

FORMAT = "vastmax tree 1"
_REQUIRED = {"children", "child_counts"}
_OPTIONAL = {"leaf_words", "words", "word_ends", "labels", "label_ends"}


def save(tree: Tree, path: str | os.PathLike[str]) -> None:
    """Write `tree` to `path`, beside its place first and then renamed, so that no half of a file is ever found there.

    Cost: 12 bytes a word of a binary tree, and the spelling of the words where the tree knows them.
    """
    import safetensors.numpy

    arrays: dict[str, npt.NDArray[Any]] = {"children": tree.children, "child_counts": tree.child_counts}
    if not tree.one_leaf_a_word:
        arrays["leaf_words"] = tree.leaf_words
    if tree.words is not None:
        arrays["words"], arrays["word_ends"] = _packed(tree.words)
    if tree.labels is not None:
        arrays["labels"], arrays["label_ends"] = _packed(tree.labels)
    with replacing(path) as beside:
        beside.write_bytes(safetensors.numpy.save(arrays, {"format": FORMAT}))


def load(path: str | os.PathLike[str]) -> Tree:
    """Read a tree that `save` wrote.

    Raises:
        InputError: the file is damaged, holds something else, or its arrays do not make a tree.
        OSError: the file cannot be read.
    """
    import safetensors

    with open(path, "rb") as opened:  # a missing or unreadable file is an OSError that names it
        found = own_format(opened.read(HEAD_BYTES))
    if found != FORMAT:
        raise not_expected(
            path,
            "a tree that vastmax saved",
            f"is not a tree file, or is damaged ({found or 'no format'!r} where {FORMAT!r} was expected)",
        )
    try:
        with safetensors.safe_open(path, framework="np") as file:
            names = set(file.keys())
            if not _REQUIRED <= names <= _REQUIRED | _OPTIONAL:
                raise InputError(f"{path} is damaged: it holds the arrays {sorted(names)}")
            arrays = {name: file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise InputError(f"{path} is not a tree file, or is damaged ({error})") from None
    try:
        return Tree(
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
    if stops.ndim != 1 or stops.dtype != np.int64 or (stops.size and stops[-1] != len(text)):
        raise InputError(f"{names} and {ends} do not fit each other")
    starts = np.concatenate([[0], stops[:-1]])
    if (starts > stops).any():
        raise InputError(f"{ends} do not ascend")
    return [text[start:stop].decode("utf-8") for start, stop in zip(starts, stops, strict=True)]
