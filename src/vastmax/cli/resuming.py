"""The options for checkpoints, and messages about them when training stops."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vastmax.cli.failure import EXIT_INTERRUPTED, StoppedError
from vastmax.cli.shared_options import checkpoint_minutes
from vastmax.errors import InputError
from vastmax.options import OUTPUT, option

if TYPE_CHECKING:
    from vastmax.embedding.settings import CheckedCommonSettings
    from vastmax.training.checkpoints import CheckpointsOf


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions:
    """The options for checkpoints: where, how often, and whether to resume."""

    checkpoint: Path | None = option(
        None,
        "The file to resume training from; removed when the vectors are written.",
        default_text="VECTORS.checkpoint",
        group=OUTPUT,
    )
    checkpoint_minutes: float = checkpoint_minutes()
    no_checkpoint: bool = option(False, "Save no checkpoints.", group=OUTPUT)
    resume: bool = option(
        False,
        "Continue from the checkpoint, with the same text and options; with --threads 1, the vectors are those of an "
        "uninterrupted run.",
        group=OUTPUT,
    )


def resuming_command(context: typer.Context, *, resume: bool) -> str:
    """Return the command line of this process, with --resume."""
    return shlex.join(["vastmax", *context.obj, *([] if resume else ["--resume"])])


class Resuming:
    """The checkpoint of the options, None with --no-checkpoint, and the command that resumes this one.

    Raises:
        InputError: there is a checkpoint but no --resume, or --resume but no checkpoint, or its settings differ.
    """

    def __init__(
        self,
        kind: type[CheckpointsOf[Any]],
        settings: CheckedCommonSettings,
        asked: CheckpointOptions,
        path: Path,
        *,
        output: Path,
        context: typer.Context,
    ) -> None:
        resume, off = asked.resume, asked.no_checkpoint
        self._output = output
        self._command = resuming_command(context, resume=resume)
        self.checkpoints: CheckpointsOf[Any] | None = None
        if off and resume:
            raise InputError("--resume and --no-checkpoint exclude each other; leave out one")
        if off:
            return
        if not resume and kind.recognises(path):
            raise InputError(
                f"{path} holds a run that was stopped; resume with: {self._command} (or start again: rm "
                f"{shlex.quote(str(path))})"
            )
        if resume and not path.exists():
            raise InputError(f"there is no checkpoint {path} to resume from; start without --resume")
        self.checkpoints = kind(path, settings, minutes=asked.checkpoint_minutes, resume=resume)

    def clear(self) -> None:
        """Remove the checkpoint, after the vectors are written."""
        if self.checkpoints is not None:
            self.checkpoints.remove()

    @contextmanager
    def told_how(self, *, finished: bool = False) -> Iterator[None]:
        """Print how to resume if the block is interrupted or, once training is `finished`, cannot write vectors."""
        try:
            yield
        except KeyboardInterrupt:
            raise StoppedError(f"interrupted; {self._kept()}") from None
        except SystemExit as told:  # by a signal
            code = told.code if isinstance(told.code, int) else EXIT_INTERRUPTED
            raise StoppedError(f"terminated; {self._kept()}", code) from None
        except OSError as error:
            if not (finished and self._exists):
                raise
            raise OSError(
                error.errno, f"{error.strerror or error}; training is done and {self._kept()}", error.filename
            ) from error

    @property
    def _exists(self) -> bool:
        return self.checkpoints is not None and self.checkpoints.exists

    def _kept(self) -> str:
        if self.checkpoints is None or not self._exists:
            trouble = self.checkpoints.trouble if self.checkpoints is not None else ""
            return f"{self._output} was not written" + (f", nor a checkpoint ({trouble})" if trouble else "")
        trouble = f", but not all of it ({self.checkpoints.trouble})" if self.checkpoints.trouble else ""
        return f"{self.checkpoints.path} holds what was trained{trouble}; resume with: {self._command}"
