"""The files of an encoded corpus, and writing them: first the ids, then the files that complete the folder.

The manifest holds the checksums of the other files, one per block, and its own.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError
from vastmax.files.checksum import Blocks, BlockSums, is_wanted, sums_of
from vastmax.files.file_bytes import FileBytes
from vastmax.files.record import sealed
from vastmax.removing import remove_files
from vastmax.strict_json import json_text, read_json
from vastmax.text.words import Words

FORMAT = "vastmax corpus"
VERSION = 2  # a part of the names of entries in the cache: those of another version are not found
MANIFEST, IDS, OFFSETS = "manifest.json", "ids.i32", "sentence_offsets.i64"
WORDS, WORD_OFFSETS, COUNTS = "vocabulary.utf8", "vocabulary_offsets.i64", "vocabulary_counts.i64"

FILES = (MANIFEST, IDS, OFFSETS, WORDS, WORD_OFFSETS, COUNTS)
"""All files in such a folder, complete or in progress."""

RENUMBER_IDS = 1 << 20
"""Ids renumbered at a time."""


def blocks_of(path: Path, checksums: Mapping[str, str], file: FileBytes) -> Blocks:
    """Return the blocks of a file of an encoded corpus, to be checked."""
    return Blocks(path, file.size, checksums.get(path.name), file.read)


def read_checked(path: Path, checksums: Mapping[str, str], *, verify: bool) -> bytes:
    """Return all of a file of an encoded corpus, its checksums checked."""
    data = path.read_bytes()
    if is_wanted(verify):
        view = memoryview(data)
        Blocks(path, len(data), checksums.get(path.name), lambda start, stop: view[start:stop]).require_all()
    return data


def require_sound(folder: Path, checksums: Mapping[str, str]) -> None:
    """Raise DamagedFileError if a file of an encoded corpus has changed since it was written. Cost: reads all files."""
    for name in (IDS, OFFSETS, WORDS, WORD_OFFSETS, COUNTS):
        file = FileBytes(folder / name)
        try:
            blocks_of(folder / name, checksums, file).require_all()
        finally:
            file.close()


class FolderWriter:
    """Writes the encoded corpus into `folder`, which is the caller's to remove if this fails.

    Ids can be arbitrary at first; `finish` maps them to the final ids.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.num_ids = self.num_sentences = 0
        self._offset_sums = BlockSums()
        with _writing(folder):
            self._ids: IO[bytes] = open(folder / IDS, "w+b", buffering=0)  # noqa: SIM115 - closed by finish or close
            self._offsets: IO[bytes] = open(folder / OFFSETS, "wb")  # noqa: SIM115
            self._write_offsets(np.zeros(1, dtype=np.int64))

    def append(self, ids: npt.NDArray[np.int32], sentence_ends: npt.NDArray[np.int64]) -> None:
        """Append ids, and the ends of sentences among them as counts of all ids so far."""
        self.num_ids += len(ids)
        self.num_sentences += len(sentence_ends)
        with _writing(self._folder):
            _write_all(self._ids, ids)
            self._write_offsets(sentence_ends)

    def _write_offsets(self, offsets: npt.NDArray[np.int64]) -> None:
        if offsets.size:
            self._offsets.write(offsets.data)
            self._offset_sums.update(offsets.data)

    def finish(self, name: str, words: Words, counts: npt.NDArray[np.int64], new_ids: npt.NDArray[np.int32]) -> None:
        """Renumber the ids, i to new_ids[i], and write the files that complete the folder.

        Args:
            name: the name of the text.
            words: in the order of the new ids, which is count order.
            counts: the counts of `words`.
            new_ids: (number of provisional ids,).

        Raises:
            InputError: the disk is full.
        """
        manifest: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "source": name,
            "tokens": self.num_ids,
            "sentences": self.num_sentences,
            "types": len(words),
            "vocabulary_bytes": len(words.blob),
        }
        with _writing(self._folder):
            id_sums = _renumber(self._ids, new_ids)
            self.close()
            (self._folder / WORDS).write_bytes(words.blob)
            words.offsets.tofile(self._folder / WORD_OFFSETS)
            counts.tofile(self._folder / COUNTS)
            manifest["checksums"] = {
                IDS: str(id_sums),
                OFFSETS: str(self._offset_sums),
                WORDS: sums_of(words.blob),
                WORD_OFFSETS: sums_of(words.offsets.data),
                COUNTS: sums_of(counts.data),
            }
            (self._folder / MANIFEST).write_text(json_text(sealed(manifest), indent=1) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Close the files; also safe after a failure."""
        with _writing(self._folder):  # what is still buffered is written here
            try:
                self._ids.close()
            finally:
                self._offsets.close()


def _renumber(file: IO[bytes], new_ids: npt.NDArray[np.int32]) -> BlockSums:
    """Replace every id i in the file by new_ids[i], through one small buffer; return the checksums of the new ones."""
    sums = BlockSums()
    block = np.empty(RENUMBER_IDS, dtype=np.int32)
    raw = block.data.cast("B")
    position = 0
    while True:
        file.seek(position)
        filled = 0
        while filled < len(raw) and (got := file.readinto(raw[filled:])):  # type: ignore[attr-defined]
            filled += got
        if filled == 0:
            return sums
        file.seek(position)
        ids = block[: filled // block.itemsize]
        renumbered = new_ids[ids]
        _write_all(file, renumbered)
        sums.update(renumbered.data)
        position += filled


def _write_all(file: IO[bytes], array: npt.NDArray[Any]) -> None:
    data = array.data.cast("B") if array.size else memoryview(b"")
    while data:
        data = data[file.write(data) :]


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error) from None


def cannot_write(folder: Path, error: OSError) -> InputError:
    """Return the error to raise if the encoded corpus cannot be written to `folder`."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    fix = "free some space, or" if full else "make it writable, or"
    return InputError(
        f"{folder}: cannot write the encoded corpus: {error.strerror or error}: {fix} set VASTMAX_CACHE to a folder "
        "elsewhere (without a cache: TMPDIR)"
    )


def is_ours(folder: Path) -> bool:
    """Return whether a folder, possibly damaged or in progress, contains only files of an encoded corpus.

    A manifest, if present and readable, must be that of an encoded corpus.
    """
    try:
        if not {path.name for path in folder.iterdir()} <= set(FILES):
            return False
        manifest = read_json(folder / MANIFEST)
    except (FileNotFoundError, ValueError):
        return True
    except OSError:
        return False
    return isinstance(manifest, dict) and manifest.get("format") == FORMAT


def remove(folder: Path) -> None:
    """Remove an encoded corpus; a file that is not ours stays, and so does the folder then."""
    with suppress(OSError):  # another process was faster, or may not
        remove_files(folder, FILES)


def folder_bytes(folder: Path) -> int:
    """Return the size of all files in `folder`; files that vanish meanwhile count as 0."""
    total = 0
    for entry in os.scandir(folder):
        try:
            total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
    return total
