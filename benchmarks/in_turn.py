"""Time steps alternately in one process, check claims about their ratios, and measure the peak memory of a step."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

THREADS = 2

ENVIRONMENT = {"OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS), "OMP_WAIT_POLICY": "PASSIVE"}
"""Waiting threads sleep: otherwise they spin, and CPU-seconds include the waiting for other work on the machine."""

Run = Callable[[int], tuple[float, float]]
"""Runs a step so many times; returns the CPU-seconds and wall-clock seconds of all of them together."""


def local(step: Callable[[], object]) -> Run:
    """Return a step of this process as something to be timed."""

    def run(times: int) -> tuple[float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(times):
            step()
        return time.process_time() - cpu, time.perf_counter() - wall

    return run


@dataclass
class Timing:
    """Seconds of one step, a number a round."""

    cpu_seconds: list[float] = field(default_factory=list)
    wall_seconds: list[float] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        return {"cpu_seconds": spread(self.cpu_seconds), "wall_seconds": spread(self.wall_seconds)}


def time_in_turn(
    cases: Mapping[str, Run], *, rounds: int, seconds_a_round: float = 0.25
) -> tuple[dict[str, Timing], list[float]]:
    """Time all cases in rounds of about `seconds_a_round` per case, alternately; also return the load average by round.

    The first round is thrown away: it warms up, and says how many steps fill the time.
    """
    steps = {}
    for name, run in cases.items():
        run(1)
        _, wall = run(1)
        steps[name] = max(1, int(seconds_a_round / max(wall, 1e-6)))
    timings = {name: Timing() for name in cases}
    loads = []
    for _ in range(rounds):
        for name, run in cases.items():
            cpu, wall = run(steps[name])
            timings[name].cpu_seconds.append(cpu / steps[name])
            timings[name].wall_seconds.append(wall / steps[name])
        loads.append(os.getloadavg()[0])
    return timings, loads


def spread(values: list[float]) -> dict[str, Any]:
    """Median, quartiles and all values."""
    low, median, high = quartiles(values)
    return {"median": median, "quartiles": [low, high], "rounds": values}


def quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


@dataclass(frozen=True)
class Claim:
    """A ratio that is promised: `numerator / denominator`, at most or at least `bound`."""

    text: str
    numerator: str
    denominator: str
    bound: float
    at_least: bool = False
    scale: float = 1.0
    """Multiplies the ratio, for steps of different size (path nodes)."""

    def judge(self, measured: Mapping[str, list[float]]) -> dict[str, Any]:
        """Ratios round by round, their median and quartiles, and whether the median keeps the promise."""
        pairs = zip(measured[self.numerator], measured[self.denominator], strict=True)
        ratio = spread([self.scale * a / b for a, b in pairs])
        met = ratio["median"] >= self.bound if self.at_least else ratio["median"] <= self.bound
        return {
            "claim": self.text,
            "target": f"{'>=' if self.at_least else '<='} {self.bound:g}",
            "ratio": ratio,
            "met": bool(met),
        }


def peak_bytes_of(step: Callable[[], object]) -> int:
    """Return the most resident memory above what was resident before, while `step` runs.

    Linux: the high-water mark of the resident set is reset first (/proc/self/clear_refs), so that imports and the
    making of the data do not count.
    """
    before = _status_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    step()
    return _status_bytes("VmHWM") - before


def _status_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")
