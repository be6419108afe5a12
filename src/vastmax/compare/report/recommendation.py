"""The recommended method, with reasons and doubts, by rules over the figures of a race."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vastmax.compare.report.comparison import Comparison
from vastmax.compare.report.warnings import warnings_of
from vastmax.compare.report.wording import band_name, digits, listed, percent, ratio, seconds
from vastmax.compare.results import Band, MethodResult, Race
from vastmax.distribution.entropy import perplexity_from_nats
from vastmax.methods import RECIPES, Published

SMALL_VOCABULARY = 5_000
"""In smaller vocabularies, the products of the softmax are not what dominates the cost."""
SMALL_VOCABULARY_GAIN = 1.10
"""The ratio by which another method's perplexity must be lower to be worthwhile there."""

DRIFT_ACCEPTED = 0.7
"""Largest mean |log Z| with which raw scores may replace log p: Devlin et al. 2014 decoded with 0.68."""

ALIKE_IN_SIZE = 1.05
"""Numbers of parameters within this ratio are considered equal."""

RARE_WORDS_PRICE = 1.10
"""The ratio of perplexities on rare words to the softmax's above which it is mentioned."""
_BAND_WORDS = 200  # bands with fewer words of the validation text are ignored


@dataclass(frozen=True)
class Choice:
    """The recommended method for one purpose.

    Attributes:
        purpose: what matters most.
        method: None if no method of the race is suitable.
        why: one sentence.
    """

    purpose: str
    method: str | None
    why: str


@dataclass(frozen=True)
class Recommendation:
    """The recommended method, and how far to trust the recommendation.

    Attributes:
        method: None if there is none.
        headline: a few words.
        text: a sentence or two that explain the headline.
        reasons: sentences, the most important first, including disadvantages.
        alternatives: by purpose.
        warnings: reasons for caution.
    """

    method: str | None
    headline: str
    text: str
    reasons: tuple[str, ...]
    alternatives: tuple[Choice, ...]
    warnings: tuple[str, ...]


def recommend(race: Race) -> Recommendation:
    """Recommend a method by these rules.

    1. Only methods that finished, whose probabilities sum to 1 and whose perplexity is a number are compared, each
       after the training time that all of them had (`Comparison.equal_seconds`).
    2. Perplexities within 2 %, or within twice the standard error of a difference if that is more, are tied; of tied
       methods the one with the lowest `Method.complexity` wins.
    3. With fewer than `SMALL_VOCABULARY` words the softmax wins, unless another's perplexity is lower by more than
       10 %.
    4. By purpose, the lowest perplexity (ties as above) of all, and of those that the literature calls cheaper to
       - score a given word with: of methods with a flat layer those whose raw score may stand for log p, mean
         |log Z| being at most `DRIFT_ACCEPTED`; of the others those that evaluated words faster than the softmax did;
       - find the best word with, a tree's search included.
       And the one with the fewest parameters, of those that beat the unigrams; within 5 % the lower perplexity.
    5. Reasons for caution are the `warnings_of` the race.

    Args:
        race: finished or not.

    Returns:
        The recommendation; its `method` is None if nothing can be compared yet.
    """
    comparison = Comparison.of(race)
    warnings = warnings_of(comparison)
    if not comparison.contenders:
        return Recommendation(None, "No recommendation", _nobody(race), (), (), warnings)
    fastest_learner = _best(comparison, comparison.contenders)
    chosen, why = fastest_learner, _why_best(comparison, fastest_learner)
    small = int(race.text.get("vocabulary_size") or SMALL_VOCABULARY) < SMALL_VOCABULARY
    softmax = comparison.yardstick
    if small and softmax is not None and softmax is not fastest_learner:
        lead = comparison.nats(softmax) - comparison.nats(fastest_learner)
        if lead <= math.log(SMALL_VOCABULARY_GAIN):
            chosen = softmax
            why = (
                f"With {race.text['vocabulary_size']:,} words the softmax is cheap, and {fastest_learner.method}, the "
                f"best of the others, is only {percent(math.expm1(lead))} better."
            )
    reasons = [why, *_speed(comparison, chosen), *_prices(comparison, chosen)]
    return Recommendation(
        chosen.method,
        f"Recommended: {chosen.method}",
        _text(comparison, chosen),
        tuple(reasons),
        _choices(comparison),
        warnings,
    )


