"""A training run on disk: what it is made of, its vocabulary, how far it came, and the best model so far."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vastmax import __version__
from vastmax.atomic import replacing
from vastmax.content.looking import not_expected
from vastmax.errors import InputError, argument
from vastmax.files.checksum import DamagedFileError
from vastmax.files.record import CHECKSUM, sealed, unsealed
from vastmax.files.safetensors import Header, room_for_checksum, seal
from vastmax.language_model.config import ModelConfig
from vastmax.language_model.model import LanguageModel
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.options import with_new_names
from vastmax.removing import remove_files
from vastmax.run_lock import left_by
from vastmax.strict_json import json_text, read_json
from vastmax.text import Vocabulary
from vastmax.training.pytorch.state_file import DamagedStateError, read_state
from vastmax.tree import Tree

_FORMAT = "vastmax language model"
_VERSION = 2
_OLDEST_VERSION = 1  # without checksums

CONFIG = "config.json"
VOCABULARY = "vocabulary.txt"
CHECKPOINT = "checkpoint.pt"
MODEL = "model.safetensors"
LOG = "log.csv"
TREE = "tree.safetensors"
FILES = (CONFIG, VOCABULARY, CHECKPOINT, MODEL, LOG, TREE)


@dataclass(frozen=True)
class RunFolder:
    """A folder with these files, each replaced as a whole or not at all.

    ========================  =========================================================================================
    `config.json`             encoder, method, sizes, options, settings, the text, versions
    `vocabulary.txt`          words and counts; see `Vocabulary.save`
    `checkpoint.pt`           what resuming needs
    `model.safetensors`       the parameters of the best model so far
    `log.csv`                 a line every so many steps, and one an epoch
    `tree.safetensors`        the tree of the output layer, for methods over one
    ========================  =========================================================================================

    Attributes:
        path: of the folder.
        model: what the model is made of.
        settings: of its training.
        text: facts of the text that resuming and reading more text need: sources, digest, whether in lower case.
        vocabulary: of the words.
        version: of the files' format.
    """

    path: Path
    model: ModelConfig
    settings: LanguageModelSettings
    text: dict[str, Any]
    vocabulary: Vocabulary
    version: int = _VERSION

    @staticmethod
    def check_free(path: Path) -> None:
        """Raise InputError if a run cannot begin in a folder: it holds one, or other files of the names of a run's.

        The vocabulary is no such file where the lock shows that a run was killed, for that is written first.
        """
        if (path / CONFIG).exists():
            raise InputError(f"{path} already holds a run; go on with it (--resume), or give another folder")
        begun = {VOCABULARY} if left_by(path) else set()
        for name in FILES:
            if name not in begun and (path / name).exists():
                raise InputError(f"{path} holds {name}, which is of no run there; give another folder")

    def create(self) -> None:
        """Make the folder and describe the run in it; whoever calls this holds its lock.

        Raises:
            InputError: there is a run already, or other files of the names of a run's, or the folder cannot be made or
                written.
        """
        self.check_free(self.path)
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder {self.path}: {error.strerror}") from None
        try:
            self.vocabulary.save(self.path / VOCABULARY)
            self._describe()
        except BaseException:
            remove_files(self.path, (VOCABULARY,))
            raise

    def _describe(self) -> None:
        config = {
            "format": _FORMAT,
            "version": _VERSION,
            "vastmax": __version__,
            "torch": str(torch.__version__),
            "model": self.model.as_dict(),
            "settings": self.settings.as_dict(),
            "text": self.text,
        }
        with replacing(self.path / CONFIG) as beside:
            beside.write_text(json_text(sealed(config), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> RunFolder:
        """The run in a folder.

        Raises:
            InputError: there is none, it is damaged, or another version of vastmax wrote it.
        """
        folder = Path(path)
        config = _read_config(folder)
        version = config.get("version")
        if not isinstance(version, int) or version not in range(_OLDEST_VERSION, _VERSION + 1):
            raise InputError(
                f"{folder} is a run of format version {version}, written by vastmax {config.get('vastmax')}; this is "
                f"vastmax {__version__}, which reads up to version {_VERSION}: use that one, or train anew"
            )
        config = unsealed(config, folder / CONFIG, required=version > _OLDEST_VERSION)
        try:
            model, settings = (
                ModelConfig(**config["model"]),
                LanguageModelSettings(**with_new_names(config["settings"])),
            )
            text = dict(config["text"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{folder / CONFIG} is damaged: {error}") from None
        try:
            vocabulary = Vocabulary.load(folder / VOCABULARY)
        except FileNotFoundError:
            raise InputError(f"{folder} is damaged: {VOCABULARY} is missing") from None
        return cls(folder, model, settings, text, vocabulary, version)

    def check_same(self, begun: RunFolder) -> None:
        """Raise InputError, which names them, where model, settings or text differ from those a run was begun with."""
        before, now = begun.model.as_dict(), self.model.as_dict()
        changed = [
            f"{argument(name)} was {before[name]}, now {value}" for name, value in now.items() if before[name] != value
        ]
        if changed:
            raise InputError(f"cannot resume {self.path} with another model: {'; '.join(changed)}")
        self.settings.check_same(begun.settings.as_dict())
        digests = ("sha256", "validation_sha256")
        if self.vocabulary != begun.vocabulary or any(self.text[name] != begun.text.get(name) for name in digests):
            raise InputError(f"cannot resume {self.path} with another text: it was begun with {begun.text['sources']}")

    @property
    def is_untrained(self) -> bool:
        """Whether the run was described, and stopped before it had anything to save."""
        return not ((self.path / CHECKPOINT).exists() or (self.path / MODEL).exists())

    def load_checkpoint(self) -> dict[str, Any]:
        """Return what resuming needs, on the CPU.

        Raises:
            InputError: there is none, or it is damaged.
        """
        path = self.path / CHECKPOINT
        if not path.exists():
            raise InputError(f"{self.path} holds no checkpoint to go on from; start anew in another folder")
        try:
            return read_state(path)
        except DamagedStateError as error:
            raise InputError(f"{path} is damaged ({error}); start anew in another folder") from None

    def save_tree(self, tree: Tree) -> None:
        """Keep the tree of the output layer: whoever goes on with the run, or loads its model, makes no other."""
        tree.save(self.path / TREE)

    def load_tree(self) -> Tree | None:
        """Return the tree that `save_tree` kept, or None where there is none.

        Raises:
            InputError: it is damaged.
        """
        return Tree.load(self.path / TREE) if (self.path / TREE).exists() else None

    def save_model(self, model: nn.Module) -> None:
        """Keep the parameters."""
        from safetensors.torch import save_model

        with replacing(self.path / MODEL) as beside:
            mode = beside.stat().st_mode
            room = room_for_checksum(model.state_dict().values())
            save_model(model, str(beside), {CHECKSUM: room})  # makes a file of its own, that nobody else may read
            beside.chmod(mode)
            seal(beside)

    def load_model(self, device: str | torch.device = "cpu") -> LanguageModel:
        """The best model, in eval mode.

        Raises:
            InputError: nothing was trained yet, or the file is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_model

        path = self.path / MODEL
        if not path.exists():
            raise InputError(f"{self.path} holds no model yet: {MODEL} is written at the end of the first epoch")
        try:
            header = Header(str(path))
            if self.version > _OLDEST_VERSION:
                header.require_checksum()
            header.require_all()
            model = self.model.build(self.vocabulary, tree=self.load_tree())
            load_model(model, str(path))
        except DamagedFileError:
            raise
        except (SafetensorError, RuntimeError, InputError) as error:
            raise InputError(f"{path} is damaged, or of another run ({str(error).splitlines()[0]})") from None
        return model.to(device).eval()


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = read_json(path, name=f"{path} is damaged: it", fix="; train anew")
    except (FileNotFoundError, NotADirectoryError):
        raise not_expected(
            folder, "the folder of a run", f"is not the folder of a run: it holds no {CONFIG}; see vastmax lm train"
        ) from None
    if not isinstance(config, dict) or config.get("format") != _FORMAT:
        raise not_expected(
            folder,
            "the folder of a run of vastmax lm train",
            f"is not the folder of a run: its {CONFIG} says nothing of a {_FORMAT}",
        )
    return config
