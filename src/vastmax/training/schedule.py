"""Learning rates over the course of training."""

from __future__ import annotations


def linear(begin: float, end: float, done: float) -> float:
    """Return the value on the straight line from `begin` to `end` where this share of the training is over."""
    return begin + (end - begin) * done


def warmup(step: int, steps: int) -> float:
    """Return the share of the rate at a step (from 0) while it rises over the first `steps`; 1 afterwards."""
    return min(1.0, (step + 1) / steps) if steps else 1.0
