"""Draw docs/img/methods/NAME.svg for every recipe, with numbers that the library computes; about two CPU-minutes.

    python tools/method_figures.py [NAME …] [--png DIR] [--redraw]

A picture carries the numbers it shows, as JSON behind its last line: `--redraw` draws those again without computing
them, and the tests recompute some of them.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
from figures import FIGURES
from figures.style import STYLE

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "img" / "methods"
DIGITS = 5
BEFORE, AFTER = "<!-- numbers: ", " -->\n"


def rounded(value: Any) -> Any:
    """Numbers to `DIGITS` significant digits: what a figure can show, and the same on every machine."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is nothing that a figure shows")
        return float(f"{value:.{DIGITS}g}")
    return value


def numbers_in(name: str) -> dict[str, Any]:
    """Return the numbers that the figure of a method shows."""
    last = (IMAGES / f"{name}.svg").read_text(encoding="utf-8").splitlines(keepends=True)[-1]
    found: dict[str, Any] = json.loads(last.removeprefix(BEFORE).removesuffix(AFTER))
    return found


def draw(name: str, numbers: dict[str, Any], png: Path | None) -> None:
    """Write the figure, and optionally a PNG for viewing."""
    with mpl.rc_context(STYLE):
        figure = FIGURES[name].draw(numbers)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Title": name})
        if png is not None:
            figure.savefig(png / f"{name}.png", dpi=100)
    text = "\n".join(line.rstrip() for line in drawn.getvalue().splitlines()) + "\n"
    shown = json.dumps(numbers, ensure_ascii=False, separators=(",", ":"))
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / f"{name}.svg").write_text(f"{text}{BEFORE}{shown}{AFTER}", encoding="utf-8")


def main() -> None:
    """Compute and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of recipes (default: all): {', '.join(FIGURES)}")
    parser.add_argument("--png", type=Path, help="write PNGs into this folder as well")
    parser.add_argument("--redraw", action="store_true", help="draw the numbers that the pictures carry")
    options = parser.parse_args()
    for name in options.names or FIGURES:
        if name not in FIGURES:
            parser.error(f"no recipe {name!r}; there are {', '.join(FIGURES)}")
        began = time.process_time()
        numbers = numbers_in(name) if options.redraw else rounded(FIGURES[name].numbers())
        draw(name, numbers, options.png)
        print(f"{name}: {time.process_time() - began:.1f} CPU-s", flush=True)


if __name__ == "__main__":
    main()
