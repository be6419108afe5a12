"""A cache of encoded corpora, indexed by the content of the text and the settings for reading it.

The folder has three parts:

    corpora/KEY/      one encoded corpus; KEY is a digest of the bytes of the files and of the settings
    files/DIGEST      the digest of the file at a path when it was last read, with its size and times
    scratch/          encodings in progress, renamed into corpora/ when complete
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vastmax.atomic import replacing
from vastmax.content.decompress import CHUNK_BYTES
from vastmax.errors import InputError
from vastmax.files.checksum import DamagedFileError
from vastmax.files.record import sealed, unsealed
from vastmax.progress import Progress
from vastmax.strict_json import json_text, read_json
from vastmax.text import encoded_folder
from vastmax.text.decoding import UTF8
from vastmax.text.encode import Settings
from vastmax.text.encoded_folder import cannot_write, folder_bytes

DEFAULT_LIMIT_BYTES = 20 * 2**30
"""The limit for all encoded corpora; VASTMAX_CACHE_LIMIT overrides it. The least recently used are deleted first."""

UNSETTLED_NS = 2_000_000_000
"""A file that changed this shortly before it was read may have changed again without a new time stamp, because file
systems have coarse time stamps (FAT: 2 s). Such a file is read again to compute its digest."""

STALE_SECONDS = 24 * 3600.0
"""Scratch folders untouched for this long were left by a process that was killed."""

IN_USE: Counter[Path] = Counter()
"""Entries that are open in this process: never dropped."""

_REPORT_BYTES = 1 << 28  # some tenth of a second
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class FileState:
    """Size and times of a file when it was read."""

    size: int
    mtime_ns: int
    ctime_ns: int  # moves whenever the file changes, also when a tool puts mtime back

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Return the current state of a file."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def digest() -> Any:
    """Return a new digest object (SHA-256: hardware computes it, and anyone can check it)."""
    return hashlib.sha256()


def digest_of(path: Path, progress: Progress) -> str:
    """Return the digest of a file's bytes."""
    total = digest()
    buffer = memoryview(bytearray(CHUNK_BYTES))
    done = 0
    with open(path, "rb", buffering=0) as file:
        progress.begin("Checking", os.fstat(file.fileno()).st_size, "B")
        while size := file.readinto(buffer):
            total.update(buffer[:size])
            done += size
            if done % _REPORT_BYTES < size:
                progress.update(done)
        progress.update(done)
    progress.end()
    return str(total.hexdigest())


def default_folder() -> Path:
    """Return $VASTMAX_CACHE or, if it is not set, the platform's cache folder."""
    if named := os.environ.get("VASTMAX_CACHE"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("vastmax"))


def limit_bytes() -> int:
    """Return $VASTMAX_CACHE_LIMIT, such as 500M or 20G, or the default."""
    text = os.environ.get("VASTMAX_CACHE_LIMIT")
    if not text:
        return DEFAULT_LIMIT_BYTES
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", text.strip().upper())
    if match is None:
        raise InputError(f"VASTMAX_CACHE_LIMIT={text}: expected a size such as 500M or 20G")
    return int(float(match[1]) * _UNITS[match[2]])


