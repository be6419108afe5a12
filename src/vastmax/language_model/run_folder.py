"""The folder of a training run: its configuration, vocabulary, checkpoint, log, and the best model so far."""

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
    """A folder with these files. Each is replaced as a whole or not at all.

    ========================  =========================================================================================
    `config.json`             encoder, method, sizes, options, settings, the text, versions
    `vocabulary.txt`          words and counts; see `Vocabulary.save`
    `checkpoint.pt`           the state to resume from
    `model.safetensors`       the parameters of the best model so far
    `log.csv`                 a line per 100 steps and per epoch
    `tree.safetensors`        the tree of the output layer, for methods that use one
    ========================  =========================================================================================

    Attributes:
        path: of the folder.
        model: the configuration of the model.
        settings: of the training.
        text: facts about the text, for resuming and reading more text: sources, digest, whether in lower case.
        vocabulary: of the model.
        version: of the file format.
    """

    path: Path
    model: ModelConfig
    settings: LanguageModelSettings
    text: dict[str, Any]
    vocabulary: Vocabulary
    version: int = _VERSION

    @staticmethod
    def check_free(path: Path) -> None:
        """Raise InputError if a run cannot start in a folder, because it has a run or files of the same names.

        A vocabulary is allowed if the lock shows that a run was killed, because it is written first.
        """
        if (path / CONFIG).exists():
            raise InputError(f"{path} already holds a run; resume it (--resume), or give another folder")
        begun = {VOCABULARY} if left_by(path) else set()
        for name in FILES:
            if name not in begun and (path / name).exists():
                raise InputError(f"{path} holds {name}, which does not belong to a run; give another folder")

    def create(self) -> None:
        """Create the folder and write the configuration and vocabulary. The caller holds its lock.

        Raises:
            InputError: see `check_free`; or the folder cannot be created or written.
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
        """Return the run in a folder.

        Raises:
            InputError: there is none, it is damaged, or a later version of vastmax wrote it.
        """
        folder = Path(path)
        config = _read_config(folder)
        version = config.get("version")
        if not isinstance(version, int) or version not in range(_OLDEST_VERSION, _VERSION + 1):
            raise InputError(
                f"{folder} is a run of format version {version}, written by vastmax {config.get('vastmax')}; this is "
                f"vastmax {__version__}, which reads up to version {_VERSION}; use that version, or train again"
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
        """Raise InputError, with the differences, if model, settings or text differ from those of the started run."""
        before, now = begun.model.as_dict(), self.model.as_dict()
        changed = [
            f"{argument(name)} was {before[name]}, now {value}" for name, value in now.items() if before[name] != value
        ]
        if changed:
            raise InputError(f"cannot resume {self.path} with another model: {'; '.join(changed)}")
        self.settings.check_same(begun.settings.as_dict())
        digests = ("sha256", "validation_sha256")
        if self.vocabulary != begun.vocabulary or any(self.text[name] != begun.text.get(name) for name in digests):
            raise InputError(f"cannot resume {self.path} with another text; it was started on {begun.text['sources']}")

    @property
    def is_untrained(self) -> bool:
        """Whether the run stopped before anything was saved."""
        return not ((self.path / CHECKPOINT).exists() or (self.path / MODEL).exists())

    def load_checkpoint(self) -> dict[str, Any]:
        """Return the state to resume from, on the CPU.

        Raises:
            InputError: there is none, or it is damaged.
        """
        path = self.path / CHECKPOINT
        if not path.exists():
            raise InputError(f"{self.path} holds no checkpoint to resume from; start again in another folder")
        try:
            return read_state(path)
        except DamagedStateError as error:
            raise InputError(f"{path} is damaged ({error}); start again in another folder") from None

    def save_tree(self, tree: Tree) -> None:
        """Save the tree of the output layer, for resuming and for loading the model."""
        tree.save(self.path / TREE)

    def load_tree(self) -> Tree | None:
        """Return the tree that `save_tree` wrote, or None.

        Raises:
            InputError: it is damaged.
        """
        return Tree.load(self.path / TREE) if (self.path / TREE).exists() else None

    def save_model(self, model: nn.Module) -> None:
        """Save the parameters of the model."""
        from safetensors.torch import save_model

        with replacing(self.path / MODEL) as beside:
            mode = beside.stat().st_mode
            room = room_for_checksum(model.state_dict().values())
            save_model(model, str(beside), {CHECKSUM: room})  # it creates a file that only its owner can read
            beside.chmod(mode)
            seal(beside)

    def load_model(self, device: str | torch.device = "cpu") -> LanguageModel:
        """Return the best model, in eval mode.

        Raises:
            InputError: there is no model yet, or the file is damaged.
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
            raise InputError(f"{path} is damaged or belongs to another run ({str(error).splitlines()[0]})") from None
        return model.to(device).eval()


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = read_json(path, name=f"{path} is damaged: it", fix="; train again")
    except (FileNotFoundError, NotADirectoryError):
        raise not_expected(
            folder, "the folder of a run", f"is not the folder of a run: it holds no {CONFIG}; see vastmax lm train"
        ) from None
    if not isinstance(config, dict) or config.get("format") != _FORMAT:
        raise not_expected(
            folder,
            "the folder of a run of vastmax lm train",
            f"is not the folder of a run: its {CONFIG} is not that of a {_FORMAT}",
        )
    return config
