"""What each method is expected to cost in one setting: seconds, memory, and how that compares with the softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vastmax.compare.advice.machine import Machine
from vastmax.compare.advice.work import METHOD_WORK, MethodWork, Setting
from vastmax.compare.literature import YARDSTICK


@dataclass(frozen=True)
class MethodCost:
    """One method in one setting. Seconds are wall-clock, of the output layer alone.

    Attributes:
        method: its name in `RECIPES`.
        step_seconds: of a training step over the batch: forward, backward, optimiser; timed where that was asked for.
        predicted_step_seconds: by the constants of the development machine.
        score_seconds: to score one given word, in a batch.
        best_seconds: to find the best word of one example, in a batch, exactly.
        gain: the softmax's step_seconds over these.
        parameters: numbers in the output layer.
        training_bytes: of parameters, optimiser state and gradient together, in float32.
        scores_unnormalised: the score costs so little because it is the raw one, which training brings near log p.
        best_of_unigrams: best_seconds is of a model as sure as the unigrams; a surer one's search is shorter.
        work: what the times are made of.
        timed: whether step_seconds was.
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


def predicted_costs(
    setting: Setting, machine: Machine, methods: Sequence[str] = tuple(METHOD_WORK)
) -> list[MethodCost]:
    """By the constants of `machine`."""
    yardstick = machine.seconds(METHOD_WORK[YARDSTICK](setting).train)
    found = []
    for name in methods:
        work = METHOD_WORK[name](setting)
        step = machine.seconds(work.train)
        found.append(
            MethodCost(
                name,
                step,
                step,
                machine.seconds(work.score) / setting.batch_size,
                machine.seconds(work.best) / setting.batch_size,
                yardstick / step,
                round(work.parameters),
                round(work.training_bytes),
                work.scores_unnormalised,
                work.best_of_unigrams,
                work,
            )
        )
    return found


def with_timings(
    costs: Sequence[MethodCost], step_seconds: Mapping[str, float], machine: Machine, batch_size: int
) -> list[MethodCost]:
    """The same with steps that were timed, and all else by `machine`, whose constants were fitted to them."""
    steps = {cost.method: step_seconds.get(cost.method, machine.seconds(cost.work.train)) for cost in costs}
    return [
        replace(
            cost,
            step_seconds=steps[cost.method],
            timed=cost.method in step_seconds,
            gain=steps[YARDSTICK] / steps[cost.method],
            score_seconds=machine.seconds(cost.work.score) / batch_size,
            best_seconds=machine.seconds(cost.work.best) / batch_size,
        )
        for cost in costs
    ]


def describe_bytes(number: float) -> str:
    """`74 MB`, `1.2 GB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            value = number / size
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
    return f"{number:.0f} B"
