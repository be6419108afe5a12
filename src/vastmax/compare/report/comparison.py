"""The comparison of the methods of a race: figures that words, tables and charts share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vastmax.compare.results import MethodResult, Race
from vastmax.distribution.entropy import perplexity_from_nats
from vastmax.methods.case import YARDSTICK

DEVIATION_NATS = 2.5
"""Standard deviation of −log p between the words of a text: 1.9 to 2.5 in four models of one text. It tells how far a
perplexity may be off."""
PAIRED_DEVIATION_NATS = 1.0
"""Standard deviation of the difference in −log p of a word between two methods, 0.5 to 0.8 there: what is hard for one
is hard for all."""
TIE_RATIO = 1.02
"""Perplexities nearer than this are alike: another seed moves them as far."""


@dataclass(frozen=True)
class Comparison:
    """Compare all methods that can be compared: they finished, their probabilities sum to 1, their figures are numbers.

    Attributes:
        race: as it was run.
        contenders: in the order of the race.
        equal_seconds: training time that every contender had, the shortest of theirs; 0 without contenders.
    """

    race: Race
    contenders: tuple[MethodResult, ...]
    equal_seconds: float

    @classmethod
    def of(cls, race: Race) -> Comparison:
        """Return the comparison of a race, finished or not."""
        contenders = tuple(
            method
            for method in race.finished
            if method.normalised and method.nats is not None and math.isfinite(method.nats)
        )
        return cls(race, contenders, min((method.training_seconds for method in contenders), default=0.0))

    @property
    def yardstick(self) -> MethodResult | None:
        """The softmax, if it finished."""
        return next((method for method in self.contenders if method.method == YARDSTICK), None)

    @property
    def tie_nats(self) -> float:
        """Differences up to this one say nothing: 2 %, or twice the standard error of a difference if that is more."""
        return max(math.log(TIE_RATIO), 2 * self._standard_error(PAIRED_DEVIATION_NATS))

    @property
    def validation_words(self) -> int:
        """How many words the perplexities are means over; 0 where that is not known."""
        return int(self.race.text.get("validation_words") or 0)

    @property
    def relative_error(self) -> float:
        """Standard error of a perplexity as a share of it, from so many validation words."""
        return math.expm1(self._standard_error(DEVIATION_NATS))

    def _standard_error(self, deviation: float) -> float:
        return deviation / math.sqrt(self.validation_words) if self.validation_words else 0.0

    def nats(self, method: MethodResult) -> float:
        """Return the nats of a contender after the training time that all had, on the whole validation text.

        The curve may be of a sample of that text, so what it is taken for is the difference to its own end.
        """
        assert method.nats is not None
        found = method.nats_at(self.equal_seconds)
        # Without a curve the end is all that is known.
        return method.nats if found is None else method.nats + found - method.curve[-1].nats

    def perplexity(self, method: MethodResult) -> float:
        """Return the perplexity of a contender after the training time that all had."""
        return perplexity_from_nats(self.nats(method))

    def speed_up(self, method: MethodResult) -> float | None:
        """Training words a second over the softmax's."""
        softmax = self.yardstick
        return None if softmax is None else _over(method.training_words_per_second, softmax.training_words_per_second)

    def evaluation_speed_up(self, method: MethodResult) -> float | None:
        """Exactly evaluated words a second over the softmax's."""
        softmax = self.yardstick
        return (
            None if softmax is None else _over(method.evaluation_words_per_second, softmax.evaluation_words_per_second)
        )

    def beats_unigrams(self, method: MethodResult) -> bool:
        """Whether it ended below the perplexity of the words' frequencies; True where that is not known."""
        unigrams = self.race.text.get("unigram_perplexity")
        perplexity = method.perplexity
        return unigrams is None or (perplexity is not None and perplexity < unigrams)

    def fall_at_the_end(self, method: MethodResult) -> float:
        """By how much its nats fell in the last fifth of its time: much, and the race was too short for it."""
        before = method.nats_at(0.8 * method.training_seconds)
        return 0.0 if before is None else before - method.curve[-1].nats


def _over(value: float | None, of_yardstick: float | None) -> float | None:
    return value / of_yardstick if value is not None and of_yardstick else None
