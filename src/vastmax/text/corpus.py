"""Text as word ids on disk: read and counted once, then read only as numbers."""

from __future__ import annotations

import os
import tempfile
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.arguments import one_of
from vastmax.errors import InputError, argument
from vastmax.files.checksum import Blocks, DamagedFileError, is_wanted
from vastmax.progress import Progress, Silent
from vastmax.text import cache as caching
from vastmax.text import encoded_folder, sources
from vastmax.text.array_file import ArrayFile
from vastmax.text.cache import Cache, FileState
from vastmax.text.decoding import ERRORS, UTF8, checked_encoding
from vastmax.text.encode import Settings, Tokenizer
from vastmax.text.encoded_view import BLOCK_TOKENS, EncodedView
from vastmax.text.reading import encode_source
from vastmax.text.vocabulary import Vocabulary
from vastmax.text.words import Words


class Corpus:
    """A token stream on disk: the ids of all words, where sentences end, and the vocabulary of all types.

    It equals ``[[vocabulary.id(w) for w in line.split()] for line in text.split("\\n") if line.split()]``, end to end.
    Memory depends on the number of distinct words, not on the length of the text. Ids are in the count order of the
    *full* vocabulary, so one encoding serves every min_count: with ``v = corpus.vocabulary.truncate(…)`` (no unknown
    word), an id ≥ len(v) is out of vocabulary, and all others are ids of v.

    Args:
        source: a path, a glob, "-" for standard input, several paths in order, lists of words (any iterable), or a
            Parquet/Arrow file or table. Files can be compressed (gzip, bzip2, xz, zstandard).
        lowercase: equivalent to lowercasing the text.
        tokenizer: a function from a line (without its newline) to its words; None: ``str.split``. Corpora with a
            tokenizer are not cached.
        errors: "strict" refuses NUL bytes and invalid UTF-8 and names the byte; "replace" reads them as Python would,
            "ignore" drops invalid bytes.
        encoding: of text files and streams, such as "latin-1"; they are then decoded by Python, at some 0.1 s per
            million words.
        column: the column of a table that holds text or lists of words; required if there are several.
        cache: True: in the user's cache folder ($VASTMAX_CACHE); a path: there; False: in a temporary folder that is
            deleted with this object. Standard input, lists of words and tables in memory are never cached.
        verify: check the checksums of an encoded corpus: of its words when it is opened, of ids and sentences before
            they are first read. A damaged cache entry is rebuilt, with a warning.
        progress: reports the bytes read and the words per second.

    Raises:
        InputError: an argument is invalid, the text has no words, or the disk is full.

    Cost: one pass over the text and one over the ids. A file that was read before costs nothing if its size and times
    are unchanged, else one pass to compare its content. Checksums take about 2 ns per token, once.
    """

    def __init__(
        self,
        source: object,
        *,
        lowercase: bool = False,
        tokenizer: Tokenizer | None = None,
        errors: str = "strict",
        encoding: str = UTF8,
        column: str | None = None,
        cache: bool | str | os.PathLike[str] = True,
        verify: bool = True,
        progress: Progress | None = None,
    ) -> None:
        one_of("errors", errors, ERRORS)
        encoding = checked_encoding(encoding)
        if tokenizer is not None and not callable(tokenizer):
            raise InputError(f"tokenizer={tokenizer!r}: expected a function from a line to a list of words")
        found = sources.resolve(source)
        if column is not None and not isinstance(found, (sources.ArrowFiles, sources.ArrowTable)):
            raise InputError(
                f"{argument('column', repr(column))}: the source is no Parquet or Arrow table, so it has no columns"
            )
        settings = Settings(lowercase, errors, tokenizer, column, encoding)
        folder = None if cache is False else caching.default_folder() if cache is True else Path(cache)
        store = self._store = None if folder is None else Cache(folder)
        self._finalizer: Any = None
        self._verify = verify
        self._checking = threading.Lock()
        self._origin: tuple[sources.Files | sources.ArrowFiles, Settings, Cache] | None = None
        if store is not None and tokenizer is None and isinstance(found, (sources.Files, sources.ArrowFiles)):
            self._origin = found, settings, store
            if not self._open_cached(found, settings, store, progress or Silent()):
                self._encode_into_cache(found, settings, store, progress or Silent())
        else:
            scratch = _scratch_in(store)
            with _removed_on_failure(scratch):
                encode_source(found, scratch, settings, progress or Silent())
                self._open(scratch, temporary=True)

    def derive(self, write: Callable[[Path], None]) -> Corpus:
        """Return a corpus that `write` puts into a new folder in this one's cache; it is deleted with the object."""
        derived = Corpus._empty(self._store, verify=self._verify)
        scratch = _scratch_in(self._store)
        with _removed_on_failure(scratch):
            write(scratch)
            derived._open(scratch, temporary=True)
        return derived

    @classmethod
    def _empty(cls, store: Cache | None, *, verify: bool) -> Corpus:
        """Return a corpus that has no folder yet, and whose text cannot be read again."""
        corpus = cls.__new__(cls)
        corpus._store, corpus._finalizer = store, None
        corpus._verify, corpus._origin, corpus._checking = verify, None, threading.Lock()
        return corpus

    def _open_cached(
        self, found: sources.Files | sources.ArrowFiles, settings: Settings, store: Cache, progress: Progress
    ) -> bool:
        """Open the entry for these files if it exists and is complete."""
        known = [store.known_digest(path, progress) for path in found.paths]
        digests = [digest for digest in known if digest is not None]
        if len(digests) < len(known):
            return False
        key = store.key(digests, settings)
        entry = store.find(key)
        if entry is None:
            if store.holds(key):
                _tell_of_damage(found, "a file is missing, cut off or unreadable")
            return False
        try:
            self._open(entry, temporary=False)
        except FileNotFoundError:  # dropped by another process a moment ago
            return False
        except DamagedFileError as error:
            _tell_of_damage(found, str(error))
            store.drop(entry)
            return False
        return True

    def _encode_into_cache(
        self, found: sources.Files | sources.ArrowFiles, settings: Settings, store: Cache, progress: Progress
    ) -> None:
        limit = caching.limit_bytes()
        scratch = store.scratch()
        with _removed_on_failure(scratch):
            states = [FileState.of(path) for path in found.paths]
            read_ns = time.time_ns()
            digests = encode_source(found, scratch, settings, progress)
            entry = store.keep(scratch, store.key(digests, settings))
        for path, before, digest in zip(found.paths, states, digests, strict=True):
            if FileState.of(path) == before:
                store.remember(path, before, read_ns, digest)
        self._open(entry, temporary=False)
        store.trim(limit)

    def _open(self, folder: Path, *, temporary: bool) -> None:
        manifest = caching.read_manifest(folder)
        if manifest is None:
            raise FileNotFoundError(folder)
        self.folder = folder
        self.num_tokens = manifest.tokens
        self.num_sentences = manifest.sentences
        blob, offsets, counts = (
            encoded_folder.read_checked(folder / name, manifest.checksums, verify=self._verify)
            for name in (encoded_folder.WORDS, encoded_folder.WORD_OFFSETS, encoded_folder.COUNTS)
        )
        words = Words(blob, np.frombuffer(offsets, dtype=np.int64))
        self.vocabulary = Vocabulary.in_order(words, np.frombuffer(counts, dtype=np.int64))
        self._ids = ArrayFile(folder / encoded_folder.IDS, np.int32)
        self._offsets = ArrayFile(folder / encoded_folder.OFFSETS, np.int64)
        self._unchecked: list[Blocks] = []
        if is_wanted(self._verify):
            self._unchecked = [
                encoded_folder.blocks_of(file.path, manifest.checksums, file.bytes)
                for file in (self._ids, self._offsets)
            ]
        caching.IN_USE[folder] += 1
        self._finalizer = weakref.finalize(self, _release, folder, self._ids, self._offsets, temporary)

    def _check(self) -> None:
        """Check ids and sentences before they are first read; rebuild a damaged cache entry."""
        if not self._unchecked:
            return
        with self._checking:
            self._ids.require_open()
            try:
                self._require_unchecked()
            except DamagedFileError as error:
                if self._origin is None:
                    raise
                self._make_anew(error)
                self._require_unchecked()

    def _require_unchecked(self) -> None:
        for blocks in self._unchecked:
            blocks.require_all()
        self._unchecked = []

    def _make_anew(self, error: DamagedFileError) -> None:
        assert self._origin is not None
        found, settings, store = self._origin
        _tell_of_damage(found, str(error))
        damaged = self.folder
        self.close()
        store.drop(damaged)
        self._encode_into_cache(found, settings, store, Silent())
        if self.folder != damaged:
            self.close()
            raise InputError(f"{damaged} was damaged, and the text has changed since it was opened: open it again")

    @property
    def ids(self) -> npt.NDArray[np.int32]:
        """All ids, (num_tokens,) int32, mapped read-only; pages that are touched count as memory of this process."""
        self._check()
        return self._ids.map()

    @property
    def sentence_offsets(self) -> npt.NDArray[np.int64]:
        """Sentence s is ``ids[sentence_offsets[s]:sentence_offsets[s + 1]]``: (num_sentences + 1,) int64, mapped."""
        self._check()
        return self._offsets.map()

    def read_ids(self, start: int, stop: int) -> npt.NDArray[np.int32]:
        """Return ``ids[start:stop]`` as a new array, read from the file. Safe from several threads and after a fork."""
        self._check()
        return self._ids.read(start, stop)

    def read_offsets(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return ``sentence_offsets[start:stop]`` as a new array, read from the file."""
        self._check()
        return self._offsets.read(start, stop)

    def token_blocks(self) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]]:
        """Yield all ids in pieces of `BLOCK_TOKENS`, regardless of sentence lengths.

        Each piece comes with the positions in it at which a sentence ends; a sentence can continue in the next piece.
        """
        offsets = np.asarray(self.sentence_offsets)
        for start in range(0, self.num_tokens, BLOCK_TOKENS):
            stop = min(start + BLOCK_TOKENS, self.num_tokens)
            first, last = np.searchsorted(offsets, [start, stop], side="right")
            yield self.read_ids(start, stop), offsets[first:last] - start

    def sentences(self, vocabulary: Vocabulary | None = None) -> Iterator[npt.NDArray[np.int32]]:
        """Return an iterator over the ids of each sentence, in the ids of `vocabulary` if given; see `encode_with`."""
        return self.encode_with(vocabulary or self.vocabulary).sentences()

    def encode_with(self, vocabulary: Vocabulary) -> EncodedView:
        """Return this text in the ids of another vocabulary, mapped as it is read: nothing is written or stored.

        Words outside it become its unknown word, or are dropped if it has none.
        """
        return EncodedView(self, vocabulary)

    def close(self) -> None:
        """Close the files, and remove them if they are not cached. Arrays stay valid."""
        if self._finalizer is not None:
            self._finalizer()

    def __enter__(self) -> Corpus:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the path of the folder, which is opened again on unpickling: on the same machine, while it exists.

        The folder of a corpus that is not cached is deleted with the original object, wherever else it is open.
        """
        if self._ids.closed:
            raise InputError("the corpus was closed, and so cannot be pickled; pickle it while it is open")
        return _reopened, (self.folder, None if self._store is None else self._store.folder, self._verify)

    def __repr__(self) -> str:
        return f"Corpus({self.num_tokens:,} tokens, {self.num_sentences:,} sentences, {len(self.vocabulary):,} types)"


def _reopened(folder: Path, store: Path | None, verify: bool) -> Corpus:
    """Return the corpus of a pickle."""
    corpus = Corpus._empty(None if store is None else Cache(store), verify=verify)
    try:
        corpus._open(folder, temporary=False)
    except FileNotFoundError:
        raise InputError(
            f"the corpus in {folder} is gone: its object was closed, or the cache has dropped it; a pickle holds the "
            "place of a corpus and not its text: read the text again"
        ) from None
    return corpus


def _tell_of_damage(found: sources.Files | sources.ArrowFiles, why: str) -> None:
    more = f" and {len(found.paths) - 1} more" if len(found.paths) > 1 else ""
    warnings.warn(
        f"the encoded corpus of {found.paths[0]}{more} in the cache is damaged ({why}) and is rebuilt", stacklevel=2
    )


def _release(folder: Path, ids: ArrayFile, offsets: ArrayFile, temporary: bool) -> None:
    ids.close()
    offsets.close()
    caching.IN_USE[folder] -= 1
    if temporary:
        encoded_folder.remove(folder)


def _scratch_in(store: Cache | None) -> Path:
    if store is not None:
        return store.scratch()
    try:
        return Path(tempfile.mkdtemp(prefix="vastmax-"))
    except OSError as error:
        raise encoded_folder.cannot_write(Path(tempfile.gettempdir()), error) from None


class _removed_on_failure:  # noqa: N801 - reads as a phrase after `with`
    """Removes a folder when the block fails or is interrupted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            encoded_folder.remove(self._folder)
