"""The options about checkpoints, and what is said about them when training is stopped."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vastmax.cli.failure import EXIT_INTERRUPTED, StoppedError
from vastmax.cli.shared_options import checkpoint_minutes
from vastmax.errors import InputError
from vastmax.options import OUTPUT, option

if TYPE_CHECKING:
    from vastmax.embedding.settings import CheckedCommonSettings
    from vastmax.training.checkpoints import CheckpointsOf


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions:
    """The options about checkpoints: where, how often, and whether to go on from there."""

    checkpoint: Path | None = option(
        None,
        "Where training is saved, to resume it; removed when the vectors are written.",
        default_text="VECTORS.checkpoint",
        group=OUTPUT,
    )
    checkpoint_minutes: float = checkpoint_minutes()
    no_checkpoint: bool = option(False, "Save nothing before the end.", group=OUTPUT)
    resume: bool = option(
        False,
        "Go on from the checkpoint, with the same text and options; with --threads 1 the vectors are those of a run "
        "that was never stopped.",
        group=OUTPUT,
    )


class Resuming:
    """The checkpoint that the options ask for, None with --no-checkpoint, and the command that resumes this one.

    Raises:
        InputError: there is one and --resume is not given, there is none and it is, or it does not fit the settings.
    """

    def __init__(
        self,
        kind: type[CheckpointsOf[Any]],
        settings: CheckedCommonSettings,
        asked: CheckpointOptions,
        path: Path,
        *,
        output: Path,
        arguments: Sequence[str],
    ) -> None:
        resume, off = asked.resume, asked.no_checkpoint
        self._output = output
        self._command = shlex.join(["vastmax", *arguments, *([] if resume else ["--resume"])])
        self.checkpoints: CheckpointsOf[Any] | None = None
        if off and resume:
            raise InputError("--resume and --no-checkpoint exclude each other; leave out one of them")
        if off:
            return
        if not resume and kind.recognises(path):
            raise InputError(
                f"{path} holds a run that was stopped; go on with: {self._command} (or start anew: rm "
                f"{shlex.quote(str(path))})"
            )
        if resume and not path.exists():
            raise InputError(f"there is no checkpoint {path} to go on from; start without --resume")
        self.checkpoints = kind(path, settings, minutes=asked.checkpoint_minutes, resume=resume)

    def clear(self) -> None:
        """The vectors are written: the checkpoint has served."""
        if self.checkpoints is not None:
            self.checkpoints.remove()

    @contextmanager
    def told_how(self, *, finished: bool = False) -> Iterator[None]:
        """Say how to go on when the block is interrupted or, once training is `finished`, cannot write the vectors."""
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
        return f"{self.checkpoints.path} holds what was trained{trouble}; go on with: {self._command}"
