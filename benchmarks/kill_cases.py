"""Runs to be killed: how each is begun and resumed, what must hold whenever it is cut off, and what it ends with."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

TIMES = ("training_seconds", "training_cpu_seconds", "evaluation_seconds", "peak_bytes", "status")
ALWAYS_SAVING = ("--checkpoint-minutes", "0.0005", "--threads", "1")
SMALL_MODEL = ("--hidden-size", "16", "--streams", "4", "--bptt", "8", *ALWAYS_SAVING)


def made_text(path: Path, lines: int) -> None:
    """Write lines of eight words, some far more frequent than others."""
    words = np.random.default_rng(0).zipf(1.3, (lines, 8)) % 400
    path.write_text("\n".join(" ".join(f"w{word}" for word in row) for row in words) + "\n")


class Case(ABC):
    """One kind of run, in a folder of its own that holds the text.

    Attributes:
        lines: of the text.
    """

    lines = 2000

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = folder / "text.txt"
        made_text(self.text, self.lines)

    @abstractmethod
    def command(self, name: str) -> list[str]:
        """Return the arguments of `vastmax` for a run whose output has this name."""

    @abstractmethod
    def saved(self, name: str) -> bool:
        """Return whether there is something to resume."""

    @abstractmethod
    def check(self, name: str) -> None:
        """Raise an exception if any file that is there is not whole."""

    @abstractmethod
    def result(self, name: str) -> Any:
        """Return what the finished run is compared by."""

    def resumed(self, name: str) -> list[str]:
        """Return the arguments that resume the run, or start it."""
        return [*self.command(name), *["--resume"] * self.saved(name)]


class Embed(Case):
    """Word vectors: the file of vectors and the checkpoint."""

    def command(self, name: str) -> list[str]:
        options = ("--vector-size", "32", "--epochs", "600", "--min-count", "1", *ALWAYS_SAVING)
        return ["embed", str(self.text), "-o", str(self.folder / f"{name}.safetensors"), *options]

    def saved(self, name: str) -> bool:
        return (self.folder / f"{name}.safetensors.checkpoint").exists()

    def check(self, name: str) -> None:
        from vastmax.embedding.checkpoint_file import CheckpointFile

        if self.saved(name):
            CheckpointFile(self.folder / f"{name}.safetensors.checkpoint")  # which looks at the checksum
        if (self.folder / f"{name}.safetensors").exists():
            self.result(name)

    def result(self, name: str) -> Any:
        from vastmax import WordVectors

        v = WordVectors.load(self.folder / f"{name}.safetensors")
        assert v.output_vectors is not None
        facts = {key: value for key, value in v.training.items() if not key.endswith("_seconds")}
        return v.vectors.tobytes(), v.output_vectors.tobytes(), list(v), facts


class LanguageModel(Case):
    """A language model: the folder of its run."""

    lines = 1000

    def __init__(self, folder: Path) -> None:
        import_module("vastmax.language_model")  # PyTorch with it, once for all that are forked
        super().__init__(folder)

    def command(self, name: str) -> list[str]:
        options = ("--method", "sampled-softmax", "--epochs", "2", "--min-count", "1", *SMALL_MODEL)
        return ["lm", "train", str(self.text), "-o", str(self.folder / name), *options]

    def saved(self, name: str) -> bool:
        return (self.folder / name / "config.json").exists()

    def check(self, name: str) -> None:
        if self.saved(name):
            _check_run(self.folder / name)

    def result(self, name: str) -> Any:
        run = self.folder / name
        rows = [line.split(",") for line in (run / "log.csv").read_text().splitlines()]
        timeless = [row[:3] + row[4:] for row in rows]  # without training_seconds
        return (run / "model.safetensors").read_bytes(), (run / "vocabulary.txt").read_bytes(), timeless


class Compare(Case):
    """A race of two methods: its report, and a run for each."""

    lines = 800

    def command(self, name: str) -> list[str]:
        options = ("--methods", "softmax,nce", "--epochs", "2", "--points", "3", "--min-count", "1", *SMALL_MODEL)
        return ["compare", str(self.text), "-o", str(self.folder / name), *options]

    def saved(self, name: str) -> bool:
        return (self.folder / name / "report.json").exists()

    def check(self, name: str) -> None:
        from vastmax.compare.folder import RaceFolder

        if not self.saved(name):
            return
        RaceFolder(self.folder / name).read()
        for run in (self.folder / name / "runs").glob("*"):
            if (run / "config.json").exists():
                _check_run(run)

    def result(self, name: str) -> Any:
        from vastmax.compare.folder import RaceFolder

        methods = []
        for method in RaceFolder(self.folder / name).read().to_json()["methods"]:
            figures = {key: value for key, value in method.items() if not key.endswith("_per_second")}
            figures = {key: value for key, value in figures.items() if key not in TIMES}
            figures["curve"] = [(point["words"], point["nats"]) for point in method["curve"]]
            model = (self.folder / name / "runs" / method["method"] / "model.safetensors").read_bytes()
            methods.append((method["status"], figures, model))
        return methods


class Vocab(Case):
    """Words and counts of a text that is read again each time, and the cache that it is encoded into."""

    lines = 20_000

    def command(self, name: str) -> list[str]:
        with self.text.open("a") as file:  # another text for the cache, the same words and counts but for one
            file.write("another ")
        return ["vocab", str(self.text), "-o", str(self.folder / name)]

    def saved(self, name: str) -> bool:
        return False

    def check(self, name: str) -> None:
        from vastmax.text import Vocabulary
        from vastmax.text.cache import default_folder, is_whole

        if (self.folder / name).exists():
            Vocabulary.load(self.folder / name)
        assert all(is_whole(entry) for entry in (default_folder() / "corpora").glob("*"))
        for record in (default_folder() / "files").glob("*.json"):
            json.loads(record.read_text())

    def result(self, name: str) -> Any:
        lines = (self.folder / name).read_text().splitlines()[1:]
        return sorted(line for line in lines if not line.startswith("another"))


CASES: dict[str, Callable[[Path], Case]] = {
    "embed": Embed,
    "lm": LanguageModel,
    "compare": Compare,
    "vocab": Vocab,
}


def _check_run(run: Path) -> None:
    from safetensors import safe_open

    from vastmax.language_model.run_folder import RunFolder

    folder = RunFolder.open(run)
    if (run / "checkpoint.pt").exists():
        folder.load_checkpoint()  # which looks at the checksums
    if (run / "model.safetensors").exists():
        with safe_open(str(run / "model.safetensors"), "np") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                file.get_tensor(name)
    if (run / "log.csv").exists():
        rows = (run / "log.csv").read_bytes()
        assert rows.endswith(b"\n")
        assert {line.count(b",") for line in rows.splitlines()} == {6}
