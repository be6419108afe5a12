"""The tables of the report as HTML: published and measured results, all figures, the search for rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vastmax.compare.report.comparison import Comparison
from vastmax.compare.report.wording import NOTHING, digits, percent, ratio, seconds, size
from vastmax.compare.results import MethodResult
from vastmax.distribution.entropy import perplexity_from_nats
from vastmax.html_page import Markup, escaped, joined, markup
from vastmax.methods import RECIPES, Published

NICE_LEADS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""First digits of the perplexities in the table of times."""
GOALS = 5
DIGEST_LETTERS = 64
"""Letters of a SHA-256; the first ones are enough to distinguish texts."""


@dataclass(frozen=True)
class Cell:
    """A field of a table.

    Attributes:
        shown: text, or `Markup`.
        value: for sorting rows; None: no figure.
    """

    shown: str  # `Markup`, or text
    value: float | str | None = None

    @classmethod
    def of(cls, value: float | None, say: Callable[[float], str]) -> Cell:
        """Return the cell of a figure, or the sign for none."""
        if value is None or not math.isfinite(value):
            return cls(NOTHING)
        return cls(say(value), value)

    def td(self) -> Markup:
        """Return the HTML element."""
        value = Markup() if self.value is None else markup(' data-value="{value}"', value=self.value)
        return markup("<td{value}>{shown}</td>", value=value, shown=self.shown)


CITATION = (
    "Speed-ups in training over the plain softmax: those of one harness from Chen, Grangier & Auli, “Strategies for "
    "training large vocabulary neural language models” (2015); beside them those of the papers named, each measured "
    "in its own way, some of them by counting operations. For two-level, adaptive and sampled softmax they are "
    "computed from the training times of Grave et al. (2017) on text8 and on Europarl in German. The table goes back "
    "to Ruder, “On word embeddings, part 2: Approximating the softmax” (2016)."
)
CAVEAT = (
    "All with a grain of salt: programs of several decades, machines and degrees of care; and a GPU helps the plain "
    "softmax more than the others."
)


def name_cell(method: str, *, chosen: bool = False) -> Markup:
    """Return the head of a row."""
    return markup(
        '<th scope="row" data-value="{name}"><span class="method">{name}</span>{mark}</th>',
        name=method,
        mark=Markup(' <span class="badge">recommended</span>') if chosen else "",
    )


def _head_row(names: Sequence[str], hints: Mapping[str, str] | None = None) -> Markup:
    return markup("<tr>{heads}</tr>", heads=_heads(names, hints))


def _heads(names: Sequence[str], hints: Mapping[str, str] | None = None) -> Markup:
    hints = hints or {}
    heads = []
    for name in names:
        hint = markup(' title="{hint}"', hint=hints[name]) if name in hints else ""
        heads.append(markup('<th scope="col"{hint}>{name}</th>', hint=hint, name=name))
    return joined(heads)


def _table(caption: str, head: Markup, rows: Iterable[Markup], kind: str = "") -> Markup:
    """Return a table that scrolls if it is wider than the screen."""
    return markup(
        '<div class="wide" tabindex="0" role="region" aria-label="{caption}"><table class="{kind}">'
        "<caption>{caption}</caption><thead>{head}</thead><tbody>{rows}</tbody></table></div>",
        caption=caption,
        kind=kind,
        head=head,
        rows=joined(rows),
    )


def literature_table(comparison: Comparison, chosen: str | None) -> Markup:
    """Return published claims next to measurements, for the methods of the race in the order of the literature."""
    groups = (
        ("training", ("cheaper step", "Chen et al.", "own paper", "measured here")),
        ("scoring a given word", ("cheaper", "measured here")),
        ("the best word", ("cheaper",)),
        ("perplexity", ("V = 10 k", "V = 800 k", "measured here")),
        ("parameters", ("published", "measured here")),
    )
    first = joined(
        markup('<th scope="colgroup" colspan="{span}">{group}</th>', span=len(names), group=group)
        for group, names in groups
    )
    measured = "measured here"
    second = joined(
        markup('<th scope="col"{kind}>{name}</th>', kind=Markup(' class="here"') if name == measured else "", name=name)
        for _, names in groups
        for name in names
    )
    head = markup(
        '<tr><th rowspan="2" scope="col">method</th>{first}</tr><tr>{second}</tr>', first=first, second=second
    )
    by_name = {method.method: method for method in comparison.race.methods}
    order = [name for name in RECIPES if name in by_name] + [name for name in by_name if name not in RECIPES]
    softmax = comparison.yardstick
    rows = [_literature_row(comparison, by_name[name], softmax, name == chosen) for name in order]
    return _table("What the literature says, and what was measured here", head, rows, "literature")


