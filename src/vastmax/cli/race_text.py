"""The output of `vastmax compare`: a table of measurements, then the recommendation."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from vastmax.cli.output import print_heading, print_json, print_table, print_text
from vastmax.compare.report import Recommendation, recommend
from vastmax.compare.report.wording import NOTHING
from vastmax.compare.results import MethodResult, Race
from vastmax.methods.case import YARDSTICK
from vastmax.progress import describe_seconds


def print_race(race: Race, page: Path | None, *, as_json: bool) -> None:
    """Print a race; `page` is the report in HTML, None if it could not be written."""
    recommendation = recommend(race)
    if as_json:
        shown = None if page is None else str(page)
        print_json({**race.to_json(), "recommendation": asdict(recommendation), "page": shown})
        return
    _print_methods(race)
    _print_recommendation(recommendation)
    if page is not None:
        print_heading(f"Report: {page}")


def _print_methods(race: Race) -> None:
    baseline = next((method for method in race.finished if method.method == YARDSTICK), None)
    goal = _goal(race)
    time_to = "time to it" if goal is None else f"time to {goal:,.0f}"
    # Parameters, memory and others are in the report; a terminal may have 80 columns.
    columns = ["method", "perplexity", "words/s", "gain", time_to, "scored/s"]
    print_table("the race", columns, [_row(method, baseline, goal) for method in race.methods], key="method")


def _goal(race: Race) -> float | None:
    """Return the perplexity for which times are shown: that of the baseline, or else the one that all reached."""
    ends = {method.method: method.curve[-1].perplexity for method in race.finished}
    return ends.get(YARDSTICK, max(ends.values(), default=None))


def _row(method: MethodResult, baseline: MethodResult | None, goal: float | None) -> list[str]:
    if method.status != "finished":
        return [method.method, method.status, "", "", "", ""]
    speed, base = method.training_words_per_second, baseline and baseline.training_words_per_second
    seconds = None if goal is None else method.seconds_to(goal)
    exact = method.evaluation_words_per_second
    return [
        method.method,
        f"{method.perplexity:,.1f}" + ("" if method.normalised else " (a bound)"),
        f"{speed:,.0f}" if speed else NOTHING,
        f"{speed / base:.1f}×" if speed and base else NOTHING,
        NOTHING if seconds is None else describe_seconds(seconds),
        f"{exact:,.0f}" if exact else NOTHING,
    ]


def _print_recommendation(recommendation: Recommendation) -> None:
    print_heading(recommendation.headline)
    print_text(recommendation.text)
    for reason in recommendation.reasons:
        print_text(reason, bullet="- ")
    if recommendation.alternatives:
        print_heading("If this matters most")
        for choice in recommendation.alternatives:
            print_text(f"{choice.purpose}: {choice.method or 'none'}, {choice.why}", bullet="- ")
    if recommendation.warnings:
        print_heading("Reasons for caution")
        for warning in recommendation.warnings:
            print_text(warning, bullet="- ")
