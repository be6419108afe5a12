"""The speed of a machine: five constants, measured or fitted to timed steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from vastmax.methods.work import Work


@dataclass(frozen=True)
class Machine:
    """Seconds of wall-clock time for one unit of each kind of `Work`; the sum over the kinds is the time of a batch.

    Attributes:
        name: of the machine, with the number of threads.
        multiply_add: of a large product.
        cell: of a score through an exponential.
        scattered_byte: of a row at a random place.
        streamed_byte: in sequence.
        operation: of starting one.
    """

    name: str
    multiply_add: float
    cell: float
    scattered_byte: float
    streamed_byte: float
    operation: float

    def seconds(self, work: Work) -> float:
        """Return the seconds of a batch with this work."""
        return float(self.as_vector() @ work.as_vector())

    def constants(self) -> dict[str, float]:
        """Return the constants by name, in the order of the attributes of `Work`."""
        return {part.name: getattr(self, part.name) for part in fields(Machine) if part.name != "name"}

    def as_vector(self) -> np.ndarray:
        """Return the constants in that order."""
        return np.array(list(self.constants().values()))

    def fitted(self, observations: Sequence[tuple[Work, float]], *, name: str, firmness: float = 0.1) -> Machine:
        """Return the constants that predict observed (work, seconds) best, starting from these.

        They minimize Σ log²(predicted/observed) + firmness · Σ log²(new constant/old constant), so constants that the
        observations do not determine stay near their old values. Method: Gauss-Newton in the logarithms.
        """
        work = np.array([each.as_vector() for each, _ in observations])
        observed = np.log([seconds for _, seconds in observations])
        before = np.log(self.as_vector())
        logs = before.copy()
        for _ in range(30):
            parts = work * np.exp(logs)
            predicted = parts.sum(axis=1)
            slope = np.vstack([parts / predicted[:, None], np.sqrt(firmness) * np.eye(len(logs))])
            short = np.concatenate([observed - np.log(predicted), np.sqrt(firmness) * (before - logs)])
            change = np.linalg.lstsq(slope, short, rcond=None)[0]
            logs += np.clip(change, -1.0, 1.0)  # no more than a factor e at a time: far from the answer it overshoots
            if np.abs(change).max() < 1e-6:
                break
        return Machine(name, *(float(constant) for constant in np.exp(logs)))


DEVELOPMENT_MACHINE = Machine(
    name="one core of an AMD EPYC with AVX-512",
    multiply_add=2.07e-11,
    cell=7.62e-10,
    scattered_byte=1.31e-10,
    streamed_byte=6.46e-11,
    operation=1.41e-05,
)
"""Fitted by `benchmarks/advise.py` to steps of all methods in nine settings: see its record."""
