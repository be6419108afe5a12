"""The progress of a training run: complete epochs, and the pieces of the current one."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from vastmax.kernels.embedding_kernel import ChunkResult

_COUNTS = ("pieces", "tokens", "words", "kept", "predictions", "loss")


class Tally:
    """Counts of one epoch, summed over the threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.pieces = self.tokens = self.words = self.kept = self.predictions = 0
        self.loss = 0.0
        self.recent_loss = math.nan  # of the last piece that had predictions

    def add(self, tokens: int, result: ChunkResult) -> None:
        """Count one piece."""
        with self._lock:
            self.pieces += 1
            self.tokens += tokens
            self.words += result.words
            self.kept += result.kept
            self.predictions += result.predictions
            self.loss += result.loss
            if result.predictions:
                self.recent_loss = result.loss / result.predictions

    def as_dict(self) -> dict[str, int | float]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in _COUNTS}

    @classmethod
    def from_dict(cls, counts: Mapping[str, Any]) -> Self:
        """Return what `as_dict` describes."""
        tally = cls()
        for name in _COUNTS:
            kind = float if name == "loss" else int
            setattr(tally, name, kind(counts[name]))
        return tally


@dataclass(frozen=True)
class RunState:
    """The state of a run between two pieces.

    It is replaced as a whole at the end of an epoch, so an interrupt leaves one state or the next.
    """

    epoch: int = 0  # complete ones
    losses: tuple[float, ...] = ()  # mean nats per prediction of each
    words: int = 0  # these three are of complete epochs
    kept: int = 0
    predictions: int = 0
    tally: Tally = field(default_factory=Tally)  # of the current epoch

    def after_epoch(self) -> RunState:
        """Return the state in which the current epoch is complete."""
        tally = self.tally
        return RunState(
            epoch=self.epoch + 1,
            losses=(*self.losses, tally.loss / max(tally.predictions, 1)),
            words=self.words + tally.words,
            kept=self.kept + tally.kept,
            predictions=self.predictions + tally.predictions,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values; floats keep every bit."""
        return {
            "epoch": self.epoch,
            "losses": list(self.losses),
            "words": self.words,
            "kept": self.kept,
            "predictions": self.predictions,
            "tally": self.tally.as_dict(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Return what `as_dict` describes."""
        return cls(
            epoch=int(state["epoch"]),
            losses=tuple(float(loss) for loss in state["losses"]),
            words=int(state["words"]),
            kept=int(state["kept"]),
            predictions=int(state["predictions"]),
            tally=Tally.from_dict(state["tally"]),
        )
