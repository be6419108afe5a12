"""The checkpoint of a run through PyTorch, from which it resumes at any step as if it had not stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from vastmax.content.kinds import TORCH
from vastmax.content.looking import kind_at, wrong_kind
from vastmax.embedding.settings import CheckedCommonSettings
from vastmax.errors import InputError
from vastmax.text import Corpus, Vocabulary
from vastmax.training.checkpoints import CheckpointsOf, SavedRun, fingerprint
from vastmax.training.pytorch.state_file import DamagedStateError, read_state, says_of_itself, write_state

VERSION = 1
_FORMAT = "vastmax word model"


def write_checkpoint(path: Path, settings: CheckedCommonSettings, text: dict[str, Any], state: dict[str, Any]) -> None:
    """Write the file beside its place, then rename it. Cost: one pass over the model and its optimizers' state."""
    record = {"format": _FORMAT, "version": VERSION, "settings": settings.as_dict(), "text": text, "state": state}
    write_state(path, record)


class WordModelCheckpoint(SavedRun):
    """A checkpoint to resume from.

    Args:
        path: the file.

    Raises:
        InputError: there is none, it is damaged, or it is of another kind or version.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        kind = kind_at(path)
        if kind is not None and kind is not TORCH:
            raise wrong_kind(path, kind, "the checkpoint that vastmax embed wrote for this objective")
        try:
            record = read_state(path)
            version = record["version"] if record["format"] == _FORMAT else None
        except (DamagedStateError, KeyError):
            version = None
        if version != VERSION:
            what = "damaged, or of another objective" if version is None else f"of version {version}, not {VERSION}"
            raise InputError(f"the checkpoint {path} is {what}; give its objective, or another file")
        self.settings = record["settings"]
        self.text = record["text"]
        self.state: dict[str, Any] = record["state"]


class WordModelCheckpoints(CheckpointsOf[WordModelCheckpoint]):
    """The checkpoints of a run through PyTorch."""

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """See `CheckpointsOf.recognises`."""
        return says_of_itself(path, _FORMAT)

    def read(self, path: Path) -> WordModelCheckpoint:
        """See `CheckpointsOf.read`."""
        return WordModelCheckpoint(path)


def text_digests(corpus: Corpus, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return digests that identify a text and its trained words. Cost: one pass over the ids."""
    words = hashlib.sha256(vocabulary.words.blob)
    words.update(vocabulary.words.offsets.tobytes())
    words.update(vocabulary.counts.tobytes())
    return {**fingerprint(corpus), "words_sha256": words.hexdigest()}
