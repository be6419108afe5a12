"""The report as a web page: one self-contained HTML file with text, tables and charts."""

from __future__ import annotations

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
from vastmax.html_page import Markup, filled, joined, markup, page_of, source

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
"""Parts of the program in the order of the page; each uses earlier ones."""


def page(race: Race) -> str:
    """Return the whole page."""
    comparison, recommendation = Comparison.of(race), recommend(race)
    return page_of(
        PACKAGE,
        "page.html",
        style=joined([_colours(), source(PACKAGE, "page.css")]),
        program=source(PACKAGE, *PROGRAM),
        data=_data(comparison, recommendation),
        title=f"{recommendation.headline} · methods compared on {_sources(race)}",
        overline=_overline(race),
        headline=recommendation.headline,
        text=_prose(recommendation.text),
        figures=_key_figures(comparison, recommendation),
        reasons=_items(recommendation.reasons),
        warnings=_warnings(recommendation),
        choices=_choices(recommendation),
        charts=_charts(comparison),
        tree=_tree(race),
        literature=_literature(comparison, recommendation),
        measured=_measured(comparison, recommendation),
        failures=_failures(race),
        conditions=_conditions(race),
    )


def _colours() -> Markup:
    """Return styles with the colors of families, for light and dark pages."""

    def rules(attribute: str) -> str:
        pairs = enumerate((*INKS, OTHER))
        return "\n".join(f".family-{place} {{ --color: {getattr(ink, attribute)}; }}" for place, ink in pairs)

    dark = rules("dark")
    return Markup(f"{rules('light')}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n")


def _sources(race: Race) -> str:
    """Return the names of the files; their paths are at the end of the page."""
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
    """Return text in which lines do not break between a number and its unit."""
    return re.sub(r"(\d) (?=%|(?:ms|s|min|h|[kMG]?B|million)\b)", "\\1\N{NO-BREAK SPACE}", text)


def _items(texts: tuple[str, ...]) -> Markup:
    return joined(markup("<li>{text}</li>", text=_prose(text)) for text in texts)


def _key_figures(comparison: Comparison, recommendation: Recommendation) -> Markup:
    chosen = next((method for method in comparison.contenders if method.method == recommendation.method), None)
    if chosen is None:
        return Markup()
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
    tiles = joined(
        markup(
            "<div><dt>{name}</dt><dd>{value}<small>{beside}</small></dd></div>", name=name, value=value, beside=beside
        )
        for name, value, beside in rows
    )
    return markup('<dl class="tiles">{tiles}</dl>', tiles=tiles)


def _section(name: str, title: str, content: Markup) -> Markup:
    return markup(
        '<section class="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>{content}</section>',
        name=name,
        title=title,
        content=content,
    )


def _warnings(recommendation: Recommendation) -> Markup:
    if not recommendation.warnings:
        return Markup()
    items = markup("<ul>{items}</ul>", items=_items(recommendation.warnings))
    return _section("warnings", "Before you trust this", items)


def _choices(recommendation: Recommendation) -> Markup:
    if not recommendation.alternatives:
        return Markup()
    cards = joined(
        markup(
            "<div><dt>{purpose}</dt><dd><strong>{method}</strong><span>{why}</span></dd></div>",
            purpose=choice.purpose,
            method=choice.method or "none",
            why=_prose(choice.why),
        )
        for choice in recommendation.alternatives
    )
    return _section("choices", "If one thing matters most", markup('<dl class="choices">{cards}</dl>', cards=cards))


def _charts(comparison: Comparison) -> Markup:
    """Return places for the charts for which there are figures; the program draws them."""
    methods = [method for method in comparison.race.methods if method.curve or method.status == "finished"]
    if not methods:
        return Markup()
    kinds = ["learning"]
    if any(method.status == "finished" for method in methods):
        kinds.append("trade")
    if any(method.bands for method in methods):
        kinds.append("bands")
    charts = source(PACKAGE, *(f"chart-{name}.html" for name in kinds))
    return filled(PACKAGE, "charts.html", charts=charts)


def _tree(race: Race) -> Markup:
    if race.tree is None:
        return Markup()
    picture = tree_picture(race.tree, "The top of the tree of hierarchical softmax, the frequent words near its root")
    return filled(PACKAGE, "tree.html", picture=picture)


def _literature(comparison: Comparison, recommendation: Recommendation) -> Markup:
    if not comparison.race.methods:
        return Markup()
    table = literature_table(comparison, recommendation.method)
    return filled(PACKAGE, "literature.html", table=table, citation=CITATION, caveat=CAVEAT)


def _measured(comparison: Comparison, recommendation: Recommendation) -> Markup:
    if not comparison.race.finished:
        return Markup()
    not_comparable = any(not method.normalised for method in comparison.race.finished)
    remark = "* A bound only: the probabilities do not sum to 1 over the vocabulary." if not_comparable else ""
    return filled(
        PACKAGE,
        "measured.html",
        table=measured_table(comparison, recommendation.method),
        remark=remark,
        times=times_table(comparison, recommendation.method),
    )


def _failures(race: Race) -> Markup:
    failed = [method for method in race.methods if method.status == "failed"]
    if not failed:
        return Markup()
    rows = joined(
        markup(
            "<div><dt>{method}</dt><dd><pre>{error}</pre></dd></div>",
            method=method.method,
            error=method.error or "it does not say why",
        )
        for method in failed
    )
    return _section("failures", "What failed, and why", markup('<dl class="failures">{rows}</dl>', rows=rows))


def _conditions(race: Race) -> Markup:
    named = (("The text", race.text), ("Settings", race.settings), ("Machine", race.machine))
    lists = joined(facts_list(title, facts) for title, facts in named)
    return markup('<div class="facts">{lists}</div>{trials}', lists=lists, trials=trials_table(race.methods))


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
    """Return methods from best to worst, the order in which lines end."""
    return method.nats is None or not method.normalised, method.nats or 0.0


def _shares(methods: list[MethodResult], ranks: list[int]) -> list[float]:
    """Return the shares of the validation text in the bands, which are the same for all methods."""
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
