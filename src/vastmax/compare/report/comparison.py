"""The comparison of the methods of a race: figures for text, tables and charts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vastmax.compare.results import MethodResult, Race
from vastmax.distribution.entropy import perplexity_from_nats
from vastmax.methods.case import YARDSTICK

DEVIATION_NATS = 2.5
"""Standard deviation of −log p between the words of a text: 1.9 to 2.5 in four models of one text. It gives the
uncertainty of a perplexity."""
PAIRED_DEVIATION_NATS = 1.0
"""Standard deviation of the difference in −log p of a word between two methods, 0.5 to 0.8 there: words that
are hard for one are hard for all."""
TIE_RATIO = 1.02
"""Perplexities within this ratio are tied; another seed changes them as much."""


@dataclass(frozen=True)
class Comparison:
    """The comparable methods: they finished, their probabilities sum to 1, and their figures are finite.

    Attributes:
        race: the race.
        contenders: comparable methods, in the order of the race.
        equal_seconds: the shortest training time of a contender, which all had; 0 without contenders.
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
        """Differences up to this are ties: 2 %, or twice the standard error of a difference if that is more."""
        return max(math.log(TIE_RATIO), 2 * self._standard_error(PAIRED_DEVIATION_NATS))

    @property
    def validation_words(self) -> int:
        """The number of validation words; 0 if unknown."""
        return int(self.race.text.get("validation_words") or 0)

    @property
    def relative_error(self) -> float:
        """Relative standard error of a perplexity for this many validation words."""
        return math.expm1(self._standard_error(DEVIATION_NATS))

    def _standard_error(self, deviation: float) -> float:
        return deviation / math.sqrt(self.validation_words) if self.validation_words else 0.0

    def nats(self, method: MethodResult) -> float:
        """Return the nats of a contender after the training time that all had, on the whole validation text.

        The curve may be that of a sample, so only the difference from its end is used.
        """
        assert method.nats is not None
        found = method.nats_at(self.equal_seconds)
        # Without a curve, only the end is known.
        return method.nats if found is None else method.nats + found - method.curve[-1].nats

    def perplexity(self, method: MethodResult) -> float:
        """Return the perplexity of a contender after the training time that all had."""
        return perplexity_from_nats(self.nats(method))

    def speed_up(self, method: MethodResult) -> float | None:
        """Return training words per second relative to the softmax."""
        softmax = self.yardstick
        return None if softmax is None else _over(method.training_words_per_second, softmax.training_words_per_second)

    def evaluation_speed_up(self, method: MethodResult) -> float | None:
        """Return exactly evaluated words per second relative to the softmax."""
        softmax = self.yardstick
        return (
            None if softmax is None else _over(method.evaluation_words_per_second, softmax.evaluation_words_per_second)
        )

    def beats_unigrams(self, method: MethodResult) -> bool:
        """Return whether it ended below the unigram perplexity; True if that is unknown."""
        unigrams = self.race.text.get("unigram_perplexity")
        perplexity = method.perplexity
        return unigrams is None or (perplexity is not None and perplexity < unigrams)

    def fall_at_the_end(self, method: MethodResult) -> float:
        """Return how much its nats fell in the last fifth of its time; if much, the race was too short for it."""
        before = method.nats_at(0.8 * method.training_seconds)
        return 0.0 if before is None else before - method.curve[-1].nats


def _over(value: float | None, of_yardstick: float | None) -> float | None:
    return value / of_yardstick if value is not None and of_yardstick else None