def _nobody(race: Race) -> str:
    if not race.methods:
        return "The race had no methods."
    if all(method.status == "failed" for method in race.methods):
        return "Every method failed, so there is nothing to recommend; see below why."
    if race.finished:
        return "No method that finished has a perplexity that can be compared."
    return "No method has finished yet."


def _text(comparison: Comparison, chosen: MethodResult) -> str:
    perplexity, time = digits(comparison.perplexity(chosen)), seconds(comparison.equal_seconds)
    text = f"It reached perplexity {perplexity} in {time} of training"
    softmax = comparison.yardstick
    if softmax is None or len(comparison.contenders) == 1:
        return f"{text}."
    if chosen is softmax:
        return f"{text}, and no other method was clearly better."
    against = digits(comparison.perplexity(softmax))
    if abs(comparison.nats(softmax) - comparison.nats(chosen)) <= comparison.tie_nats:
        return f"{text}, as good as the {against} of the plain softmax in the same time."
    return f"{text}, the plain softmax to {against} in the same time."


def _best(comparison: Comparison, among: Sequence[MethodResult]) -> MethodResult:
    """Return the simplest of the methods that are tied with the lowest perplexity in equal time."""
    lowest = min(comparison.nats(method) for method in among)
    tied = [method for method in among if comparison.nats(method) <= lowest + comparison.tie_nats]
    return min(tied, key=lambda method: (_rank(method), comparison.nats(method)))


_MOST_COMPLEX = 1_000


def _published(method: MethodResult) -> Published:
    """Return published results; none for unknown methods."""
    return RECIPES[method.method].published if method.method in RECIPES else Published()


def _rank(method: MethodResult) -> int:
    """Return the complexity: exact methods come first, then those with less to tune; unknown methods come last."""
    known = RECIPES.get(method.method)
    return _MOST_COMPLEX if known is None else known.complexity


def _why_best(comparison: Comparison, best: MethodResult) -> str:
    others = sorted((method for method in comparison.contenders if method is not best), key=comparison.nats)
    if not others:
        return "No other method finished, so there is no comparison."
    tied = [method for method in others if abs(comparison.nats(method) - comparison.nats(best)) <= comparison.tie_nats]
    if tied:
        names = listed([f"{method.method} ({digits(comparison.perplexity(method))})" for method in tied])
        return (
            f"No method was better in equal time ({digits(comparison.perplexity(best))}) by more than chance explains: "
            f"{names} {'is' if len(tied) == 1 else 'are'} within "
            f"{percent(math.expm1(comparison.tie_nats))}; it is exact while others are not, or has less to tune."
        )
    return (
        f"It was the best in equal time: perplexity {digits(comparison.perplexity(best))}; the next best is "
        f"{others[0].method} with {digits(comparison.perplexity(others[0]))}."
    )


def _speed(comparison: Comparison, chosen: MethodResult) -> list[str]:
    softmax, speed_up = comparison.yardstick, comparison.speed_up(chosen)
    if softmax is None or chosen is softmax or speed_up is None:
        return []
    told = [
        f"It read {digits(chosen.training_words_per_second or 0)} words/s in training, {ratio(speed_up)} the softmax's."
    ]
    goal = softmax.curve[-1].perplexity if softmax.curve else None
    needed = None if goal is None else chosen.seconds_to(goal)
    if needed is not None and goal is not None and 0 < needed < 0.9 * softmax.training_seconds:
        told.append(
            f"The perplexity that the softmax ended with ({digits(goal)}) it reached after {seconds(needed)}, "
            f"{digits(softmax.training_seconds / needed)} times sooner."
        )
    return told


