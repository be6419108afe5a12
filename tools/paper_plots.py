"""Draw the pictures of docs/reproductions.md from benchmarks/records/; `--check` compares the numbers they show.

Each picture carries a digest of its numbers, so that one drawn from other numbers is noticed, whatever the version of
the program that draws.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paper_tables import CHEN_VARIANTS, PUBLISHED_MNIH_TEH, main_runs

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "benchmarks" / "records"
PICTURES = ROOT / "docs" / "img"

Numbers = dict[str, Any]
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#888888", "#7f3c8d", "#a5aa00")
"""Colors distinguishable with any color vision (Okabe & Ito), and two more."""


def mnih_teh_numbers(record: Numbers) -> Numbers:
    """Return perplexity by run, ours and published."""
    ours = {run["name"]: run["test_perplexity"] for run in main_runs(record)}
    return {"ours": ours, "published": PUBLISHED_MNIH_TEH}


def draw_mnih_teh(axes: Any, numbers: Numbers) -> None:
    """Draw perplexity against K: ours with points, published dashed; maximum likelihood as horizontal lines."""
    for source, style, mark in (("ours", "-", "o"), ("published", "--", None)):
        by_run = numbers[source]
        axes.axhline(by_run["ml"], color="black", linewidth=1, linestyle=style, label=f"maximum likelihood, {source}")
        for noise, colour in (("unigram", COLOURS[0]), ("uniform", COLOURS[1])):
            sizes = sorted(int(name.rsplit("-", 1)[1]) for name in by_run if noise in name)
            perplexities = [by_run[f"nce-{noise}-{k}"] for k in sizes]
            axes.plot(sizes, perplexities, style, marker=mark, color=colour, label=f"NCE, {noise} noise, {source}")
    axes.set(xscale="log", yscale="log", xlabel="noise words an example", ylabel="test perplexity")
    _plain_ticks(axes.xaxis, sizes)
    _plain_ticks(axes.yaxis, [150, 175, 200, 250, 300])
    axes.legend(frameon=False, fontsize="small")


def chen_numbers(record: Numbers) -> Numbers:
    """Return the curve of each method."""
    return {
        run["name"]: [[point["cpu_seconds"], point["validation_perplexity"]] for point in run["curve"]]
        for run in main_runs(record)
        if run["name"] not in CHEN_VARIANTS
    }


def draw_chen(axes: Any, numbers: Numbers) -> None:
    """Validation perplexity against the CPU time of training."""
    for (name, curve), colour in zip(numbers.items(), COLOURS, strict=True):
        style = "--" if name.startswith("hsm") else "-"
        # Some read the text once, or not quite: their curve is a point.
        axes.plot(*zip(*curve, strict=True), "o" + style, markersize=3, color=colour, label=name, linewidth=1.3)
    axes.set(yscale="log", xlabel="CPU-seconds of training", ylabel="validation perplexity")
    highest = 1.6 * min(min(perplexity for _, perplexity in curve) for curve in numbers.values())
    lowest = 0.97 * highest / 1.6
    axes.set_ylim(lowest, highest)
    _plain_ticks(axes.yaxis, [tick for tick in range(100, 400, 20) if lowest <= tick <= highest])
    axes.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))


def wikilm_numbers(record: Numbers) -> Numbers:
    """Return the curve of each method that finished."""
    return {
        method["method"]: [[point["training_seconds"], math.exp(point["nats"])] for point in method["curve"]]
        for method in record["race"]["methods"]
        if method["status"] == "finished"
    }


def draw_wikilm(axes: Any, numbers: Numbers) -> None:
    """Validation perplexity against the CPU time of training, both logarithmic."""
    for (name, curve), colour in zip(numbers.items(), COLOURS, strict=False):
        begun = [(seconds, perplexity) for seconds, perplexity in curve if seconds > 0]
        axes.plot(*zip(*begun, strict=True), "o-", markersize=3, color=colour, label=name, linewidth=1.3)
    axes.set(xscale="log", yscale="log", xlabel="CPU-seconds of training", ylabel="validation perplexity")
    axes.set_ylim(top=3200)  # where the softmax comes from says nothing
    _plain_ticks(axes.xaxis, [5, 10, 30, 60, 120, 300, 600])
    _plain_ticks(axes.yaxis, [100, 200, 400, 800, 1600, 3200])
    axes.legend(frameon=False, fontsize="small")


PLOTS: dict[str, tuple[Callable[[Numbers], Numbers], Callable[[Any, Numbers], None]]] = {
    "paper_mnih_teh_2012": (mnih_teh_numbers, draw_mnih_teh),
    "paper_chen_2015": (chen_numbers, draw_chen),
    "paper_wikilm": (wikilm_numbers, draw_wikilm),
}


def _plain_ticks(axis: Any, ticks: list[int]) -> None:
    """Label these numbers on a logarithmic axis."""
    axis.set_ticks(ticks, [str(tick) for tick in ticks])
    axis.set_minor_locator(_no_ticks())


def _no_ticks() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def picture(name: str) -> Path:
    """Return the path of a record's figure."""
    return PICTURES / f"{name.replace('_', '-')}.svg"


def mark(numbers: Numbers) -> str:
    """Return a line that says which numbers are shown."""
    digest = hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()
    return f"<!-- numbers: {digest} -->\n"


def draw(name: str, numbers: Numbers, png: Path | None) -> None:
    """Draw one figure; with `png`, also as a PNG for viewing."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    PLOTS[name][1](axes, numbers)
    axes.spines[["top", "right"]].set_visible(False)
    with rc_context({"svg.hashsalt": "vastmax", "svg.fonttype": "none"}):
        figure.savefig(picture(name), metadata={"Date": None})
    with picture(name).open("a", encoding="utf-8") as file:
        file.write(mark(numbers))
    if png is not None:
        figure.savefig(png / f"{name}.png", dpi=110)


def main() -> None:
    """Draw or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a picture shows other numbers than its record")
    parser.add_argument("--png", type=Path, help="a folder for PNGs of them, for looking at")
    arguments = parser.parse_args()
    for name, (numbers_of, _) in PLOTS.items():
        record = RECORDS / f"{name}.json"
        if not record.exists():
            print(f"{name} has not been measured yet: no picture of it", file=sys.stderr)
            continue
        numbers = numbers_of(json.loads(record.read_text(encoding="utf-8")))
        if not arguments.check:
            draw(name, numbers, arguments.png)
        elif not picture(name).exists() or not picture(name).read_text(encoding="utf-8").endswith(mark(numbers)):
            sys.exit(f"{picture(name).name} differs from {name}.json: run python tools/paper_plots.py")


if __name__ == "__main__":
    main()
