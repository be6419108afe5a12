"""A common style for the figures of the methods: colors, fonts, and labels next to what they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Told apart by people of any colour vision (Okabe & Ito); the method that a page is about is always the first.
METHOD, OTHER, THIRD, FOURTH, QUIET = "#0072b2", "#d55e00", "#009e73", "#a5498d", "#6f6b76"
INK, PAPER, FAINT = "#26232b", "#fbfaf7", "#dedbe3"

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "vastmax",  # the same ids every time
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"],  # laid out by the widest, which Matplotlib brings along
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": PAPER,
    "axes.edgecolor": "#8f8a98",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8e5ec",
    "grid.linewidth": 0.8,
    "xtick.color": "#57525f",
    "ytick.color": "#57525f",
    "lines.linewidth": 2.0,
    "lines.markersize": 5.0,
    # The pages have a light and a dark palette: a figure brings its own paper.
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "legend.frameon": False,
}


def panels(number: int = 2, *, height: float = 3.9, widths: Sequence[float] | None = None) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels side by side."""
    figure = Figure(figsize=(9.2 if number > 1 else 7.2, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.14, h_pad=0.1, wspace=0.05)
    axes = figure.subplots(1, number, squeeze=False, width_ratios=widths)
    return figure, list(axes[0])


def label(axes: Axes, x: float, y: float, text: str, colour: str, **more: Any) -> None:
    """Draw text at a position in data units, in the color of what it names, with a background that hides lines."""
    options: dict[str, Any] = {
        "color": colour,
        "textcoords": "offset points",
        "xytext": (0, 0),
        "ha": "left",
        "va": "center",
        "fontsize": 9.5,
        "bbox": {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2, "alpha": 0.85},
        "annotation_clip": False,
    }
    axes.annotate(text, (x, y), **{**options, **more})


def short(number: float) -> str:
    """1,000 as 1k, 1,000,000 as 1M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size * 0.9995:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def short_ticks(axes: Axes, *which: str) -> None:
    """Ticks of the axes "x" and "y" as `short` writes them."""
    for name in which:
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_formatter(lambda value, _: short(value))
        axis.set_minor_formatter(lambda value, _: "")