def _prices(comparison: Comparison, chosen: MethodResult) -> list[str]:
    """Return the disadvantages of the method."""
    told = []
    softmax, published = comparison.yardstick, _published(chosen)
    if published.cheaper_scoring == "no" and chosen is not softmax:
        told.append("It is cheaper in training only; at test time it costs as much as the softmax.")
    if published.cheaper_search == "with search":
        told.append("The most probable word is found fast by searching its tree, not by scoring all words.")
    if softmax is None or chosen is softmax:
        return told
    if chosen.parameters and softmax.parameters and not 0.95 < chosen.parameters / softmax.parameters < 1.05:
        told.append(f"It has {percent(chosen.parameters / softmax.parameters)} of the softmax's parameters.")
    rare = _rarest(chosen, softmax)
    if rare is not None:
        (first_rank, next_rank), times = rare
        if times > RARE_WORDS_PRICE:
            told.append(
                f"Rare words are worse: on those of ranks {band_name(first_rank, next_rank)} its perplexity is "
                f"{ratio(times)} the softmax's."
            )
    return told


def _rarest(method: MethodResult, softmax: MethodResult) -> tuple[tuple[int, int | None], float] | None:
    """Return the rarest band with enough words of both, and the ratio of their perplexities there."""
    of_softmax: dict[int, Band] = {band.first_rank: band for band in softmax.bands}
    edges = [band.first_rank for band in method.bands]
    for band in reversed(method.bands):
        other = of_softmax.get(band.first_rank)
        if other is not None and min(band.words, other.words) >= _BAND_WORDS:
            place = edges.index(band.first_rank)
            ends = edges[place + 1] if place + 1 < len(edges) else None
            return (band.first_rank, ends), perplexity_from_nats(band.nats - other.nats)
    return None


def _choices(comparison: Comparison) -> tuple[Choice, ...]:
    best = _best(comparison, comparison.contenders)
    choices = [Choice("the lowest perplexity in equal training time", best.method, _said(comparison, best))]
    times = [method.training_seconds for method in comparison.contenders]
    if max(times) > 1.1 * min(times):  # a race by epochs
        last = min(comparison.contenders, key=lambda method: (method.nats or 0.0, _rank(method)))
        choices.append(
            Choice(
                "the lowest perplexity in the end, however long it takes",
                last.method,
                f"perplexity {digits(last.perplexity or 0)} after {seconds(last.training_seconds)}",
            )
        )
    choices.append(_of_those(comparison, "cheap probabilities of given words", _scores_cheaply))
    choices.append(_of_those(comparison, "a cheap search for the most probable word", _searches_cheaply))
    choices.append(_smallest(comparison))
    return tuple(choices)


def _of_those(comparison: Comparison, purpose: str, fits: Callable[[Comparison, MethodResult], bool]) -> Choice:
    fitting = [method for method in comparison.contenders if fits(comparison, method)]
    if not fitting:
        return Choice(purpose, None, "no finished method of this race")
    best = _best(comparison, fitting)
    return Choice(purpose, best.method, _said(comparison, best))


def _scores_cheaply(comparison: Comparison, method: MethodResult) -> bool:
    published = _published(method)
    if published.cheaper_scoring not in ("yes", "if Z ≈ 1"):
        return False
    if RECIPES[method.method].self_normalising:
        return method.diagnostics.get("log_normaliser_mean_abs", math.inf) <= DRIFT_ACCEPTED
    faster = comparison.evaluation_speed_up(method)
    return faster is None or faster > 1


def _searches_cheaply(comparison: Comparison, method: MethodResult) -> bool:
    published = _published(method)
    return published.cheaper_search in ("yes", "with search")


def _smallest(comparison: Comparison) -> Choice:
    purpose = "the fewest parameters"
    sized = [method for method in comparison.contenders if method.parameters and comparison.beats_unigrams(method)]
    if not sized:
        return Choice(purpose, None, "no method that beats the unigrams")
    fewest = min(method.parameters for method in sized)
    alike = [method for method in sized if method.parameters <= ALIKE_IN_SIZE * fewest]
    best = _best(comparison, alike)
    return Choice(purpose, best.method, f"{digits(best.parameters)} parameters; {_said(comparison, best)}")


def _said(comparison: Comparison, method: MethodResult) -> str:
    return f"perplexity {digits(comparison.perplexity(method))} after {seconds(comparison.equal_seconds)}"
