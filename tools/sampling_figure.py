"""Draw docs/img/importance-bias.svg from benchmarks/records/sampling_proposals.json; `--check` compares the numbers.

The picture carries a digest of the numbers it shows, so that one drawn from other numbers is noticed, whatever the
version of the program that draws.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "benchmarks" / "records" / "sampling_proposals.json"
PICTURE = ROOT / "docs" / "img" / "importance-bias.svg"


def numbers() -> dict[str, Any]:
    """The laws of the record: bias by K, and its first-order formula."""
    laws: dict[str, Any] = json.loads(RECORD.read_text())["groups"]["bias"]["laws"]
    return laws


def mark(laws: dict[str, Any]) -> str:
    """A line that says which numbers are shown."""
    digest = hashlib.sha256(json.dumps(laws, sort_keys=True).encode()).hexdigest()
    return f"<!-- numbers: {digest} -->\n"


def draw(laws: dict[str, Any]) -> None:
    """Bias against K on logarithmic axes: points measured, lines by formula."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "vastmax"
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, law), colour in zip(laws.items(), ("tab:red", "tab:blue", "tab:green"), strict=True):
        sizes = [row["K"] for row in law["by_K"]]
        axes.plot(sizes, [-row["first_order"] for row in law["by_K"]], color=colour, linewidth=1)
        label = f"{name}: Σ p²/Q = {law['sum_p2_over_q']:.3g}"
        axes.plot(sizes, [-row["bias"] for row in law["by_K"]], "o", color=colour, label=label)
    axes.set(xscale="log", yscale="log", xlabel="K, words drawn", ylabel="exact loss less the estimate, nats")
    axes.legend(frameon=False)
    figure.savefig(PICTURE, metadata={"Date": None})
    with PICTURE.open("a", encoding="utf-8") as file:
        file.write(mark(laws))


def main() -> None:
    """Draw or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the picture shows other numbers than the record")
    laws = numbers()
    if not parser.parse_args().check:
        draw(laws)
    elif not PICTURE.exists() or not PICTURE.read_text(encoding="utf-8").endswith(mark(laws)):
        sys.exit(f"{PICTURE.name} differs from {RECORD.name}: run python tools/sampling_figure.py")


if __name__ == "__main__":
    main()
