"""The native format: one safetensors file that holds all data of a WordVectors and is memory-mapped when loaded.

Tensors: `vectors` F32 (V, D); `words` U8, the UTF-8 of all words end to end; `word_offsets` I64 (V + 1,), where each
word begins and ends in it; and where known `counts` I64 (V,), `output_vectors` F32 (any, D) and `node_vectors` F32
(V − 1, D).
Vectors that are made of n-grams also have `word_rows` F32 (V, D), `ngram_rows` F32 (U, D) and `ngram_buckets` I32 (U,),
and the metadata `subwords`, which is JSON: `min_n`, `max_n`, `bucket`.
Metadata: `format`, `version`, `checksum` (see `files/safetensors.py`; version 1, of vastmax 0.1, has none), and
`training`, which is JSON. Other tensors and metadata may be there and are not looked at, so that a checkpoint of
training is a file of vectors, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import accumulate, pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.formats.table import Table, encode_word
from vastmax.embedding.subword_rows import SubwordRows
from vastmax.embedding.subwords import Subwords
from vastmax.embedding.word_table import WordTable
from vastmax.errors import InputError
from vastmax.files.safetensors import Header, Place, write_tensors
from vastmax.strict_json import json_text, parse_json

FORMAT_NAME = "vastmax word vectors"
VERSION = 2
_FIRST_WITH_CHECKSUM = 2
_MATRICES = ("vectors", "output_vectors", "node_vectors")
_DTYPES = {**dict.fromkeys(_MATRICES, "F32"), "counts": "I64", "word_offsets": "I64", "words": "U8"}


def write_native(
    stream: BinaryIO,
    v: WordTable,
    path: str,
    *,
    extra_tensors: Mapping[str, NDArray[Any]] | None = None,
    extra_metadata: Mapping[str, str] | None = None,
) -> None:
    """Write all data of `v`, tile by tile, and other data that a program keeps with it: readers of vectors skip it."""
    raw = [encode_word(path, word) for word in v.index_to_key]
    offsets = np.fromiter(accumulate(map(len, raw), initial=0), dtype=np.int64, count=len(raw) + 1)
    tensors: dict[str, NDArray[Any]] = {"word_offsets": offsets}
    if v.counts is not None:
        tensors["counts"] = v.counts
    tensors["vectors"] = v.vectors
    if v.output_vectors is not None:
        tensors["output_vectors"] = v.output_vectors
    if v.node_vectors is not None:
        tensors["node_vectors"] = v.node_vectors
    if v.subwords is not None:
        tensors |= subword_tensors(v.subwords)
    tensors["words"] = np.frombuffer(b"".join(raw), dtype=np.uint8)
    tensors |= extra_tensors or {}
    write_tensors(stream, tensors, {**native_metadata(v.training, v.subwords), **(extra_metadata or {})})


def subword_tensors(rows: SubwordRows) -> dict[str, NDArray[Any]]:
    """Return what a file holds of n-grams."""
    return {"word_rows": rows.word_rows, "ngram_rows": rows.ngram_rows, "ngram_buckets": rows.buckets}


def native_metadata(training: Mapping[str, Any], subwords: SubwordRows | None = None) -> dict[str, str]:
    """Return the header metadata of a file of vectors."""
    return {
        **({} if subwords is None else {"subwords": json_text(asdict(subwords.subwords))}),
        "format": FORMAT_NAME,
        "version": str(VERSION),
        "training": json_text(dict(training)),
    }


def read_native(path: str, *, verify: bool = True) -> Table:
    """Read and check the header, and map the tensors read-only.

    The words are checked against their checksums; each block of the matrices is checked on first use.

    Raises:
        InputError: cut off, damaged, another program's safetensors, or a later version's file.
    """
    header = Header(path, verify=verify)
    version, training = _metadata(header)
    if version > VERSION:
        raise InputError(f"{path}: the file has version {version}; this vastmax reads up to {VERSION}, so update it")
    if version >= _FIRST_WITH_CHECKSUM and verify:
        header.require_checksum()
    needed = ("vectors", "words", "word_offsets")
    tensors = {
        name: header.place(name, dtype, 2 if name in _MATRICES else 1)
        for name, dtype in _DTYPES.items()
        if name in header.names or name in needed
    }
    V, D = tensors["vectors"].shape
    expected = {"counts": (V,), "word_offsets": (V + 1,)}
    for name, place in tensors.items():
        if place.shape != expected.get(name, place.shape):
            raise InputError(f"{path}: {name!r} has the shape {place.shape}; {V} vectors need {expected[name]}")
    if V < 1 or D < 1 or any(tensors[name].shape[1] != D for name in _MATRICES if name in tensors):
        raise InputError(f"{path}: {V} vectors of {D} dimensions, and output vectors that differ or nothing at all")
    words = _words(tensors["words"].read().tobytes(), tensors["word_offsets"].read(), path)
    counts = tensors["counts"].read() if "counts" in tensors else None
    matrices: dict[str, Place] = {name: tensors[name] for name in _MATRICES if name in tensors}
    mapped = {name: place.map() for name, place in matrices.items()}
    return Table(
        words,
        mapped["vectors"],
        counts,
        mapped.get("output_vectors"),
        training,
        unchecked=matrices,
        node_vectors=mapped.get("node_vectors"),
        subwords=_subwords(header, (V, D)) if "subwords" in header.metadata else None,
    )


def _subwords(header: Header, shape: tuple[int, int]) -> SubwordRows:
    """Map the rows of n-grams."""
    places = {name: header.place(name, "F32", 2) for name in ("word_rows", "ngram_rows")}
    buckets = header.place("ngram_buckets", "I32", 1).read()
    if places["word_rows"].shape != shape:
        raise InputError(f"{header.path}: 'word_rows' has the shape {places['word_rows'].shape}; expected {shape}")
    try:
        subwords = Subwords(**parse_json(header.metadata["subwords"], "'subwords'"))
        mapped = {name: place.map() for name, place in places.items()}
        return SubwordRows(subwords, mapped["word_rows"], mapped["ngram_rows"], buckets, unchecked=places)
    except (TypeError, ValueError) as error:
        raise InputError(f"{header.path}: its n-grams are unreadable ({error}); the file is damaged") from None


def _metadata(header: Header) -> tuple[int, dict[str, Any]]:
    """Return the format version and the training metadata."""
    path, metadata = header.path, header.metadata
    if metadata.get("format") != FORMAT_NAME:
        names = ", ".join(sorted(header.names)[:4]) or "nothing"
        raise InputError(
            f"{path}: this safetensors file is not word vectors of vastmax (it holds {names}); expected the metadata "
            f"format={FORMAT_NAME!r}"
        )
    try:
        version = int(metadata["version"])
        training = parse_json(metadata["training"], "'training'")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: 'version' or 'training' in the metadata is unreadable ({error!r})") from None
    if not isinstance(training, dict):
        raise InputError(f"{path}: 'training' in the metadata is {training!r:.40}; expected an object")
    return version, training


def _words(blob: bytes, offsets: NDArray[np.int64], path: str) -> list[str]:
    if offsets[0] != 0 or offsets[-1] != len(blob) or (np.diff(offsets) < 0).any():
        raise InputError(
            f"{path}: 'word_offsets' do not rise from 0 to the {len(blob)} bytes of 'words'; it is damaged"
        )
    try:
        return [blob[begin:end].decode() for begin, end in pairwise(offsets.tolist())]
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: 'words' holds bytes that are not UTF-8 ({error.reason}); the file is damaged"
        ) from None
