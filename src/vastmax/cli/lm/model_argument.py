"""The run that the commands about trained models read, and the device they work on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vastmax import extras
from vastmax.errors import InputError

if TYPE_CHECKING:
    from vastmax.language_model import LanguageModel
    from vastmax.language_model.run_folder import RunFolder
    from vastmax.output.base import Search

Run = Annotated[
    Path, typer.Argument(metavar="RUN", show_default=False, help="The folder that vastmax lm train has written.")
]
SearchFile = Annotated[
    Path | None,
    typer.Option("--search", metavar="FILE", help="An index that vastmax index has made of RUN: best words sooner."),
]
Device = Annotated[
    str | None, typer.Option(metavar="cpu|cuda", help="Where to compute.  [default: cuda where there is one]")
]


def require_torch(what: str = "a language model") -> None:
    """Raise InputError, which says what for, unless PyTorch is installed."""
    extras.require(what, "torch")


def checked_device(device: str | None) -> str:
    """The device that is meant, if it is there."""
    import torch

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise InputError(f"--device is {device!r}; expected cpu, cuda or cuda:NUMBER")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise InputError(f"--device is {device}, but PyTorch sees {torch.cuda.device_count()} CUDA devices; use cpu")
    return device


def open_model(run: Path, device: str | None) -> tuple[RunFolder, LanguageModel]:
    """The run and its best model, in eval mode."""
    require_torch()
    from vastmax.language_model.run_folder import RunFolder

    folder = RunFolder.open(run)
    return folder, folder.load_model(checked_device(device))


def open_search(path: Path | None, model: LanguageModel) -> Search | None:
    """The index of a model's head, from its file."""
    if path is None:
        return None
    from vastmax.search import load

    return load(path, model.head)


def words_of(folder: RunFolder, line: str) -> list[str]:
    """The words of a line as the run's text was read."""
    return (line.lower() if folder.text.get("lowercase") else line).split()
