"""The expected cost of each method in one setting: seconds, memory, and the gain over the softmax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vastmax.compare.advice.machine import Machine
from vastmax.methods import RECIPES
from vastmax.methods.case import YARDSTICK, MethodCost
from vastmax.methods.work import Setting


def predicted_costs(setting: Setting, machine: Machine, methods: Sequence[str] | None = None) -> list[MethodCost]:
    """Return the costs of all or some methods by the constants of `machine`."""
    yardstick = machine.seconds(RECIPES[YARDSTICK].work(setting).train)
    found = []
    for name in RECIPES if methods is None else methods:
        work = RECIPES[name].work(setting)
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
    """Return the costs with timed steps, and others by `machine`, which was fitted to them."""
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
