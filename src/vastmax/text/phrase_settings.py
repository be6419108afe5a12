"""How phrases are found, checked once, and the scores that pairs of words get."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.errors import InputError

DEFAULT_THRESHOLDS = {"counts": 100.0, "gensim": 10.0, "npmi": 0.5}
"""By scoring; also the list of scorings. 100 is the default of word2vec's phrase program, 10 that of gensim."""

FALL = {"counts": 0.5, "gensim": 0.5, "npmi": 1.0}
"""By which factor a threshold that was given as one number falls from pass to pass. word2vec's own script halves it.
NPMI is on a scale of its own, −1 to 1, on which half is no small step: it stays unless several numbers are given."""

MOST_PASSES = 20
LEAST_MEMORY_BYTES = 4096

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhraseSettings:
    """What `find_phrases` is told, with nothing left open."""

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
        raise InputError(f"scoring is {scoring!r}; expected {' or '.join(map(repr, DEFAULT_THRESHOLDS))}")
    if isinstance(passes, bool) or not isinstance(passes, int) or not 1 <= passes <= MOST_PASSES:
        raise InputError(f"passes is {passes!r}; expected a whole number from 1 to {MOST_PASSES}")
    if isinstance(min_count, bool) or not isinstance(min_count, int) or min_count < 1:
        raise InputError(f"min_count is {min_count!r}; expected a whole number of at least 1")
    if discount is not None and scoring == "npmi":
        raise InputError(f"discount is {discount!r}, but NPMI has none: leave it out, or choose another scoring")
    if discount is not None and not (_is_number(discount) and 0 <= discount < math.inf):
        raise InputError(f"discount is {discount!r}; expected a number of at least 0")
    if not isinstance(delimiter, str) or not delimiter or any(map(str.isspace, delimiter)):
        raise InputError(f"delimiter is {delimiter!r}; expected characters without white space, such as '_'")
    if isinstance(connectors, str) or not all(isinstance(word, str) and word for word in connectors):
        raise InputError(f"connectors is {connectors!r}; expected a list of words, such as ['of', 'the']")
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
        thresholds = [float(threshold) * FALL[scoring] ** i for i in range(passes)]
    elif isinstance(threshold, Iterable) and not isinstance(threshold, str):
        thresholds = list(threshold)
        if len(thresholds) != passes:
            raise InputError(f"{len(thresholds)} thresholds for {passes} passes: give one for each, or one in all")
    else:
        raise InputError(f"threshold is {threshold!r}; expected a number, or one for each pass")
    for value in thresholds:
        if scoring == "npmi" and not (_is_number(value) and -1 <= value <= 1):
            raise InputError(f"threshold is {value!r}; NPMI runs from -1 to 1, so expected a number between")
        if scoring != "npmi" and not (_is_number(value) and 0 < value < math.inf):
            raise InputError(f"threshold is {value!r}; expected a number above 0")
    return tuple(map(float, thresholds))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def pair_scores(
    settings: PhraseSettings,
    pairs: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    *,
    num_tokens: int,
    num_distinct: int,
) -> Floats:
    """The score of each pair; see `find_phrases`. The operations stand in gensim's order, so that they round alike.

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
