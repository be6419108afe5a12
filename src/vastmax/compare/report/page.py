"""The report as a page for a browser: one HTML file that holds words, tables and charts, and asks for nothing."""

from __future__ import annotations

import html
import math
import re
from pathlib import Path
from typing import Any

from vastmax.compare.report.comparison import Comparison
from vastmax.compare.report.families import INKS, OTHER, looks_of
from vastmax.compare.report.recommendation import Recommendation, recommend
from vastmax.compare.report.tables import (
    CAVEAT,
    CITATION,
    facts_list,
    literature_table,
    measured_table,
    times_table,
    trials_table,
)
from vastmax.compare.report.tree_picture import tree_picture
from vastmax.compare.report.wording import band_names, digits, listed, percent, ratio, seconds, size
from vastmax.compare.results import MethodResult, Race
from vastmax.distribution.entropy import perplexity_from_nats
from vastmax.html_page import filled, json_in_html, source

PACKAGE = "vastmax.compare.report"
PROGRAM = (
    "data.js",
    "numbers.js",
    "scales.js",
    "svg.js",
    "labels.js",
    "chart.js",
    "lines.js",
    "scatter.js",
    "legend.js",
    "tables.js",
    "main.js",
)
"""Parts of the program in the order in which they stand in the page; each uses those before it."""


def page(race: Race) -> str:
    """The whole page."""
    comparison, recommendation = Comparison.of(race), recommend(race)
    parts = {
        "title": html.escape(f"{recommendation.headline} · methods compared on {_sources(race)}"),
        "style": _colours() + source(PACKAGE, "page.css"),
        "overline": html.escape(_overline(race)),
        "headline": html.escape(recommendation.headline),
        "text": _prose(recommendation.text),
        "figures": _key_figures(comparison, recommendation),
        "reasons": _items(recommendation.reasons),
        "warnings": _warnings(recommendation),
        "choices": _choices(recommendation),
        "charts": _charts(comparison),
        "tree": _tree(race),
        "literature": _literature(comparison, recommendation),
        "measured": _measured(comparison, recommendation),
        "failures": _failures(race),
        "conditions": _conditions(race),
        "data": json_in_html(_data(comparison, recommendation)),
        "program": source(PACKAGE, *PROGRAM),
    }
    return filled(PACKAGE, "page.html", parts)


def _colours() -> str:
    """Of the families of methods, in both lights."""

    def rules(attribute: str) -> str:
        pairs = enumerate((*INKS, OTHER))
        return "\n".join(f".family-{place} {{ --colour: {getattr(ink, attribute)}; }}" for place, ink in pairs)

    dark = rules("dark")
    return f"{rules('light')}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _sources(race: Race) -> str:
    """The names of the files; where they lie is told at the end of the page."""
    sources = race.text.get("sources") or ()
    named = sources if isinstance(sources, list | tuple) else [sources]
    return listed([Path(str(source)).name or str(source) for source in named]) or "a text"


def _overline(race: Race) -> str:
    told = [f"{len(race.methods)} {'method' if len(race.methods) == 1 else 'methods'} compared on {_sources(race)}"]
    for name, unit in (("training_words", "words of training text"), ("vocabulary_size", "different")):
        if race.text.get(name):
            told.append(f"{digits(race.text[name])} {unit}")
    return " · ".join(told)


def _prose(text: str) -> str:
    """Escaped, and no number parted from its unit at the end of a line."""
    return re.sub(r"(\d) (?=%|(?:ms|s|min|h|[kMG]?B|million)\b)", "\\1\N{NO-BREAK SPACE}", html.escape(text))


def _items(texts: tuple[str, ...]) -> str:
    return "".join(f"<li>{_prose(text)}</li>" for text in texts)


def _key_figures(comparison: Comparison, recommendation: Recommendation) -> str:
    chosen = next((method for method in comparison.contenders if method.method == recommendation.method), None)
    if chosen is None:
        return ""
    speed, evaluation = comparison.speed_up(chosen), comparison.evaluation_speed_up(chosen)
    is_yardstick = chosen is comparison.yardstick
    rows = [
        ("perplexity", digits(comparison.perplexity(chosen)), f"after {seconds(comparison.equal_seconds)} of training")
    ]
    if chosen.training_words_per_second is not None:
        beside = "" if speed is None or is_yardstick else f"{ratio(speed)} the softmax's"
        rows.append(("training words/s", digits(chosen.training_words_per_second), beside))
    if chosen.evaluation_words_per_second is not None:
        beside = "" if evaluation is None or is_yardstick else f"{ratio(evaluation)} the softmax's, exactly"
        rows.append(("evaluation words/s", digits(chosen.evaluation_words_per_second), beside))
    if chosen.parameters:
        rows.append(
            ("parameters", digits(chosen.parameters), f"{digits(chosen.output_parameters)} in the output layer")
        )
    if chosen.peak_bytes is not None:
        rows.append(("peak memory", size(chosen.peak_bytes), ""))
    tiles = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(value)}<small>{html.escape(beside)}</small></dd></div>"
        for name, value, beside in rows
    )
    return f'<dl class="tiles">{tiles}</dl>'


def _section(name: str, title: str, content: str) -> str:
    return (
        f'<section class="{name}" aria-labelledby="{name}-title">'
        f'<h2 id="{name}-title">{html.escape(title)}</h2>{content}</section>'
    )