def _literature_row(comparison: Comparison, method: MethodResult, softmax: MethodResult | None, chosen: bool) -> Markup:
    published = RECIPES[method.method].published if method.method in RECIPES else Published()
    own = escaped(published.speed_up_paper or NOTHING)
    if published.speed_up_source:
        own = markup("{own} <small>{source}</small>", own=own, source=published.speed_up_source)
    speed, evaluation = comparison.speed_up(method), comparison.evaluation_speed_up(method)
    parameters = (
        method.output_parameters / softmax.output_parameters
        if softmax is not None and softmax.output_parameters and method.output_parameters
        else None
    )
    cells = (
        (published.cheaper_training, False),
        (published.speed_up_chen, False),
        (own, False),
        (_times(speed), True),
        (published.cheaper_scoring, False),
        (_times(evaluation), True),
        (published.cheaper_search, False),
        (published.small_vocabulary, False),
        (published.large_vocabulary, False),
        (_perplexity(method), True),
        (published.parameters, False),
        (NOTHING if parameters is None else percent(parameters), True),
    )
    row = []
    for text, here in cells:
        shown = text or NOTHING
        row.append(
            markup('<td class="here">{shown}</td>', shown=shown)
            if here
            else markup("<td>{shown}</td>", shown=_with_sign(shown))
        )
    return _row(method, joined(row), chosen=chosen)


def _row(method: MethodResult, cells: Markup, *, chosen: bool) -> Markup:
    name = name_cell(method.method, chosen=chosen)
    return markup("<tr{kind}>{name}{cells}</tr>", kind=_class(chosen), name=name, cells=cells)


def _times(value: float | None) -> str:
    return NOTHING if value is None else "1×" if value == 1 else ratio(value)


def _with_sign(shown: str) -> str:
    """Return yes or no in color, as text for those who do not see colors."""
    kind = {"yes": "yes", "no": "no", "with search": "partly", "if Z ≈ 1": "partly", "candidate list": "partly"}.get(
        shown
    )
    return shown if kind is None else markup('<span class="sign {kind}">{shown}</span>', kind=kind, shown=shown)


def _perplexity(method: MethodResult) -> str:
    if method.status == "failed":
        return "failed"
    if method.perplexity is None or not math.isfinite(method.nats or 0.0):
        return NOTHING
    return digits(method.perplexity) + ("" if method.normalised else " *")


def _class(chosen: bool) -> Markup:
    return Markup(' class="chosen"' if chosen else "")


MEASURED: tuple[tuple[str, str, Callable[[Comparison, MethodResult], Cell]], ...] = (
    (
        "perplexity",
        "exp of the mean −log p of a validation word, exact and normalized, at the end",
        lambda _, method: Cell(_perplexity(method), method.perplexity if method.nats is not None else None),
    ),
    (
        "bits/char",
        "bits of the validation text over its characters: comparable between vocabularies",
        lambda _, method: Cell.of(method.bits_per_character, digits),
    ),
    (
        "raw perplexity",
        "with raw scores in place of log p, where the method lets them stand for it",
        lambda _, method: Cell.of(_exp(method.unnormalised_nats), digits),
    ),
    (
        "training words/s",
        "of wall-clock time",
        lambda _, method: Cell.of(method.training_words_per_second, digits),
    ),
    (
        "× softmax",
        "training words/s over the softmax's",
        lambda comparison, method: Cell.of(comparison.speed_up(method), ratio),
    ),
    ("words read", "in training", lambda _, method: Cell.of(method.training_words or None, digits)),
    (
        "training time",
        "wall clock, measuring not counted",
        lambda _, method: Cell.of(method.training_seconds or None, seconds),
    ),
    (
        "processor time",
        "of training, all threads together",
        lambda _, method: Cell.of(method.training_cpu_seconds or None, seconds),
    ),
    (
        "evaluation words/s",
        "exact and normalized",
        lambda _, method: Cell.of(method.evaluation_words_per_second, digits),
    ),
    ("parameters", "of encoder and output layer", lambda _, method: Cell.of(method.parameters or None, digits)),
    (
        "of the output",
        "parameters of the output layer",
        lambda _, method: Cell.of(method.output_parameters or None, digits),
    ),
    ("peak memory", "by which the process grew", lambda _, method: Cell.of(method.peak_bytes, size)),
    (
        "mean |log Z|",
        "on validation text; near 0, raw scores may stand for log p",
        lambda _, method: Cell.of(method.diagnostics.get("log_normaliser_mean_abs"), digits),
    ),
    (
        "effective samples",
        "mean effective sample size of importance sampling",
        lambda _, method: Cell.of(method.diagnostics.get("ess_mean"), digits),
    ),
    (
        "parameters a step",
        "share of the output layer's that a training step writes to",
        lambda _, method: Cell.of(method.diagnostics.get("touched_share"), percent),
    ),
)
"""Name of a column, its meaning, and its cell."""


