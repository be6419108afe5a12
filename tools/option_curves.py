"""Draw the curves of docs/guides/options.md from the records of benchmarks/; `--check` only compares.

A picture names the records that it was drawn from by their digests, so that a stale one is noticed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "benchmarks" / "records"
IMAGES = ROOT / "docs" / "img"
COLOURS = {
    ("skipgram", "negative-sampling"): "#5b2fb4",
    ("cbow", "negative-sampling"): "#d1495b",
    ("skipgram", "hierarchical-softmax"): "#1d7874",
    ("cbow", "hierarchical-softmax"): "#c98200",
}
NAMES = {"skipgram": "skip-gram", "cbow": "CBOW", "negative-sampling": "noise", "hierarchical-softmax": "tree"}
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "vastmax",  # the same ids every time
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8694",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
}


def cost(record: dict[str, Any]) -> Figure:
    """Draw nanoseconds against each option, with fitted straight lines."""
    panels = {
        "negative": "noise words, K",
        "path_length": "decisions on the path of a word",
        "window": "window",
        "vector_size": "vector size, D",
    }
    figure = Figure(figsize=(9, 6.6), layout="constrained")
    for axes, (option, label) in zip(figure.subplots(2, 2).flat, panels.items(), strict=True):
        for curve in record["curves"]:
            if curve["option"] != option:
                continue
            x = [point[option] for point in curve["points"]]
            times = [point[f"nanoseconds_a_{curve['unit']}"] for point in curve["points"]]
            y = [time["median"] for time in times]
            bars = [
                [middle - time["least"] for middle, time in zip(y, times, strict=True)],
                [time["most"] - middle for middle, time in zip(y, times, strict=True)],
            ]
            colour, name = COLOURS[curve["model"], curve["objective"]], _name(curve)
            axes.errorbar(x, y, yerr=bars, fmt="o", color=colour, markersize=5, elinewidth=1, label=name)
            line = curve["line"]
            axes.plot([0, max(x)], [line["start"], line["start"] + line["slope"] * max(x)], color=colour, linewidth=1)
            axes.set_ylabel(f"CPU-nanoseconds a {curve['unit']}")
        axes.set(xlabel=label, xlim=(0, None), ylim=(0, None))
        axes.legend(loc="upper left")
    return figure


def quality(record: dict[str, Any]) -> Figure:
    """Draw analogies and word similarity against CPU-seconds, one line per option."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    measures = {"analogies_percent": "analogies solved, %", "wordsim353": "WordSim-353, Spearman"}
    colours = dict(zip(record["curves"], ["#5b2fb4", "#d1495b", "#1d7874", "#c98200", "#30638e"], strict=True))
    defaults = record["defaults"]
    for axes, (measure, label) in zip(figure.subplots(1, 2), measures.items(), strict=True):
        middle, deviation = defaults[measure]["mean"], defaults[measure]["standard_deviation"]
        axes.axhspan(middle - deviation, middle + deviation, color="#8a8694", alpha=0.18, linewidth=0)
        for option, points in record["curves"].items():
            x, y = [point["cpu_seconds"] for point in points], [point[measure] for point in points]
            axes.plot(x, y, "o-", color=colours[option], markersize=4.5, linewidth=1.2, label=option)
            for point, across, up in zip(points, x, y, strict=True):
                if point[option] != record["settings"][option]:
                    name = f"{point[option]:g}"
                    axes.annotate(name, (across, up), (4, -10), textcoords="offset points", color=colours[option])
        axes.set(xlabel="CPU-seconds", xscale="log", title=label)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    figure.axes[0].legend(loc="lower right")
    return figure


def _name(curve: dict[str, Any]) -> str:
    return f"{NAMES[curve['model']]}, {NAMES[curve['objective']]}"


PICTURES: dict[str, tuple[str, Callable[[dict[str, Any]], Figure]]] = {
    "options-cost.svg": ("embedding_options.json", cost),
    "options-quality.svg": ("embedding_options_quality.json", quality),
}


def digest(record: str) -> str:
    """Return the digest of a record, which is stored in the figure drawn from it."""
    return f"{record} sha256 {hashlib.sha256((RECORDS / record).read_bytes()).hexdigest()}"


def main() -> None:
    """Draw or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a picture was not drawn from the present record")
    check = parser.parse_args().check
    for name, (record, draw) in PICTURES.items():
        path = IMAGES / name
        if check:
            if digest(record) not in path.read_text(encoding="utf-8"):
                sys.exit(f"{name} was not drawn from benchmarks/records/{record}: run python tools/option_curves.py")
            continue
        with mpl.rc_context(STYLE):
            figure = draw(json.loads((RECORDS / record).read_text(encoding="utf-8")))
            drawn = io.StringIO()
            figure.savefig(drawn, format="svg", metadata={"Date": None, "Description": digest(record)})
        path.write_text("\n".join(line.rstrip() for line in drawn.getvalue().splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
