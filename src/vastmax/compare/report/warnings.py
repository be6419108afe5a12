"""Reasons against trusting the figures of a race."""

from __future__ import annotations

import math

from vastmax.compare.report.comparison import Comparison
from vastmax.compare.report.wording import digits, listed, percent

STILL_FALLING_NATS = -math.log(0.95)
"""If nats fall by more than this in the last fifth of the time, the race was too short."""

LARGEST_ERROR = 0.02
"""Relative standard error of a perplexity above which the validation text is called small."""

NAMED = 4
"""Most methods named in a sentence; of others, it gives the number."""

MANY_UNKNOWN = 0.1
"""Share of unknown words in the validation text."""


def warnings_of(comparison: Comparison) -> tuple[str, ...]:
    """Return sentences, the most important first; none if the results can be trusted."""
    told = [
        *_unfinished(comparison),
        *_too_short(comparison),
        *_behind_unigrams(comparison),
        *_small_validation(comparison),
        *_unknown_words(comparison),
        *_not_comparable(comparison),
        *_failed(comparison),
    ]
    return tuple(told)


def _unfinished(comparison: Comparison) -> list[str]:
    methods = comparison.race.methods
    waiting = [method.method for method in methods if method.status in ("waiting", "running")]
    if not waiting:
        return []
    return [f"The race is not over: {len(waiting)} of {len(methods)} methods are still to come ({listed(waiting)})."]


def _too_short(comparison: Comparison) -> list[str]:
    falling = [
        (method.method, fall)
        for method in comparison.contenders
        if (fall := comparison.fall_at_the_end(method)) > STILL_FALLING_NATS
    ]
    if not falling:
        return []
    falling.sort(key=lambda pair: -pair[1])
    told = [f"{name} (by {percent(-math.expm1(-fall))})" for name, fall in falling[:NAMED]]
    names = listed([*told, f"{len(falling) - NAMED} more"] if len(falling) > NAMED else told)
    return [
        "The race may be too short to tell: in the last fifth of its training time perplexity still fell by more than "
        f"5 % for {names}. Slow methods gain most from more time."
    ]


def _behind_unigrams(comparison: Comparison) -> list[str]:
    behind = [method.method for method in comparison.contenders if not comparison.beats_unigrams(method)]
    if not behind:
        return []
    level = digits(comparison.race.text["unigram_perplexity"])
    return [f"The frequencies of the words alone predict better (perplexity {level}) than {listed(behind, 'or')} did."]


def _small_validation(comparison: Comparison) -> list[str]:
    error, words = comparison.relative_error, comparison.validation_words
    if not comparison.contenders or error <= LARGEST_ERROR:
        return []
    return [
        f"The validation text is small ({words:,} words): a perplexity is known to about ±{percent(error)}; "
        "differences between methods, measured on the same words, to about "
        f"±{percent(math.expm1(comparison.tie_nats / 2))}."
    ]


def _unknown_words(comparison: Comparison) -> list[str]:
    share = comparison.race.text.get("unknown_share") or 0.0
    if share <= MANY_UNKNOWN:
        return []
    return [
        f"{percent(share)} of the validation words are unknown, and all are predicted as one word: perplexities are "
        "lower than with a larger vocabulary."
    ]


def _not_comparable(comparison: Comparison) -> list[str]:
    told = []
    other = [method.method for method in comparison.race.finished if not method.normalised]
    if other:
        told.append(
            f"Probabilities of {listed(other)} do not sum to 1 over the vocabulary: the perplexity is only a bound "
            "there, and takes no part in the choice."
        )
    infinite = [
        method.method
        for method in comparison.race.finished
        if method.normalised and (method.nats is None or not math.isfinite(method.nats))
    ]
    if infinite:
        told.append(f"No perplexity that is a number came of {listed(infinite)}.")
    return told


def _failed(comparison: Comparison) -> list[str]:
    failed = [method for method in comparison.race.methods if method.status == "failed"]
    if not failed:
        return []
    return [f"{listed([method.method for method in failed])} failed and took no part: see what went wrong below."]
