"""The file in which models and KeyedVectors are saved: a file of word vectors of vastmax, with more in it.

`WordVectors.load` and the commands read it, too. Nothing in it is executed when it is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vastmax import extras
from vastmax.atomic import replacing
from vastmax.content.looking import kind_at
from vastmax.embedding import SubwordVectors, WordVectors
from vastmax.embedding.formats.native import read_native, write_native
from vastmax.errors import InputError
from vastmax.files.safetensors import Header
from vastmax.gensim.key_table import KeyTable
from vastmax.gensim.problems import WrongFileError
from vastmax.strict_json import json_text, parse_json

RECORD = "gensim"
"""The name of the metadata that says what the file holds."""

_PLAIN = "fiub"
_ATTRIBUTE = "attribute "
_FROM_COUNTS = ("count", "code", "point", "sample_int")
"""Attributes of words that the counts are, or that follow from them."""


@dataclass(frozen=True)
class Saved:
    """The content of a file.

    Attributes:
        kind: "Word2Vec", "FastText", "KeyedVectors", or "WordVectors" for a file that vastmax itself wrote.
        table: keys, vectors and attributes, of the class that is asked for.
        settings: of a model, by name.
        output_vectors: (V, D) or None.
        node_vectors: (V − 1, D) or None.
    """

    kind: str
    settings: dict[str, Any]
    output_vectors: NDArray[np.float32] | None
    node_vectors: NDArray[np.float32] | None


def require_path(fname: object) -> str:
    """Return the name of a file; raise InputError for what is none, such as an open file."""
    if not isinstance(fname, str | os.PathLike):
        raise InputError(f"a model is saved under the name of a file, and not in {fname!r:.60}")
    return os.fspath(fname)


def save(
    fname: object,
    table: KeyTable,
    kind: str,
    settings: Mapping[str, Any] | None = None,
    *,
    output_vectors: NDArray[np.float32] | None = None,
    node_vectors: NDArray[np.float32] | None = None,
) -> None:
    """Write keys, vectors and attributes, and what else a model has, under a temporary name; then rename the file."""
    path = require_path(fname)
    keys = table.index_to_key
    ints = bool(keys) and all(isinstance(key, int | np.integer) and not isinstance(key, bool) for key in keys)
    if not ints and not all(isinstance(key, str) for key in keys):
        raise InputError("keys of several types cannot be saved; use words, or whole numbers, throughout")
    if not keys:
        raise InputError("there is nothing to save yet: no key has a vector; build the vocabulary first")
    attributes = {
        name: np.ascontiguousarray(values) for name, values in table.expandos.items() if name not in _FROM_COUNTS
    }
    plain = {name: values for name, values in attributes.items() if values.dtype.kind in _PLAIN}
    record = {
        "kind": kind,
        "int_keys": ints,
        "dtype": table.vectors.dtype.str,
        "settings": dict(settings or {}),
        "attributes": {name: values.dtype.str for name, values in plain.items()},
        "objects": {name: values.tolist() for name, values in attributes.items() if name not in plain},
    }
    try:
        text = json_text(record)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: an attribute of the keys cannot be saved as JSON: {error}") from None
    extra = {_ATTRIBUTE + name: values.view(np.uint8) for name, values in plain.items()}
    if table.vectors.dtype == np.float64:
        extra["exact_vectors"] = np.ascontiguousarray(table.vectors).view(np.uint8)
    subwords = getattr(table, "subwords", None)
    make: Any = WordVectors if subwords is None else partial(SubwordVectors, subwords=subwords)
    v = make(
        [str(key) for key in keys],
        table.vectors,
        counts=table.expandos["count"].astype(np.int64) if "count" in table.expandos else None,
        output_vectors=output_vectors,
        node_vectors=node_vectors,
        training={"source": f"vastmax.gensim {kind}"},
    )
    with replacing(path) as beside, open(beside, "wb") as stream:
        write_native(_binary(stream), v, path, extra_tensors=extra, extra_metadata={RECORD: text})


def load(fname: object, table_class: Any, mmap: str | None = None) -> tuple[Any, Saved]:
    """Return keys with their vectors, as an object of a class, and the rest of the file.

    Args:
        fname: the file.
        table_class: a KeyedVectors.
        mmap: "r" to map the vectors from the file instead of reading them.

    Raises:
        InputError: it is no such file, or damaged.
    """
    path = require_path(fname)
    header = Header(path)
    found = read_native(path)
    for place in found.unchecked.values():
        place.require()
    record: dict[str, Any] = {"kind": "WordVectors", "int_keys": False, "settings": {}, "attributes": {}, "objects": {}}
    if RECORD in header.metadata:
        record |= parse_json(header.metadata[RECORD], f"{path}: its record")
    dtype = np.dtype(record.get("dtype", "<f4"))
    vectors: NDArray[Any] = found.vectors if mmap else np.array(found.vectors)
    if dtype == np.float64:
        vectors = _stored(header, "exact_vectors", dtype)
    table = table_class(found.vectors.shape[1], dtype=dtype)
    table.index_to_key = [int(word) for word in found.words] if record["int_keys"] else found.words
    table.key_to_index = {key: row for row, key in enumerate(table.index_to_key)}
    table.vectors = vectors.astype(dtype, copy=False)
    table.next_index = len(found.words)
    if found.subwords is not None and hasattr(table, "take_rows"):
        table.take_rows(found.subwords if mmap else found.subwords.copied())
    if found.counts is not None:
        table.expandos["count"] = np.array(found.counts)
    for name, stored in record["attributes"].items():
        table.expandos[name] = _stored(header, _ATTRIBUTE + name, np.dtype(stored)).reshape(len(found.words), -1)[:, 0]
    for name, values in record["objects"].items():
        table.expandos[name] = np.empty(len(found.words), dtype=object)
        table.expandos[name][:] = values
    outputs, nodes = (None if each is None else np.array(each) for each in (found.output_vectors, found.node_vectors))
    return table, Saved(str(record["kind"]), dict(record["settings"]), outputs, nodes)


def is_pickle(fname: object) -> bool:
    """Return whether a file is a Python pickle, as gensim saves them."""
    kind = kind_at(require_path(fname))
    return kind is not None and "pickle" in kind.described


def unpickled_by_gensim(fname: object, class_name: str) -> Any:
    """Return the object that gensim pickled into a file, loaded by the gensim that is installed.

    Raises:
        MissingExtraError: gensim is not installed.
    """
    path = require_path(fname)
    extras.require(f"{path}: reading what gensim has pickled", "gensim")
    home = import_module("gensim.models.phrases" if "Phrases" in class_name else "gensim.models")
    found = getattr(home, class_name).load(path)
    if type(found).__name__ != class_name:
        raise WrongFileError(f"{path} holds a {type(found).__name__}, not a {class_name}; load it with its own class")
    return found


def _stored(header: Header, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    return header.place(name, "U8", len(header.entries[name]["shape"])).read().view(dtype)


def _binary(stream: Any) -> BinaryIO:
    typed: BinaryIO = stream
    return typed
