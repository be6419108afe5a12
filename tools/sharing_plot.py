"""Draw docs/img/sharing.svg from benchmarks/records/embedding_sharing.json: what sharing noise words costs."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks" / "records" / "embedding_sharing.json"
PICTURE = ROOT / "docs" / "img" / "sharing.svg"

MODELS = {"skipgram": "skip-gram", "cbow": "CBOW"}
DEFAULTS = {"skipgram": (32, 16), "cbow": (32, 16)}
CURVES = {
    "held_out_nats": ("brown", "Brown: held-out nats per prediction"),
    "cpu_seconds": ("brown", "Brown: CPU-seconds, 5 epochs"),
    "analogies_percent": ("wiki8", "wiki8: analogies, % right"),
}
COLOURS = {1: "#888888", 8: "#0072b2", 16: "#009e73", 32: "#d55e00", 64: "#cc79a7"}
"""By block size; distinguishable with any color vision (Okabe & Ito)."""


def draw(axes: Axes, rows: list[dict[str, Any]], key: str, default: tuple[int, int]) -> None:
    """Draw a value against P: one line per block size, bars for the range over seeds, a ring around the default."""
    ordered = sorted(rows, key=lambda row: (row["B"], row["P"]))
    for B, group in groupby(ordered, key=lambda row: int(row["B"])):
        points = list(group)
        P, values = [row["P"] for row in points], [row[key] for row in points]
        y = [value["mean"] for value in values]
        bars = [[v["mean"] - v["least"] for v in values], [v["most"] - v["mean"] for v in values]]
        axes.errorbar(P, y, yerr=bars, marker="o", markersize=4, capsize=2, color=COLOURS[B], label=f"B = {B}")
        for p, value in zip(P, y, strict=True):
            if (B, p) == default:
                axes.plot([p], [value], "o", markersize=12, fillstyle="none", color="black")
    axes.set_xscale("log", base=2)
    axes.set_xticks([8, 16, 24, 32, 48], ["8", "16", "24", "32", "48"])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)


def drawing(record: dict[str, Any]) -> Figure:
    """Return the figure: one column per model, one row per curve."""
    figure = Figure(figsize=(9, 9), layout="constrained")
    grid = figure.subplots(len(CURVES), len(MODELS), squeeze=False)
    for row, (key, (corpus, label)) in zip(grid, CURVES.items(), strict=True):
        for axes, model in zip(row, MODELS, strict=True):
            draw(axes, record[f"{corpus}_{model}"], key, DEFAULTS[model])
        row[0].set_ylabel(label)
    for axes, name in zip(grid[0], MODELS.values(), strict=True):
        axes.set_title(name)
        axes.legend(frameon=False, fontsize="small")
    for axes in grid[-1]:
        axes.set_xlabel("P, noise words shared by a block of B centers")
    return figure


def main() -> None:
    """Draw the figure; with --png, also as a PNG for viewing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--png", type=Path, help="write a PNG here as well")
    arguments = parser.parse_args()
    figure = drawing(json.loads(RECORD.read_text()))
    with rc_context({"svg.hashsalt": "vastmax", "svg.fonttype": "none"}):
        figure.savefig(PICTURE, metadata={"Date": None})
    print(f"wrote {PICTURE.relative_to(ROOT)}")
    if arguments.png:
        figure.savefig(arguments.png)


if __name__ == "__main__":
    main()
