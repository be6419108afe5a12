"""Draw docs/img/sharing.svg from benchmarks/records/embedding_sharing.json: what sharing noise words costs and saves."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks" / "records" / "embedding_sharing.json"
PICTURE = ROOT / "docs" / "img" / "sharing.svg"

MODELS = {"skipgram": "skip-gram", "cbow": "CBOW"}
DEFAULTS = {"skipgram": (32, 16), "cbow": (16, 16)}
COLOURS = {1: "#888888", 8: "#0072b2", 16: "#009e73", 32: "#d55e00", 64: "#cc79a7"}
"""By block size; told apart by people of any colour vision (Okabe & Ito)."""


def draw_held_out(axes: Axes, rows: list[dict[str, Any]], default: tuple[int, int]) -> None:
    """Loss on held-out sentences against P, a line a block size, the bars from the least to the most over seeds."""
    ordered = sorted(rows, key=lambda row: (row["B"], row["P"]))
    for B, group in groupby(ordered, key=lambda row: int(row["B"])):
        points = list(group)
        P = [row["P"] for row in points]
        loss = [row["held_out_nats"] for row in points]
        y = [value["mean"] for value in loss]
        bars = [[v["mean"] - v["least"] for v in loss], [v["most"] - v["mean"] for v in loss]]
        axes.errorbar(P, y, yerr=bars, marker="o", markersize=4, capsize=2, color=COLOURS[B], label=f"B = {B}")
        for p, value in zip(P, y, strict=True):
            if (B, p) == default:
                axes.plot([p], [value], "o", markersize=12, fillstyle="none", color="black")
    axes.set_xscale("log", base=2)
    axes.set_xticks([8, 16, 32, 48], ["8", "16", "32", "48"])
    axes.set_xlabel("P, noise words a block shares")
    axes.legend(frameon=False, fontsize="small")


def draw_analogies(axes: Axes, rows: list[dict[str, Any]], default: tuple[int, int]) -> None:
    """Analogies against CPU-seconds of training; the bars from the least to the most over seeds."""
    for row in rows:
        seconds, share = row["cpu_seconds"]["median"], row["analogies_percent"]
        bars = [[share["mean"] - share["least"]], [share["most"] - share["mean"]]]
        axes.errorbar([seconds], [share["mean"]], yerr=bars, marker="o", capsize=2, color=COLOURS[row["B"]])
        axes.annotate(
            f"B = {row['B']}, P = {row['P']}\nWordSim {row['wordsim353']['mean']:.3f}",
            (seconds, share["mean"]),
            textcoords="offset points",
            xytext=(7, -12),
            fontsize="x-small",
        )
        if (row["B"], row["P"]) == default:
            axes.plot([seconds], [share["mean"]], "o", markersize=13, fillstyle="none", color="black")
    axes.margins(x=0.25, y=0.2)
    axes.set_xlabel("CPU-seconds of training, five epochs")


def drawing(record: dict[str, Any]) -> Figure:
    """Return the figure: a column a model, Brown above wiki8."""
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    above, below = figure.subplots(2, 2)
    for column, (model, name) in enumerate(MODELS.items()):
        draw_held_out(above[column], record[f"brown_{model}"], DEFAULTS[model])
        above[column].set_title(f"{name}, Brown")
        draw_analogies(below[column], record[f"wiki8_{model}"], DEFAULTS[model])
        below[column].set_title(f"{name}, wiki8")
    above[0].set_ylabel("held-out nats a prediction")
    below[0].set_ylabel("analogies, % right")
    for axes in (*above, *below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Draw; with --png, beside it for looking at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--png", type=Path, help="write a PNG here as well")
    arguments = parser.parse_args()
    figure = drawing(json.loads(RECORD.read_text()))
    with rc_context({"svg.hashsalt": "vastmax", "svg.fonttype": "none"}):
        figure.savefig(PICTURE, metadata={"Date": None})
    print(f"wrote {PICTURE.relative_to(ROOT)}")
    if arguments.png:
        FigureCanvasAgg(figure).print_png(arguments.png)


if __name__ == "__main__":
    main()
