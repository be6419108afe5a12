"""The result of timing the steps: how fast this machine is, and how well the model of costs had estimated it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from vastmax.compare.advice.machine import Machine
from vastmax.methods.case import MethodCost

NEAR = 1.5
"""A prediction within this factor is near enough to choose by: the methods lie factors of ten apart."""

BUSY = 0.8
"""CPU-seconds a second below which the machine was too busy to time anything well."""


@dataclass(frozen=True)
class Timing:
    """One method's step as it was timed.

    Attributes:
        method: its name.
        seconds: wall-clock seconds of a step with the whole batch; None where it was left out.
        timed_seconds: of a step with `examples` examples.
        examples: of the batch that was timed; where it is smaller than asked for, `seconds` is scaled up as the model
            of the costs has it.
        steps: timed, beside one that warmed up.
        cpu_share: CPU-seconds a second meanwhile; well below 1, other work kept the steps waiting.
        left_out: why, in words; None where it was timed.
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
    """Timed steps beside predicted ones.

    Attributes:
        timings: of all methods, the ones left out among them.
        machine: constants fitted to the timings.
        slowness: this machine's seconds over those of the development machine, by the timed steps together
            (geometric mean): what the choice does not depend on.
        predicted_over_timed: by method, that common factor taken out.
    """

    timings: tuple[Timing, ...]
    machine: Machine
    slowness: float
    predicted_over_timed: dict[str, float]

    @classmethod
    def of(cls, timings: Sequence[Timing], costs: Sequence[MethodCost], before: Machine, *, name: str) -> Measurement:
        """From the timings, and the costs as they were predicted by `before`."""
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
        """At least 1, ascending."""
        return sorted(max(ratio, 1 / ratio) for ratio in self.predicted_over_timed.values())

    @property
    def num_near(self) -> int:
        """Predictions within `NEAR`."""
        return sum(factor <= NEAR for factor in self.factors_off)

    def verdict(self) -> str:
        """In words."""
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
            f" Other work had the processor {1 - median(shares):.0%} of the time: the timings are too long, and uneven."
            if shares and median(shares) < BUSY
            else ""
        )
        return (
            f"{pace}. With that taken out, {self.num_near} of {len(off)} steps were predicted within a factor of "
            f"{NEAR:g}: half of them within {median(off):.2f}, all within {off[-1]:.2f}.{waited}"
        )
