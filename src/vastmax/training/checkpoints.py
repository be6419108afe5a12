"""When a run is saved, and where: every few minutes, at the ends of epochs, and when it is told to stop."""

from __future__ import annotations

import hashlib
import math
import os
import stat
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from vastmax.arguments import MOST_MINUTES, real
from vastmax.errors import InputError, argument
from vastmax.options import with_new_names
from vastmax.places import claimed
from vastmax.strict_json import as_read_back
from vastmax.text.encoded_view import TokenStream
from vastmax.text.sources import files_of
from vastmax.training.loop import DEFAULT_MINUTES, Saving

MOST_SHARE = 0.05
"""Share of the time that checkpoints at the ends of epochs may take: epochs of a second do not each get one."""

SLOW_BYTES_PER_SECOND = 200e6
"""The assumed speed of the first one, before it is known."""

Clock = Callable[[], float]

_Identity = tuple[int, int]  # device and inode

_READ_NUMBERS = 1 << 20

_MAY_CHANGE = frozenset({"threads"})
"""Settings with which a run may be gone on with otherwise than it was begun."""


@dataclass(frozen=True)
class SavedAs:
    """The checkpoints that a call in Python asks for."""

    path: str | os.PathLike[str] | None = None
    minutes: float = DEFAULT_MINUTES
    resume: bool = False


class Settings(Protocol):
    """The settings of a run."""

    def as_dict(self) -> dict[str, Any]:
        """Return them by name."""


class SavedRun:
    """A checkpoint file to resume from.

    Attributes:
        path: the file.
        settings: those that the run was started with, by name.
        text: the `fingerprint` of its text.

    Raises:
        InputError: there is no such file.
    """

    settings: dict[str, Any]
    text: dict[str, Any]

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise InputError(
                f"there is no checkpoint {path} to resume from; start without resume, or give another file"
            )

    def require_settings(self, settings: Settings) -> None:
        """Raise InputError if a setting other than the threads differs, naming each with both values."""
        now, then = as_read_back(settings.as_dict()), with_new_names(self.settings)
        names = [name for name in {**now, **then} if name not in _MAY_CHANGE and now.get(name) != then.get(name)]
        if names:
            each = " and ".join(f"{argument(name, repr(then.get(name)))} (now {now.get(name)!r})" for name in names)
            raise InputError(
                f"the checkpoint {self.path} was started with {each}; give the settings it was started with, or remove "
                "it to start again"
            )

    def require_same_text(self, now: Mapping[str, Any]) -> None:
        """Raise InputError if the fingerprint of the text differs."""
        if dict(now) == self.text:
            return
        found, expected = (
            f"{facts.get('tokens', 0):,} words in {facts.get('sentences', 0):,} sentences" for facts in (now, self.text)
        )
        differs = f"{found}, but {expected} there" if found != expected else f"{found}, but other ones"
        raise InputError(
            f"the text is not the one of the checkpoint {self.path}: {differs}; give the same text, or remove it to "
            "start again"
        )


File = TypeVar("File", bound=SavedRun)


