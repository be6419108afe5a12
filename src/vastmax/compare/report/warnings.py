"""What speaks against trusting the figures of a race."""

from __future__ import annotations

import math

from vastmax.compare.report.standing import Standing
from vastmax.compare.report.wording import digits, listed, percent

STILL_FALLING_NATS = math.log(1.05)
"""In the last fifth of the time: a race that ended there ended too early to tell."""

LARGEST_ERROR = 0.02
"""Standard error of a perplexity, as a share of it, above which the validation text is called too small."""

NAMED = 4
"""Methods in a sentence; of further ones it gives the number."""

MANY_UNKNOWN = 0.1
"""Share of unknown words in the validation text."""


def warnings_of(standing: Standing) -> tuple[str, ...]:
    """Sentences, the weightiest first; none for a race that can be trusted as it stands."""
    told = [
        *_unfinished(standing),
        *_too_short(standing),
        *_behind_unigrams(standing),
        *_small_validation(standing),
        *_unknown_words(standing),
        *_not_comparable(standing),
        *_failed(standing),
    ]
    return tuple(told)


def _unfinished(standing: Standing) -> list[str]:
    methods = standing.race.methods
    waiting = [method.method for method in methods if method.status in ("waiting", "running")]
    if not waiting:
        return []
    return [f"The race is not over: {len(waiting)} of {len(methods)} methods are still to come ({listed(waiting)})."]


def _too_short(standing: Standing) -> list[str]:
    falling = [
        (method.method, fall)
        for method in standing.contenders
        if (fall := standing.fall_at_the_end(method)) > STILL_FALLING_NATS
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


def _behind_unigrams(standing: Standing) -> list[str]:
    behind = [method.method for method in standing.contenders if not standing.beats_unigrams(method)]
    if not behind:
        return []
    level = digits(standing.race.text["unigram_perplexity"])
    return [f"The frequencies of the words alone predict better (perplexity {level}) than {listed(behind, 'or')} did."]


def _small_validation(standing: Standing) -> list[str]:
    error, words = standing.relative_error, standing.validation_words
    if not standing.contenders or error <= LARGEST_ERROR:
        return []
    return [
        f"The validation text is small ({words:,} words): a perplexity is known to about ±{percent(error)}; differences "
        f"between methods, measured on the same words, to about ±{percent(math.expm1(standing.tie_nats / 2))}."
    ]


def _unknown_words(standing: Standing) -> list[str]:
    share = standing.race.text.get("unknown_share") or 0.0
    if share <= MANY_UNKNOWN:
        return []
    return [
        f"{percent(share)} of the validation words are unknown, and all are predicted as one word: perplexities are lower "
        "than with a larger vocabulary."
    ]


def _not_comparable(standing: Standing) -> list[str]:
    told = []
    other = [method.method for method in standing.race.finished if not method.normalised]
    if other:
        told.append(
            f"Probabilities of {listed(other)} do not sum to 1 over the vocabulary: those perplexities are no match for "
            "the others and take no part in the choice."
        )
    infinite = [
        method.method
        for method in standing.race.finished
        if method.normalised and (method.nats is None or not math.isfinite(method.nats))
    ]
    if infinite:
        told.append(f"No perplexity that is a number came of {listed(infinite)}.")
    return told


def _failed(standing: Standing) -> list[str]:
    failed = [method for method in standing.race.methods if method.status == "failed"]
    if not failed:
        return []
    return [f"{listed([method.method for method in failed])} failed and took no part: see what went wrong below."]
