"""The search for learning rates, the same for every method: the next trial, and the best rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vastmax.compare.settings import RaceSettings
from vastmax.language_model.settings import LanguageModelSettings
from vastmax.language_model.train import TrainingFailedError

Rates = Mapping[str, float]
"""By the names of `LanguageModelSettings`."""

FACTOR = 3.0
"""The factor between adjacent rates; within about two of the best one, results hardly differ."""

_NEIGHBOURS = ((1, 0), (-1, 0), (0, 1), (0, -1))
"""Steps of (embedding_lr, dense_lr). Tables come first, because methods differ in rows of output layers."""


def start_rates(settings: RaceSettings) -> dict[str, float]:
    """Return the initial rates of the search."""
    return {"embedding_lr": settings.training.embedding_lr, "dense_lr": settings.training.dense_lr}


def next_rates(tried: Sequence[Mapping[str, Any]], start: Rates) -> dict[str, float] | None:
    """Return the next pair to try, adjacent to the best so far on a grid of factors of `FACTOR`; None: none is left.

    Args:
        tried: for each trial in order, its rates and "nats", None if it diverged.
        start: the first pair.

    Example:
        >>> start = {"embedding_lr": 0.1, "dense_lr": 0.01}
        >>> next_rates([], start)
        {'embedding_lr': 0.1, 'dense_lr': 0.01}
        >>> found = next_rates([{**start, "nats": 5.0}], start)
        >>> round(found["embedding_lr"], 6), found["dense_lr"]
        (0.3, 0.01)
    """
    if not tried:
        return dict(start)
    place = _place([trial["nats"] for trial in tried])
    if place is None:
        return None
    table, dense = place
    return {"embedding_lr": start["embedding_lr"] * FACTOR**table, "dense_lr": start["dense_lr"] * FACTOR**dense}


def best_rates(tried: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the rates with the lowest nats.

    Raises:
        TrainingFailedError: every trial diverged.
    """
    converged = [trial for trial in tried if trial["nats"] is not None]
    if not converged:
        raise TrainingFailedError(f"training diverged at all {len(tried)} rates; try lower ones")
    best = min(converged, key=lambda trial: float(trial["nats"]))
    return {name: best[name] for name in ("embedding_lr", "dense_lr")}


def _place(nats: Sequence[float | None]) -> tuple[int, int] | None:
    """Return the place of the next trial on the grid, by repeating the search from its start."""
    seen: dict[tuple[int, int], float] = {}
    place: tuple[int, int] | None = (0, 0)
    for found in nats:
        if place is None:
            return None
        seen[place] = math.inf if found is None else found
        place = _untried(seen)
    return place


def _untried(seen: Mapping[tuple[int, int], float]) -> tuple[int, int] | None:
    table, dense = min(seen, key=lambda place: seen[place])
    if math.isinf(seen[table, dense]):  # all diverged: lower both
        return -len(seen), -len(seen)
    neighbours = ((table + up, dense + along) for up, along in _NEIGHBOURS)
    return next((place for place in neighbours if place not in seen), None)


def trial_settings(settings: RaceSettings, rates: Rates, num_words: int) -> tuple[LanguageModelSettings, int]:
    """Return the settings of a trial and its number of words of text: a small race, including warmup.

    It trains for a share of the minutes or epochs; less than one epoch is a part of the text.
    """
    training, share = settings.trained_with(rates), settings.trial_share
    warm = round(training.warmup_steps * share)
    if training.minutes is not None:
        return replace(training, minutes=training.minutes * share, warmup_steps=warm), num_words
    epochs = training.epochs * share
    whole = max(round(epochs), 1)
    return replace(training, epochs=whole, warmup_steps=warm), max(round(num_words * min(epochs / whole, 1.0)), 1)
