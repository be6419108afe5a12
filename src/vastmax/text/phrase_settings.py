"""Settings for finding phrases, checked once, and the scores of pairs of words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.arguments import MOST_PASSES, real, shown, whole
from vastmax.errors import InputError, argument

DEFAULT_THRESHOLDS = {"counts": 100.0, "gensim": 10.0, "npmi": 0.5}
"""By scoring; also the list of scorings. 100 is the default of word2vec's phrase program, 10 that of gensim."""

FALL = {"counts": 0.5, "gensim": 0.5, "npmi": 1.0}
"""By which factor a threshold that was given as one number falls from pass to pass. word2vec's own script halves it.
NPMI is on a scale of its own, −1 to 1, on which half is no small step: it stays unless several numbers are given."""

LEAST_MEMORY_BYTES = 4096

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhraseSettings:
    """The settings of `find_phrases`, with all defaults filled in."""

    scoring: str
    thresholds: tuple[float, ...]  # one a pass
    min_count: int
    discount: float
    delimiter: str
    connectors: tuple[str, ...]  # sorted


def checked_settings(
    *,
    passes: int,
    scoring: str,
    threshold: float | Sequence[float] | None,
    min_count: int,
    discount: float | None,
    delimiter: str,
    connectors: Iterable[str],
) -> PhraseSettings:
    """Fill in what depends on other settings; raise InputError on the first that cannot be used."""
    if scoring not in DEFAULT_THRESHOLDS:
        raise InputError(f"{argument('scoring')} is {scoring!r}; expected {' or '.join(map(repr, DEFAULT_THRESHOLDS))}")
    passes = whole("passes", passes, 1, MOST_PASSES)
    min_count = whole("min_count", min_count, 1, None)
    if discount is not None and scoring == "npmi":
        raise InputError(
            f"{argument('discount')} is {discount!r}, but NPMI has none: leave it out, or choose another "
            f"{argument('scoring')}"
        )
    if discount is not None:
        discount = real("discount", discount, 0.0, math.inf)
    if not isinstance(delimiter, str) or not delimiter or any(map(str.isspace, delimiter)):
        raise InputError(
            f"{argument('delimiter')} is {delimiter!r}; expected characters without white space, such as '_'"
        )
    if isinstance(connectors, str) or not all(isinstance(word, str) and word for word in connectors):
        raise InputError(f"{argument('connectors')} is {connectors!r}; expected a list of words, such as ['of', 'the']")
    return PhraseSettings(
        scoring=scoring,
        thresholds=_thresholds(threshold, scoring, passes),
        min_count=min_count,
        discount=float(min_count if discount is None else discount),
        delimiter=delimiter,
        connectors=tuple(sorted(set(connectors))),
    )


def _thresholds(threshold: float | Sequence[float] | None, scoring: str, passes: int) -> tuple[float, ...]:
    if threshold is None:
        threshold = DEFAULT_THRESHOLDS[scoring]
    if isinstance(threshold, Real):
        first = _threshold(threshold, scoring)
        thresholds: list[Any] = [first * FALL[scoring] ** i for i in range(passes)]
    elif isinstance(threshold, Iterable) and not isinstance(threshold, str):
        thresholds = list(threshold)
        if len(thresholds) != passes:
            raise InputError(f"{len(thresholds)} thresholds for {passes} passes: give one for each, or one in all")
    else:
        raise InputError(f"{argument('threshold')} is {shown(threshold)}; expected a number, or one for each pass")
    return tuple(_threshold(value, scoring) for value in thresholds)


def _threshold(value: Any, scoring: str) -> float:
    if scoring == "npmi":
        return real("threshold", value, -1.0, 1.0, why="the range of NPMI")
    return real("threshold", value, 0.0, math.inf, above=True)


def pair_scores(
    settings: PhraseSettings,
    pairs: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    *,
    num_tokens: int,
    num_distinct: int,
) -> Floats:
    """Return the score of each pair; see `find_phrases`. Operations are in gensim's order, so rounding is the same.

    Args:
        settings: the scoring, and the discount.
        pairs: how often the pairs occur.
        first, second: how often their words do.
        num_tokens: words in the text.
        num_distinct: distinct words and distinct pairs together, for "gensim".
    """
    if settings.scoring == "npmi":
        together = pairs / num_tokens
        scores: Floats = np.log(together / ((first / num_tokens) * (second / num_tokens))) / -np.log(together)
        return scores
    scale = num_distinct if settings.scoring == "gensim" else num_tokens
    scores = (pairs - settings.discount) / (first.astype(np.float64) * second) * scale
    return scores