def _exp(nats: float | None) -> float | None:
    return None if nats is None else perplexity_from_nats(nats)


def measured_table(comparison: Comparison, chosen: str | None) -> Markup:
    """Return all figures, the lowest perplexity first and methods that did not finish last."""
    names = [name for name, _, _ in MEASURED]
    head = _head_row(["method", *names], {name: hint for name, hint, _ in MEASURED})

    def place(method: MethodResult) -> tuple[bool, bool, float]:
        return method.status != "finished", not method.normalised, math.inf if method.nats is None else method.nats

    rows = []
    for method in sorted(comparison.race.methods, key=place):
        cells = joined(cell(comparison, method).td() for _, _, cell in MEASURED)
        if method.status != "finished":
            cells = markup('<td colspan="{span}" class="none">{status}</td>', span=len(MEASURED), status=method.status)
        rows.append(_row(method, cells, chosen=method.method == chosen))
    return _table("Every figure", head, rows, "sortable figures")


def goals_of(comparison: Comparison) -> list[float]:
    """Return round perplexities for the table of times, between the best and those at the start."""
    ends = [method.curve[-1].perplexity for method in comparison.contenders if method.curve]
    if not ends:
        return []
    low, high = min(ends), max(*ends, comparison.race.text.get("unigram_perplexity") or 0.0)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    nice = [lead * 10**power for power in powers for lead in NICE_LEADS]
    within = [value for value in nice if low <= value <= high]
    if len(within) <= GOALS:
        return within[::-1]
    # Evenly spaced in the list, including the one nearest to the best.
    return [within[round(place * (len(within) - 1) / (GOALS - 1))] for place in range(GOALS)][::-1]


def times_table(comparison: Comparison, chosen: str | None) -> Markup:
    """Return the training times to round perplexities, or nothing if there are none."""
    goals = goals_of(comparison)
    if not goals:
        return Markup()
    head = _head_row(["method", *(digits(goal) for goal in goals)])
    rows = []
    for method in sorted(comparison.contenders, key=lambda method: method.nats or 0.0):
        cells = joined(Cell.of(method.seconds_to(goal), seconds).td() for goal in goals)
        rows.append(_row(method, cells, chosen=method.method == chosen))
    return _table("Training time to a perplexity", head, rows, "sortable figures")


def trials_table(methods: Sequence[MethodResult]) -> Markup:
    """Return the table of tried rates, or nothing if there was no search."""
    names = list(
        dict.fromkeys(name for method in methods for trial in method.trials for name in trial if name != "nats")
    )
    names += [name for name in dict.fromkeys(name for method in methods for name in method.rates) if name not in names]
    if not names:
        return Markup()
    rows = []
    for method in methods:
        rates = dict(method.rates)
        for trial in method.trials or ({**rates, "nats": math.nan},) if rates else ():
            taken = bool(rates) and all(trial.get(name) == value for name, value in rates.items())
            after = _exp(trial.get("nats"))
            shown = "diverged" if after is None else NOTHING if math.isnan(after) else digits(after)
            cells = [_plain(trial.get(name)) for name in names]
            cells += [shown, "taken" if taken else ""]
            row = joined(markup("<td>{cell}</td>", cell=cell) for cell in cells)
            name = name_cell(method.method)
            rows.append(markup("<tr{kind}>{name}{row}</tr>", kind=_class(taken), name=name, row=row))
    head = _head_row(["method", *(_words(name) for name in names), "perplexity after it", ""])
    return _table("Learning rates that were tried", head, rows, "figures")


def facts_list(title: str, facts: Mapping[str, Any]) -> Markup:
    """Return plain data as a list of terms and values, with one level of groups."""
    rows = joined(
        markup("<div><dt>{name}</dt><dd>{value}</dd></div>", name=name, value=_plain(value))
        for name, value in _flat(facts)
    )
    return markup("<section><h3>{title}</h3><dl>{rows}</dl></section>", title=title, rows=rows) if rows else rows


def _flat(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            yield from ((f"{_words(name)}: {_words(str(inner))}", each) for inner, each in value.items())
        else:
            yield _words(name), value


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(value: Any) -> str:
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}" if abs(value) >= 10_000 else str(value)
        case float():
            return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
        case Mapping():
            return ", ".join(f"{_words(str(name))} {_plain(each)}" for name, each in value.items()) or NOTHING
        case list() | tuple():
            return ", ".join(map(_plain, value)) or NOTHING
        case str() if len(value) == DIGEST_LETTERS and set(value) <= set("0123456789abcdef"):
            return f"{value[:12]}…"
        case _:
            return str(value)