class Cache:
    """The cache in `folder`, which is created on first write. Processes can share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._corpora = self.folder / "corpora"
        self._files = self.folder / "files"
        self._scratch = self.folder / "scratch"

    def scratch(self) -> Path:
        """Return a new empty folder, on the same disk as the entries."""
        try:
            self._scratch.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(dir=self._scratch))
        except OSError as error:
            raise cannot_write(self.folder, error) from None

    # What files hold.

    def known_digest(self, path: Path, progress: Progress) -> str | None:
        """Return the digest of the file at `path`, without reading it if possible; None if it was never read.

        A file whose state changed, or was too recent to be trusted, is read only for its digest: copying or touching it
        must not cost a second encoding.
        """
        record = self._record(path)
        if record is None:
            return None
        state = FileState.of(path)
        fresh = record["read_ns"] - max(state.mtime_ns, state.ctime_ns) < UNSETTLED_NS
        if record["state"] == asdict(state) and not fresh:
            return str(record["digest"])
        if record["state"]["size"] != state.size:
            return None
        read_ns = time.time_ns()
        found = digest_of(path, progress)
        if FileState.of(path) == state:
            self.remember(path, state, read_ns, found)
        return found

    def remember(self, path: Path, state: FileState, read_ns: int, found: str) -> None:
        """Store the digest of the file at `path`, whose state was `state` before and after it was read at `read_ns`."""
        record = {"path": os.path.abspath(path), "state": asdict(state), "read_ns": read_ns, "digest": found}
        try:
            self._files.mkdir(parents=True, exist_ok=True)
            with replacing(self._record_path(path)) as beside:
                beside.write_bytes(json_text(sealed(record)).encode())
        except OSError as error:
            raise cannot_write(self.folder, error) from None

    def _record_path(self, path: Path) -> Path:
        return self._files / (hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest() + ".json")

    def _record(self, path: Path) -> dict[str, Any] | None:
        try:
            place = self._record_path(path)
            record = unsealed(read_json(place), place, required=True)
            usable = isinstance(record["digest"], str) and isinstance(record["read_ns"], int)
            return record if usable and isinstance(record["state"]["size"], int) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # never read, or a record that cannot be used: the file is read again

    # Encoded corpora.

    @staticmethod
    def key(digests: list[str], settings: Settings) -> str:
        """Return the name of the entry for files with these digests, in order, read with these settings."""
        import unicodedata

        told = {
            "version": encoded_folder.VERSION,
            "files": digests,
            "lowercase": unicodedata.unidata_version if settings.lowercase else None,
            "errors": settings.errors,
            "column": settings.column,
        }
        if settings.encoding != UTF8:  # which older entries do not name
            told["encoding"] = settings.encoding
        return hashlib.sha256(json_text(told, ascii_only=True).encode()).hexdigest()

    def find(self, key: str) -> Path | None:
        """Return the entry if it exists and is complete."""
        entry = self._corpora / key
        if not is_whole(entry):
            return None
        with suppress(OSError):  # a cache that can only be read serves all the same
            os.utime(entry / encoded_folder.MANIFEST)  # when it was last used
        return entry

    def holds(self, key: str) -> bool:
        """Return whether the entry exists, complete or not."""
        return (self._corpora / key).exists()

    def keep(self, scratch: Path, key: str) -> Path:
        """Make the complete encoding in `scratch` the entry, unless another process was faster with the same one."""
        entry = self._corpora / key
        try:
            self._corpora.mkdir(parents=True, exist_ok=True)
            for _ in range(3):
                try:
                    os.rename(scratch, entry)
                    return entry
                except OSError:
                    if not entry.is_dir():
                        raise
                    if is_sound(entry):
                        encoded_folder.remove(scratch)
                        return entry
                    self.drop(entry)  # damaged
        except OSError as error:
            raise cannot_write(self.folder, error) from None
        raise InputError(
            f"{entry}: a damaged encoding stands there that other processes keep writing, or that holds files of "
            "somebody else's; move that folder away"
        )

    def trim(self, limit: int) -> None:
        """Drop the least recently used entries until they fit into `limit` bytes; drop stale scratch."""
        entries: list[tuple[float, int, Path]] = []
        for entry in _folders(self._corpora):
            try:
                if not encoded_folder.is_ours(entry):
                    continue
                entries.append((_last_used(entry), folder_bytes(entry), entry))
            except FileNotFoundError:
                continue  # another process dropped it
        excess = sum(size for _, size, _ in entries) - limit
        for _, size, entry in sorted(entries):
            if excess <= 0:
                break
            if not IN_USE[entry] and self.drop(entry):
                excess -= size
        for scratch in _folders(self._scratch):
            try:
                newest = max(item.stat().st_mtime for item in (scratch, *scratch.iterdir()))
            except FileNotFoundError:
                continue
            if time.time() - newest > STALE_SECONDS and encoded_folder.is_ours(scratch):
                encoded_folder.remove(scratch)

    def drop(self, entry: Path) -> bool:
        """Remove an entry, and return whether it is gone; it is moved away first, so nobody finds it partial."""
        if not encoded_folder.is_ours(entry):
            return not entry.exists()
        self._scratch.mkdir(parents=True, exist_ok=True)
        away = self._scratch / f"dropped-{secrets.token_hex(8)}"
        with suppress(FileNotFoundError):  # another process was faster
            os.rename(entry, away)
        encoded_folder.remove(away)
        return True


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


def _last_used(entry: Path) -> float:
    try:
        return (entry / encoded_folder.MANIFEST).stat().st_mtime
    except FileNotFoundError:
        return 0.0  # damaged: goes first


@dataclass(frozen=True)
class Manifest:
    """The manifest of an encoded corpus."""

    tokens: int
    sentences: int
    types: int
    vocabulary_bytes: int
    checksums: dict[str, str]  # by file


def read_manifest(entry: Path) -> Manifest | None:
    """Return the manifest of an encoded corpus; None if it is missing, damaged, or of another version."""
    path = entry / encoded_folder.MANIFEST
    try:
        told = unsealed(read_json(path), path, required=True)
        if (told["format"], told["version"]) != (encoded_folder.FORMAT, encoded_folder.VERSION):
            return None
        return Manifest(
            tokens=int(told["tokens"]),
            sentences=int(told["sentences"]),
            types=int(told["types"]),
            vocabulary_bytes=int(told["vocabulary_bytes"]),
            checksums=dict(told["checksums"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def is_sound(entry: Path) -> bool:
    """Return whether no file of the encoded corpus has changed since it was written. Cost: reads all files."""
    manifest = read_manifest(entry)
    if manifest is None or not is_whole(entry):
        return False
    try:
        encoded_folder.require_sound(entry, manifest.checksums)
    except (OSError, DamagedFileError):
        return False
    return True


def is_whole(entry: Path) -> bool:
    """Return whether every file of the encoded corpus exists with its full length."""
    manifest = read_manifest(entry)
    if manifest is None:
        return False
    expected = {
        encoded_folder.IDS: 4 * manifest.tokens,
        encoded_folder.OFFSETS: 8 * (manifest.sentences + 1),
        encoded_folder.WORDS: manifest.vocabulary_bytes,
        encoded_folder.WORD_OFFSETS: 8 * (manifest.types + 1),
        encoded_folder.COUNTS: 8 * manifest.types,
    }
    try:
        return all((entry / name).stat().st_size == size for name, size in expected.items())
    except OSError:
        return False
