"""The result of timing steps: the speed of this machine, and the accuracy of the cost model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from vastmax.compare.advice.machine import Machine
from vastmax.methods.case import MethodCost

NEAR = 1.5
"""A prediction within this factor is accurate enough for a choice, because methods differ by factors of ten."""

BUSY = 0.8
"""CPU-seconds per second below which the machine was too busy for good timings."""


@dataclass(frozen=True)
class Timing:
    """The timed step of a method.

    Attributes:
        method: its name.
        seconds: wall-clock seconds of a step with the whole batch; None if it was left out.
        timed_seconds: of a step with `examples` examples.
        examples: of the timed batch; if it is smaller than requested, `seconds` is scaled by the cost model.
        steps: number of timed steps, after one for warmup.
        cpu_share: CPU-seconds per second meanwhile; if well below 1, the steps had to wait for other work.
        left_out: the reason, if it was not timed.
    """

    method: str
    seconds: float | None = None
    timed_seconds: float | None = None
    examples: int = 0
    steps: int = 0
    cpu_share: float | None = None
    left_out: str | None = None


@dataclass(frozen=True)
class Measurement:
    """Timed steps compared with predicted ones.

    Attributes:
        timings: of all methods, including those left out.
        machine: constants fitted to the timings.
        slowness: seconds of this machine divided by those of the development machine, the geometric mean over the
            timed steps; it does not affect the choice.
        predicted_over_timed: by method, without this common factor.
    """

    timings: tuple[Timing, ...]
    machine: Machine
    slowness: float
    predicted_over_timed: dict[str, float]

    @classmethod
    def of(cls, timings: Sequence[Timing], costs: Sequence[MethodCost], before: Machine, *, name: str) -> Measurement:
        """Return the measurement for timings and the costs that `before` predicted."""
        by_name = {cost.method: cost for cost in costs}
        seconds = {timing.method: timing.seconds for timing in timings if timing.seconds is not None}
        logs = {method: math.log(timed / by_name[method].predicted_step_seconds) for method, timed in seconds.items()}
        common = sum(logs.values()) / len(logs) if logs else 0.0
        observed = [(by_name[method].work.train, timed) for method, timed in seconds.items()]
        return cls(
            tuple(timings),
            before.fitted(observed, name=name) if observed else before,
            math.exp(common),
            {method: math.exp(common - log) for method, log in logs.items()},
        )

    @property
    def factors_off(self) -> list[float]:
        """Prediction errors as factors, each at least 1, ascending."""
        return sorted(max(ratio, 1 / ratio) for ratio in self.predicted_over_timed.values())

    @property
    def num_near(self) -> int:
        """The number of predictions within `NEAR`."""
        return sum(factor <= NEAR for factor in self.factors_off)

    def verdict(self) -> str:
        """Return a summary as text."""
        off = self.factors_off
        if not off:
            return "No step was timed."
        pace = (
            f"This machine took {self.slowness:.1f} times as long as the development machine"
            if self.slowness >= 1
            else f"This machine was {1 / self.slowness:.1f} times as fast as the development machine"
        )
        shares = [timing.cpu_share for timing in self.timings if timing.cpu_share is not None]
        waited = (
            f" Other work used the processor {1 - median(shares):.0%} of the time, so timings are too long and vary."
            if shares and median(shares) < BUSY
            else ""
        )
        return (
            f"{pace}. Without this factor, {self.num_near} of {len(off)} steps were predicted within a factor of "
            f"{NEAR:g}: half of them within {median(off):.2f}, all within {off[-1]:.2f}.{waited}"
        )