class CheckpointsOf(Saving, ABC, Generic[File]):
    """The checkpoint file of one run: when it is due, whether it could be written, what to resume from.

    Args:
        path: the file; its folder must exist.
        settings: of the run that is about to begin.
        minutes: between checkpoints within an epoch.
        resume: continue from the file, which must be there. Without it there must be none.
        clock: seconds, from any origin.

    Raises:
        InputError: any of this is otherwise, or the file cannot be gone on from with these settings.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: Any,
        *,
        minutes: float = DEFAULT_MINUTES,
        resume: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self.path = _path(path)
        self._seconds = 60.0 * _minutes(minutes)
        self.resumed: File | None = None
        """The file that the run resumes from."""
        self._ours: _Identity | None = None
        """Which file at the path is this run's."""
        self._unsure = False
        """Whether a new file was being put there when a signal came: it may be this run's, then."""
        if resume:
            self.resumed = self.read(self.path)
            self.resumed.require_settings(settings)
            self._ours = _identity(self.path)
        elif self.recognises(self.path):
            raise InputError(
                f"{self.path} holds a run that was not finished or not cleared away; resume it, or remove the file to "
                "start again"
            )
        elif self.path.exists():
            raise not_a_checkpoint(self.path)
        self.trouble = ""
        """Why the latest state is not in the file; empty when it is."""
        self._warned = False
        self._clock = clock
        self._saved_at = clock()
        self._took = 0.0

    @classmethod
    @contextmanager
    def asked_for(cls, saved: SavedAs, settings: Any, *, reads: Mapping[str, object]) -> Iterator[Self | None]:
        """Give the checkpoint that the arguments of a call ask for; None: no path, and nothing is saved.

        No other run may write it while the block runs.

        Args:
            saved: where and how often, and whether to resume from there.
            settings: of the run that is about to begin.
            reads: the call's arguments that may be paths of what is read.

        Raises:
            InputError: resume without a path, the file is one of those that are read, another run writes it, or as
                above.
        """
        if saved.path is None:
            if saved.resume:
                raise InputError(
                    f"{argument('resume')} is True, but there is no checkpoint to resume from; give checkpoint=PATH"
                )
            yield None
            return
        path = _path(saved.path)
        if not path.parent.is_dir():
            raise InputError(f"{argument('checkpoint')} is {path}, but the folder {path.parent} does not exist")
        files = {name: files_of(source) for name, source in reads.items()}
        with claimed(reads=files, writes={"checkpoint": path}):
            yield cls(path, settings, minutes=saved.minutes, resume=saved.resume)

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether the file at `path` is a checkpoint of this kind, by its content."""

    @abstractmethod
    def read(self, path: Path) -> File:
        """Return the file at `path`; raise InputError if there is none that can be gone on from."""

    @property
    def exists(self) -> bool:
        """Whether there is something to resume from."""
        return self._ours is not None and _identity(self.path) == self._ours

    def begin(self, num_bytes: int) -> None:
        """Training begins; a checkpoint takes about so many bytes."""
        self._saved_at = self._clock()
        self._took = num_bytes / SLOW_BYTES_PER_SECOND + 0.05

    def due(self) -> bool:
        """Whether it is time to save within an epoch."""
        return self._clock() - self._saved_at >= self._seconds

    def due_at_epoch_end(self) -> bool:
        """Whether it is time to save, an epoch being over."""
        return self._clock() - self._saved_at >= min(self._took / MOST_SHARE, self._seconds)

    def save(self, write: Callable[[Path], None]) -> None:
        """Let `write` write the file. That it cannot, as on a full disk, is told once; the file from before stays."""
        began = self._clock()
        self.trouble = "stopped while it was written"
        try:
            if not self.exists and self.path.exists() and not (self._unsure and self.recognises(self.path)):
                raise InputError("a file that is not this run's has taken its place")
            self._unsure = True
            try:
                write(self.path)
            finally:  # Ctrl-C may come when the new file is in its place already, and another signal in here
                if self.recognises(self.path):
                    self._ours = _identity(self.path)
                    self._unsure = False
        except (OSError, InputError) as error:
            self.trouble = str(error.strerror or error) if isinstance(error, OSError) else str(error)
            if not self._warned:
                self._warned = True
                before = "; the one before is kept" if self.exists else ""
                warnings.warn(
                    f"the checkpoint {self.path} could not be written ({self.trouble}){before}, and training goes on",
                    stacklevel=2,
                )
        else:
            self.trouble = ""
        self._saved_at = self._clock()
        self._took = self._saved_at - began

    def remove(self) -> None:
        """The finished vectors are in a safe place: the checkpoint has served, and goes if it is this run's."""
        if self.exists:
            with suppress(FileNotFoundError):
                os.unlink(os.path.realpath(self.path))  # a link to it is the user's


class FolderCheckpoints(Saving):
    """The checkpoint in a run folder, which its lock keeps to one run: written in place, and trouble is an error.

    Args:
        path: the file.
        minutes: between checkpoints within an epoch; None: only at the ends of epochs and when the run stops.
        at_epoch_ends: whether every epoch ends with one.
        clock: seconds, from any origin.
    """

    def __init__(
        self, path: Path, *, minutes: float | None, at_epoch_ends: bool = True, clock: Clock = time.monotonic
    ) -> None:
        self._path, self._at_epoch_ends, self._clock = path, at_epoch_ends, clock
        self._seconds = math.inf if minutes is None else 60.0 * minutes
        self._saved_at = clock()

    def due(self) -> bool:
        """Return whether it is time to save within an epoch."""
        return self._clock() - self._saved_at >= self._seconds

    def due_at_epoch_end(self) -> bool:
        """Return whether epochs end with a checkpoint."""
        return self._at_epoch_ends

    def save(self, write: Callable[[Path], None]) -> None:
        """Let `write` write the file.

        Raises:
            OSError: it cannot be written; the one from before stays.
        """
        write(self._path)
        self._saved_at = self._clock()


def not_a_checkpoint(path: Path) -> InputError:
    """Return what to say of a file, of the user's for all one knows, where a checkpoint should be written."""
    return InputError(f"{path} is there and is no checkpoint of such a run; give another path for the checkpoint")


def fingerprint(corpus: TokenStream) -> dict[str, Any]:
    """Return the size of a text and a digest of its word ids and sentence ends, as JSON values.

    With the words behind the ids, that is the text as training sees it, wherever it came from and whether or not it was
    cached. Cost: one pass over the ids, 4 bytes a word: a few nanoseconds a word.
    """
    digest = hashlib.sha256()  # hardware computes it
    for start in range(0, corpus.num_tokens, _READ_NUMBERS):
        digest.update(corpus.read_ids(start, min(start + _READ_NUMBERS, corpus.num_tokens)).data)
    num_offsets = corpus.num_sentences + 1
    for start in range(0, num_offsets, _READ_NUMBERS):
        digest.update(corpus.read_offsets(start, min(start + _READ_NUMBERS, num_offsets)).data)
    return {"tokens": corpus.num_tokens, "sentences": corpus.num_sentences, "sha256": digest.hexdigest()}


def _identity(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def _path(given: object) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise InputError(f"{argument('checkpoint')} is {given!r}; expected the path of a file")
    return Path(given)


def _minutes(given: object) -> float:
    return real("checkpoint_minutes", given, 0.0, MOST_MINUTES, above=True)
