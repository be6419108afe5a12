"""Three charts of the report as PNG, for slides and papers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vastmax import extras
from vastmax.atomic import replacing
from vastmax.compare.report.comparison import Comparison
from vastmax.compare.report.families import Look, looks_of
from vastmax.compare.report.wording import band_names, digits
from vastmax.compare.results import MethodResult, Race
from vastmax.distribution.entropy import perplexity_from_nats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 8.5, 5.2, 150
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8694",
    "axes.grid": True,
    "grid.color": "#e8e6ee",
    "axes.axisbelow": True,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 9,
}
PICTURES = ("perplexity-time.png", "speed-perplexity.png", "frequency-bands.png")
MARKS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}
FAINT = "#6b6678"
TICKS = ((20.0, (1, 1.5, 2, 3, 4, 5, 6, 8)), (2e3, (1, 2, 5)), (math.inf, (1,)))
"""First digits of the ticks of a logarithmic axis whose ends have less than this ratio."""


def save_pictures(race: Race, folder: Path) -> list[Path]:
    """Write the charts for which there are figures, and return their paths; none without matplotlib."""
    if not extras.has("matplotlib"):
        return []
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    comparison = Comparison.of(race)
    looks = looks_of([method.method for method in race.methods if method.curve or method.status == "finished"])
    painters: tuple[Callable[[Axes, Comparison, dict[str, Look]], bool], ...] = (_learning, _trade, _bands)
    written = []
    for name, paint in zip(PICTURES, painters, strict=True):
        with rc_context(STYLE):
            figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
            if not paint(figure.subplots(), comparison, looks):
                continue
            with replacing(folder / name) as beside:
                figure.savefig(beside, format="png")
        written.append(folder / name)
    return written


def _learning(axes: Axes, comparison: Comparison, looks: dict[str, Look]) -> bool:
    drawn = [method for method in comparison.contenders if len(method.curve) > 1]
    if not drawn:
        return False
    for method in sorted(drawn, key=lambda method: method.nats or 0.0):
        points = [point for point in method.curve if point.training_seconds > 0 and math.isfinite(point.nats)]
        _line(axes, looks, method, [point.training_seconds for point in points], [point.perplexity for point in points])
    axes.set(xscale="log", yscale="log", xlabel="seconds of training", ylabel="validation perplexity")
    axes.set_ylim(_range(comparison))
    _level_of_unigrams(axes, comparison)
    _finish(axes, "How fast each one learns")
    return True


def _trade(axes: Axes, comparison: Comparison, looks: dict[str, Look]) -> bool:
    drawn = [method for method in comparison.contenders if method.training_words_per_second]
    if not drawn:
        return False
    for method in sorted(drawn, key=lambda method: method.nats or 0.0):
        speed = comparison.speed_up(method) if comparison.yardstick else method.training_words_per_second
        _line(axes, looks, method, [speed], [method.perplexity])
    over = "training words/s over the softmax's" if comparison.yardstick else "training words/s"
    axes.set(xscale="log", yscale="log", xlabel=over, ylabel="validation perplexity at the end")
    axes.set_ylim(_range(comparison))
    _finish(axes, "What the speed costs")
    return True


def _bands(axes: Axes, comparison: Comparison, looks: dict[str, Look]) -> bool:
    drawn = [method for method in comparison.contenders if method.bands]
    if not drawn:
        return False
    ranks = sorted({band.first_rank for method in drawn for band in method.bands})
    for method in sorted(drawn, key=lambda method: method.nats or 0.0):
        places = [ranks.index(band.first_rank) for band in method.bands]
        _line(axes, looks, method, places, [perplexity_from_nats(band.nats) for band in method.bands])
    axes.set(yscale="log", xlabel="words by frequency (rank)", ylabel="validation perplexity")
    axes.set_xticks(range(len(ranks)), band_names(ranks))
    _finish(axes, "Rare words against frequent ones")
    return True


def _line(axes: Axes, looks: dict[str, Look], method: MethodResult, x: list[Any], y: list[Any]) -> None:
    look = looks[method.method]
    dash = (0, tuple(length / 1.5 for length in look.dash)) if look.dash else "solid"
    axes.plot(
        x,
        y,
        color=look.colour(),
        linestyle=dash if len(x) > 1 else "none",
        linewidth=1.4,
        marker=MARKS[look.mark],
        markersize=4.5,
        label=f"{method.method}  {digits(method.perplexity or 0)}",
    )


def _range(comparison: Comparison) -> tuple[float, float]:
    """Set limits from the best to the worst end, as on the page; lines may start outside."""
    ends = [method.perplexity or 1.0 for method in comparison.contenders]
    high = max(*ends, comparison.race.text.get("unigram_perplexity") or 0.0)
    return min(ends) / 1.06, high * 1.12


def _level_of_unigrams(axes: Axes, comparison: Comparison) -> None:
    level = comparison.race.text.get("unigram_perplexity")
    if level is not None:
        axes.axhline(level, color=FAINT, linestyle=":", linewidth=1.2, label=f"word frequencies alone  {digits(level)}")


def _finish(axes: Axes, title: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if axis.get_scale() == "log":
            leads = next(leads for ratio, leads in TICKS if high / low < ratio)
            axis.set_major_locator(LogLocator(subs=leads))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.set_title(title)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
