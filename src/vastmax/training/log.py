"""The log of a run: a CSV file, and TensorBoard event files for those who ask."""

from __future__ import annotations

import csv
import importlib
import io
import warnings
import zlib
from pathlib import Path
from typing import Any, Protocol

from vastmax import extras
from vastmax.atomic import replacing
from vastmax.distribution.entropy import perplexity_from_nats
from vastmax.files.checksum import is_wanted

COLUMNS = ("step", "epoch", "words", "training_seconds", "loss", "validation_nats", "validation_perplexity")
STEPS_A_LINE = 100


class Logged(Protocol):
    """The parts of a trainer's progress that a line of the log holds."""

    step: int
    epoch: int
    words: int
    training_seconds: float
    validation_nats: list[float]


class Log:
    """Lines of a CSV file: the mean loss of every `STEPS_A_LINE` steps, and each validation.

    Args:
        path: of the file; a new one, or one that is cut after the last line that `resume` knows.
        resume: what `state` gave when the run was last saved; None: a new run.
        events: a folder for TensorBoard; None: no event files.

    Raises:
        InputError: event files are asked for and the package `tensorboard` is not installed.
    """

    def __init__(self, path: Path, *, resume: dict[str, Any] | None = None, events: Path | None = None) -> None:
        self._path = path
        known = resume or {"sum": 0.0, "steps": 0, "size": 0}
        self._sum: float = known["sum"]
        self._steps: int = known["steps"]
        self._size: int = known["size"]
        self._crc: int | None = known.get("crc32")  # of the file; vastmax 0.1 did not keep it
        self._events = None if events is None else _writer(events)
        if resume is None:
            with replacing(path) as beside:
                beside.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
            header = path.read_bytes()
            self._size, self._crc = len(header), zlib.crc32(header)
        else:
            self._cut()

    def _cut(self) -> None:
        """Forget what was written after the checkpoint: those steps are taken again."""
        try:
            kept = self._path.read_bytes()[: self._size]
        except FileNotFoundError:  # somebody tidied up
            warnings.warn(f"{self._path} is gone; the log begins again here", stacklevel=2)
            kept = (",".join(COLUMNS) + "\n").encode()
        else:
            if self._crc not in (None, zlib.crc32(kept)) and is_wanted():
                warnings.warn(
                    f"{self._path} is not what was logged up to the checkpoint: it was changed, or is damaged; the run "
                    "goes on, and its lines are added there",
                    stacklevel=2,
                )
        with replacing(self._path) as beside:
            beside.write_bytes(kept)
        self._size, self._crc = len(kept), zlib.crc32(kept)

    @property
    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"sum": self._sum, "steps": self._steps, "size": self._size, "crc32": self._crc}

    def step(self, progressed: Logged, loss: float) -> None:
        """Take note of a step."""
        self._sum, self._steps = self._sum + loss, self._steps + 1
        if self._steps == STEPS_A_LINE:
            self._write(progressed)

    def epoch(self, progressed: Logged) -> None:
        """Take note of the end of an epoch."""
        nats = progressed.validation_nats[-1] if progressed.validation_nats else None
        self._write(progressed, nats)

    def _write(self, progressed: Logged, nats: float | None = None) -> None:
        figures = {
            "loss": self._sum / self._steps if self._steps else None,
            "validation_nats": nats,
            "validation_perplexity": None if nats is None else perplexity_from_nats(nats),
        }
        self._sum, self._steps = 0.0, 0
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(
            [
                progressed.step,
                progressed.epoch,
                progressed.words,
                f"{progressed.training_seconds:.2f}",
                *("" if figure is None else f"{figure:.6f}" for figure in figures.values()),
            ]
        )
        written = line.getvalue().encode()
        try:
            with open(self._path, "ab", buffering=0) as file:  # in one piece: a line is there, or it is not
                file.write(written)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        self._size += len(written)
        self._crc = zlib.crc32(written, self._crc or 0)
        if self._events is not None:
            for name, figure in figures.items():
                if figure is not None:
                    self._events.add_scalar(name, figure, progressed.step)
            self._events.flush()

    def close(self) -> None:
        """Close the event files."""
        if self._events is not None:
            self._events.close()


def check_tensorboard() -> None:
    """Raise InputError unless event files can be written."""
    extras.require("--tensorboard (log.csv holds the same figures)", "tensorboard")


def _writer(folder: Path) -> Any:
    check_tensorboard()
    return importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(folder))