def _warnings(recommendation: Recommendation) -> str:
    if not recommendation.warnings:
        return ""
    return _section("warnings", "Before you trust this", f"<ul>{_items(recommendation.warnings)}</ul>")


def _choices(recommendation: Recommendation) -> str:
    if not recommendation.alternatives:
        return ""
    cards = "".join(
        f"<div><dt>{html.escape(choice.purpose)}</dt><dd><strong>{html.escape(choice.method or 'none')}</strong>"
        f"<span>{_prose(choice.why)}</span></dd></div>"
        for choice in recommendation.alternatives
    )
    return _section("choices", "If one thing matters most", f'<dl class="choices">{cards}</dl>')


def _charts(comparison: Comparison) -> str:
    """Places for the charts that there are figures for; the program draws them."""
    methods = [method for method in comparison.race.methods if method.curve or method.status == "finished"]
    if not methods:
        return ""
    kinds = ["learning"]
    if any(method.status == "finished" for method in methods):
        kinds.append("trade")
    if any(method.bands for method in methods):
        kinds.append("bands")
    parts = {name: source(PACKAGE, f"chart-{name}.html") for name in kinds}
    return filled(PACKAGE, "charts.html", {"charts": "\n".join(parts.values())})


def _tree(race: Race) -> str:
    if race.tree is None:
        return ""
    picture = tree_picture(race.tree, "The top of the tree of hierarchical softmax, the frequent words near its root")
    return filled(PACKAGE, "tree.html", {"picture": picture})


def _literature(comparison: Comparison, recommendation: Recommendation) -> str:
    if not comparison.race.methods:
        return ""
    table = literature_table(comparison, recommendation.method)
    parts = {"table": table, "citation": html.escape(CITATION), "caveat": html.escape(CAVEAT)}
    return filled(PACKAGE, "literature.html", parts)


def _measured(comparison: Comparison, recommendation: Recommendation) -> str:
    if not comparison.race.finished:
        return ""
    not_comparable = any(not method.normalised for method in comparison.race.finished)
    remark = "* A bound only: the probabilities do not sum to 1 over the vocabulary." if not_comparable else ""
    parts = {
        "table": measured_table(comparison, recommendation.method),
        "remark": html.escape(remark),
        "times": times_table(comparison, recommendation.method),
    }
    return filled(PACKAGE, "measured.html", parts)


def _failures(race: Race) -> str:
    failed = [method for method in race.methods if method.status == "failed"]
    if not failed:
        return ""
    rows = "".join(
        f"<div><dt>{html.escape(method.method)}</dt>"
        f"<dd><pre>{html.escape(method.error or 'it does not say why')}</pre></dd></div>"
        for method in failed
    )
    return _section("failures", "What failed, and why", f'<dl class="failures">{rows}</dl>')


def _conditions(race: Race) -> str:
    lists = (
        facts_list("The text", race.text) + facts_list("Settings", race.settings) + facts_list("Machine", race.machine)
    )
    return f'<div class="facts">{lists}</div>{trials_table(race.methods)}'


def _data(comparison: Comparison, recommendation: Recommendation) -> dict[str, Any]:
    race = comparison.race
    drawn = [method for method in race.methods if method.curve or method.status == "finished"]
    looks = looks_of([method.method for method in drawn])
    ranks = sorted({band.first_rank for method in drawn for band in method.bands})
    softmax = comparison.yardstick
    return {
        "unigrams": _finite(race.text.get("unigram_perplexity")),
        "speedIsRatio": softmax is not None and softmax.training_words_per_second is not None,
        "bands": [
            {"name": name, "share": percent(share)}
            for name, share in zip(band_names(ranks), _shares(drawn, ranks), strict=True)
        ],
        "methods": [
            {
                "name": method.method,
                "family": looks[method.method].family,
                "mark": looks[method.method].mark,
                "dash": looks[method.method].dash,
                "chosen": method.method == recommendation.method,
                "normalised": method.normalised,
                "perplexity": _finite(method.perplexity),
                "speed": _finite(method.training_words_per_second if softmax is None else comparison.speed_up(method)),
                "points": [
                    [point.training_seconds, point.training_cpu_seconds, point.words, _perplexity(point.nats)]
                    for point in method.curve
                ],
                "bands": _bands(method, softmax, ranks),
            }
            for method in sorted(drawn, key=_end)
        ],
    }


def _end(method: MethodResult) -> tuple[bool, float]:
    """The best first, as lines end from below."""
    return method.nats is None or not method.normalised, method.nats or 0.0


def _shares(methods: list[MethodResult], ranks: list[int]) -> list[float]:
    """Of the validation text that the bands hold; all methods read the same words of it."""
    words = {band.first_rank: band.words for method in methods for band in method.bands}
    whole = sum(words.values())
    return [words[rank] / whole if whole else 0.0 for rank in ranks]


def _bands(method: MethodResult, softmax: MethodResult | None, ranks: list[int]) -> list[dict[str, float | None]]:
    own = {band.first_rank: band.nats for band in method.bands}
    others = {} if softmax is None else {band.first_rank: band.nats for band in softmax.bands}
    return [
        {
            "perplexity": _perplexity(own.get(rank)),
            "ratio": _perplexity(own[rank] - others[rank]) if rank in own and rank in others else None,
        }
        for rank in ranks
    ]


def _perplexity(nats: float | None) -> float | None:
    return None if nats is None or not math.isfinite(nats) else perplexity_from_nats(nats)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
