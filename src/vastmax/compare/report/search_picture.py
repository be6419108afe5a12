"""The picture of a race of indexes: time per query against the share of the best words found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vastmax.atomic import replacing
from vastmax.compare.report.pictures import DOTS_PER_INCH, FAINT, HEIGHT_INCHES, STYLE, WIDTH_INCHES
from vastmax.errors import InputError
from vastmax.extras import require

if TYPE_CHECKING:
    from vastmax.search.race import Measured, SearchRace

COLORS = ("#3c3846", "#8a8694", "#2f6db3", "#d1495b", "#3a8f5c", "#b07d2b", "#7a4fa3", "#1c9aa0")
RECALLS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0)


def check_picture(path: Path) -> None:
    """Raise InputError unless a picture can be written to this path."""
    if path.suffix.lower() != ".png":
        found = repr(path.suffix) if path.suffix else "nothing"
        raise InputError(f"cannot draw a picture to {path}: its name must end in .png, not in {found}")
    require("the picture", "matplotlib")


def draw_search_race(race: SearchRace, path: Path) -> None:
    """Write a PNG: one curve per index over its settings, the calibrated one filled; log milliseconds across.

    Raises:
        InputError: another suffix; matplotlib is not installed.
    """
    check_picture(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator

    batch = min(race.measured[0].milliseconds)
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
        axes = figure.subplots()
        for each, color in zip(race.measured, COLORS, strict=False):
            points = sorted(each.curve, key=lambda point: point.milliseconds)
            if points and batch == 1:
                axes.plot(
                    [point.milliseconds for point in points],
                    [point.recall for point in points],
                    color=color,
                    linewidth=1.3,
                    marker="o",
                    markersize=3,
                    markerfacecolor="white",
                )
            chosen = [(p.milliseconds, p.recall) for p in points if p.effort == each.effort and batch == 1]
            place = chosen or [(each.milliseconds[batch], each.recall)]  # on its own curve
            axes.plot(*place[0], color=color, marker="o", linestyle="none", label=_name(each))
        axes.set_xscale("log")
        axes.set_yscale("function", functions=(_spread, _gathered))
        lowest = min([each.recall for each in race.measured] + [p.recall for m in race.measured for p in m.curve])
        axes.set_ylim(max(0.0, lowest - 0.05), 1.0004)
        axes.set_yticks([recall for recall in RECALLS if recall >= lowest - 0.05])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
        axes.set(
            xlabel="milliseconds per query, " + ("one at a time" if batch == 1 else f"{batch:,} at once"),
            ylabel=f"share of the {race.k} best words found",
            title=f"Finding the {race.k} best of {race.vocab_size:,} words",
        )
        axes.tick_params(colors=FAINT)
        axes.legend(loc="lower right")
        with replacing(path) as beside:
            figure.savefig(beside, format="png")


def _name(measured: Measured) -> str:
    setting = "" if measured.effort is None else f", effort {measured.effort:,}"
    return f"{measured.kind}{setting}"


def _spread(recall: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place recalls so that those near 1 lie apart."""
    spread: NDArray[np.float64] = -np.log10(1.002 - np.clip(recall, -9.0, 1.0015))
    return spread


def _gathered(place: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.002 - 10.0 ** -np.asarray(place)
