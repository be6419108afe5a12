"""The best epoch of a run by a score, to be given back at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vastmax.arguments import real
from vastmax.embedding.last_good import LastGood
from vastmax.embedding.report import EpochReport
from vastmax.errors import InputError
from vastmax.kernels.embedding_tables import Floats

Score = Callable[[EpochReport], float]


class BestEpoch:
    """A callback that scores every epoch and keeps the matrices of the best one in a file without a name.

    Args:
        matrices: what training changes.
        score: higher is better.
    """

    def __init__(self, matrices: Mapping[str, Floats], score: Score) -> None:
        if not callable(score):
            raise InputError(f"best_by is {score!r}; expected a function of an EpochReport, such as one that evaluates")
        self._score = score
        self._kept = LastGood(matrices)
        self.scores: list[float] = []

    def __call__(self, report: EpochReport) -> None:
        """Score an epoch, and keep it if it is the best one so far."""
        score = real("the result of best_by", self._score(report), -float("inf"), float("inf"))
        if not self.scores or score > max(self.scores):
            self._kept.keep(report.epoch)
            if self._kept.trouble:
                raise InputError(f"the best epoch cannot be kept, since {self._kept.trouble}")
        self.scores.append(score)

    def restore(self) -> int:
        """Put back the matrices of the best epoch, and return its number."""
        best = 1 + self.scores.index(max(self.scores))
        if best < len(self.scores):
            self._kept.restore()
        return best

    def close(self) -> None:
        """Drop what is held."""
        self._kept.close()
