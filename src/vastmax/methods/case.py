"""A case for advice: the cost of every method, and comparisons from which reasons are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from vastmax.methods.work import MethodWork

Purpose = Literal["train", "score", "best-word", "vectors"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

Size = Literal["small", "medium", "large"]
SIZES: tuple[Size, ...] = get_args(Size)

YARDSTICK = "softmax"
"""The baseline for ratios."""
USUAL_APPROXIMATION = "sampled-softmax"
"""The method whose gain determines whether a vocabulary is large."""

SMALL_GAIN = 3.0
"""A vocabulary is small if the usual approximation saves less than this factor: then the encoder takes most of the
time, and an approximation gains little."""

LARGE_GAIN = 12.0
"""A vocabulary is large from here on: the softmax then costs more than any encoder one would train on a CPU."""

MUCH_CHEAPER = 2.0

ALIKE = 1.5
"""Steps within this factor cost about the same."""


@dataclass(frozen=True)
class MethodCost:
    """One method in one setting. Seconds are wall-clock, of the output layer alone.

    Attributes:
        method: its name in `RECIPES`.
        step_seconds: of a training step over the batch: forward, backward, optimizer; timed if that was asked for.
        predicted_step_seconds: by the constants of the development machine.
        score_seconds: to score one given word, in a batch.
        best_seconds: to find the best word of one example exactly, in a batch.
        gain: step_seconds of the softmax divided by these.
        parameters: numbers in the output layer.
        training_bytes: of parameters, optimizer state and gradient together, in float32.
        scores_unnormalised: whether the score is the raw one, which training brings near log p.
        best_of_unigrams: whether best_seconds assumes a model as uncertain as the unigrams; for others it is less.
        work: on which the times are based.
        timed: whether step_seconds was timed.
    """

    method: str
    step_seconds: float
    predicted_step_seconds: float
    score_seconds: float
    best_seconds: float
    gain: float
    parameters: int
    training_bytes: int
    scores_unnormalised: bool
    best_of_unigrams: bool
    work: MethodWork
    timed: bool = False


class Case:
    """The figures that reasons use.

    Args:
        costs: of all methods.
        purpose: what the model is for.
        spelled: whether the words are known, not only their counts.
        memory_bytes: memory for the output layer in training; None for any amount.
    """

    def __init__(
        self, costs: Sequence[MethodCost], purpose: Purpose, *, spelled: bool, memory_bytes: int | None
    ) -> None:
        self.costs = {cost.method: cost for cost in costs}
        self.purpose, self.spelled, self.memory_bytes = purpose, spelled, memory_bytes
        self.gain = self.costs[USUAL_APPROXIMATION].gain
        self.size: Size = "small" if self.gain < SMALL_GAIN else "medium" if self.gain < LARGE_GAIN else "large"

    def too_large(self, method: str) -> bool:
        """Return whether the method needs more memory than there is."""
        return self.memory_bytes is not None and self.costs[method].training_bytes > self.memory_bytes

    def pays(self, method: str) -> bool:
        """Return whether it can help: if likelihoods count, nothing that costs more than the softmax is better."""
        costlier = self.costs[method].gain <= 1 / ALIKE
        return self.purpose != "train" or not costlier or self.too_large(YARDSTICK)

    def faster(self, method: str) -> str:
        """Return `a step is 41 times cheaper than the softmax's`."""
        gain = self.costs[method].gain
        if gain >= ALIKE:
            return f"a step is {times(gain)} cheaper than the softmax's"
        if gain > 1 / ALIKE:
            return "a step costs about what the softmax's does"
        return f"a step costs {times(1 / gain)} what the softmax's does"

    def score_against(self, method: str) -> str:
        """Return `scoring a given word is 12 times cheaper`."""
        ratio = self.costs[YARDSTICK].score_seconds / self.costs[method].score_seconds
        return f"scoring a given word is {times(ratio)} cheaper" if ratio >= ALIKE else "scoring a word costs as much"

    def best_against(self, method: str) -> str:
        """Return `40 times cheaper than the softmax's scan`."""
        ratio = self.costs[YARDSTICK].best_seconds / self.costs[method].best_seconds
        return f"{times(ratio)} cheaper than the softmax's scan"


def times(factor: float) -> str:
    """Return `41 times`, `2.4 times`."""
    return f"{factor:,.0f} times" if factor >= 9.95 else f"{factor:.1f} times"


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def describe_bytes(number: float) -> str:
    """Return `74 MB`, `1.2 GB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            value = number / size
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
    return f"{number:.0f} B"
