"""The checkpoint file of the native kernels, from which a run resumes bit for bit.

It is a safetensors file of vectors (see `formats/native.py`) and can be read as such. It also holds the other matrices
of the kernel, by name, and the metadata `checkpoint`, which is JSON: `version`, `settings`, `kernel_target`, `corpus`
(the fingerprint of the text), `state` and the time spent. Random streams are created for each piece of each epoch, so
none is saved.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.atomic import replacing
from vastmax.content.kinds import CHECKPOINT
from vastmax.content.looking import kind_at, wrong_kind
from vastmax.embedding.cosine import tiles
from vastmax.embedding.formats.native import native_metadata
from vastmax.embedding.run_state import RunState
from vastmax.embedding.settings import CheckedSettings
from vastmax.embedding.subword_rows import SubwordRows
from vastmax.errors import InputError
from vastmax.files.checksum import DamagedFileError, is_wanted
from vastmax.files.safetensors import Header, write_tensors
from vastmax.kernels.embedding_tables import Floats
from vastmax.strict_json import json_text, parse_json
from vastmax.text import Vocabulary
from vastmax.training.checkpoints import CheckpointsOf, SavedRun

VERSION = 2
_OLDER = frozenset({1})
"""Versions that can still be resumed. In version 1 the last tensor, `crc32`, is the checksum of all bytes before it."""

_CHECKSUM_BYTES = 4
_READ_BYTES = 1 << 22


@dataclass(frozen=True)
class Snapshot:
    """A run between two pieces, as it is written. The matrices are views of the live ones, without padding."""

    matrices: Mapping[str, Floats]  # by the kernel's names; (any, D)
    subwords: SubwordRows | None  # the same rows, where words' vectors are means of rows
    composed: Floats | None  # (V, D), those means
    vocabulary: Vocabulary
    settings: CheckedSettings
    kernel_target: str
    corpus: Mapping[str, Any]
    state: RunState
    elapsed_seconds: float
    cpu_seconds: float
    training: Mapping[str, Any]  # the metadata of vectors finished now

    def write(self, path: Path) -> None:
        """Write the file beside its place, then rename it. Cost: one pass over the matrices, in tiles."""
        made: dict[str, NDArray[Any]] = {}
        if self.subwords is not None and self.composed is not None:
            made = {"vectors": self.composed, "ngram_buckets": self.subwords.buckets}
        tensors: dict[str, NDArray[Any]] = {
            "word_offsets": self.vocabulary.words.offsets,
            "counts": self.vocabulary.counts,
            **{_tensor_name(name): matrix for name, matrix in self.matrices.items()},
            **made,
            "words": np.frombuffer(self.vocabulary.words.blob, dtype=np.uint8),
        }
        record = {
            "version": VERSION,
            "settings": self.settings.as_dict(),
            "kernel_target": self.kernel_target,
            "corpus": dict(self.corpus),
            "state": self.state.as_dict(),
            "elapsed_seconds": self.elapsed_seconds,
            "cpu_seconds": self.cpu_seconds,
        }
        metadata = {**native_metadata(self.training, self.subwords), "checkpoint": json_text(record)}
        with replacing(path) as beside, open(beside, "wb") as stream:
            write_tensors(stream, tensors, metadata)


class CheckpointFile(SavedRun):
    """A checkpoint to resume from.

    Args:
        path: the file.

    Raises:
        InputError: there is none, it is damaged, or it is of another kind or version.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        kind = kind_at(path)
        if kind is not None and kind is not CHECKPOINT and not kind.may_be_ours:
            raise wrong_kind(path, kind, "the checkpoint that vastmax embed wrote")
        try:
            self._header = Header(str(path))
        except InputError as error:
            raise InputError(f"{error}, or not a checkpoint; start again with another file") from None
        if "checkpoint" not in self._header.metadata:
            raise InputError(f"{path} is not a checkpoint of vastmax; give the file that training wrote, or another")
        try:
            record = parse_json(self._header.metadata["checkpoint"], "'checkpoint'")
            version = int(record["version"])
            if version == VERSION or version in _OLDER:
                self.settings = {"fixed_window": False, **record["settings"]}  # which older checkpoints lack
                self.text = dict(record["corpus"])
                self.kernel_target = str(record["kernel_target"])
                self.state = RunState.from_dict(record["state"])
                self.elapsed_seconds = float(record["elapsed_seconds"])
                self.cpu_seconds = float(record["cpu_seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(f"its record of the run is unreadable ({error!r})") from None
        if version != VERSION and version not in _OLDER:
            raise InputError(
                f"{path} is a checkpoint of version {version}, but this vastmax reads only up to version {VERSION}; "
                "finish that run with the vastmax that started it, or remove the file to start again"
            )
        try:
            if version == 1:
                require_old_checksum(self._header)
            else:
                self._header.require_checksum()
                self._header.require_all()
        except DamagedFileError:
            raise self._damaged("its bytes do not match its checksum") from None

    @property
    def threads(self) -> int:
        """The number of threads of the run."""
        return int(self.settings["threads"])

    def require_text(self, corpus: Mapping[str, Any], vocabulary: Vocabulary) -> None:
        """Raise InputError if the text or the vocabulary is not that of the run."""
        self.require_same_text(corpus)
        words, offsets, counts = (
            self._header.place(name, dtype, 1).read()
            for name, dtype in (("words", "U8"), ("word_offsets", "I64"), ("counts", "I64"))
        )
        same = (
            words.tobytes() == vocabulary.words.blob
            and np.array_equal(offsets, vocabulary.words.offsets)
            and np.array_equal(counts, vocabulary.counts)
        )
        if not same:
            raise InputError(
                f"the vocabulary of {len(vocabulary):,} words is not that of the checkpoint {self.path}, which has "
                f"{len(counts):,}; start from the same vectors and read the same text, or remove it to start again"
            )

    def load(self, matrices: Mapping[str, Floats]) -> None:
        """Fill the matrices, views without padding. Cost: one pass over them, in tiles."""
        for name, matrix in matrices.items():
            place = self._header.place(_tensor_name(name), "F32", 2)
            if place.shape != matrix.shape:
                raise self._damaged(f"{name} has the shape {place.shape}; expected {matrix.shape}")
            for rows in tiles(*matrix.shape):
                matrix[rows] = place.read_rows(rows)

    def _damaged(self, why: str) -> InputError:
        return InputError(f"the checkpoint {self.path} is damaged: {why}; remove it to start again")


def is_checkpoint(path: Path) -> bool:
    """Return whether a file is a checkpoint of the native kernels, by its header."""
    try:
        return path.is_file() and "checkpoint" in Header(str(path)).metadata
    except (InputError, OSError):
        return False


def require_old_checksum(header: Header) -> None:
    """Raise DamagedFileError unless the file ends with the checksum of its other bytes. Cost: reads it all."""
    if not is_wanted():
        return
    file = header.bytes
    end = file.size - _CHECKSUM_BYTES
    total = 0
    for start in range(0, end, _READ_BYTES):
        total = zlib.crc32(file.read(start, min(start + _READ_BYTES, end)), total)
    if "crc32" not in header.names or file.read(end, file.size) != total.to_bytes(_CHECKSUM_BYTES, "little"):
        raise DamagedFileError(f"{header.path} is damaged: its bytes do not match its checksum")


class Checkpoints(CheckpointsOf[CheckpointFile]):
    """The checkpoints of a run with the native kernels."""

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `CheckpointsOf.recognises`."""
        return is_checkpoint(path)

    def read(self, path: Path) -> CheckpointFile:
        """See `CheckpointsOf.read`."""
        return CheckpointFile(path)


def _tensor_name(matrix_name: str) -> str:
    """Return the name in files of vectors of a matrix of the kernel."""
    return "vectors" if matrix_name == "word_vectors" else matrix_name
