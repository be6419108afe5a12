"""Measure the accuracy of the step times estimated by `vastmax advise`, and fit its constants.

    python benchmarks/advise.py [--only CASE …] [--seconds S] [--fit]

Each case is a vocabulary (the most frequent words of $VASTMAX_DATA/wikilm.train.txt.xz), a hidden size and a batch.
Each runs in its own process, where every method's step is timed as by `vastmax advise --measure`, on one thread. Then
one set of five constants is fitted to all cases together, and its predictions are compared with the timings. The
constants go into `vastmax.compare.advice.machine.DEVELOPMENT_MACHINE`, which a test keeps equal to the record.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from statistics import median
from typing import Any

from grouped import in_process
from harness import RECORDS, corpora, machine, write_record
from in_turn import ENVIRONMENT

SCRIPT = Path(__file__).resolve()

THREADS = 1
"""On a machine that other work shares, short steps wait longer for a second thread than they work."""

CASES = {
    f"V={V}, D={D}, N={N}": (V, D, N)
    for V, D, N in (
        (1_000, 128, 256),
        (10_000, 256, 64),
        (10_000, 256, 1_024),
        (10_000, 64, 1_024),
        (86_796, 256, 256),
        (86_796, 128, 1_024),
        (86_796, 512, 1_024),
        (349_435, 256, 1_024),
        (349_435, 128, 128),
    )
}


def case_view(name: str) -> tuple[Any, Any, int, int]:
    """Return the text with the vocabulary of a case, its words, D and N."""
    from vastmax import Corpus
    from vastmax.methods.words import Words

    V, D, N = CASES[name]
    corpus = Corpus(corpora() / "wikilm.train.txt.xz")
    view = corpus.encode_with(corpus.vocabulary.truncate(max_size=V))
    return view, Words(view.vocabulary.counts, view.vocabulary.words), D, N


def time_case(name: str, seconds: float) -> list[dict[str, Any]]:
    """Return every method's step in one case."""
    import torch

    from vastmax.compare.advice.machine import DEVELOPMENT_MACHINE
    from vastmax.compare.advice.timing import time_methods
    from vastmax.methods import RECIPES

    torch.set_num_threads(THREADS)
    view, words, D, N = case_view(name)
    timings = time_methods(view, words, D, N, DEVELOPMENT_MACHINE, methods=list(RECIPES), budget_seconds=seconds)
    assert not any(timing.left_out for timing in timings), timings
    return [
        {
            "method": timing.method,
            "examples": timing.examples,
            "steps": timing.steps,
            "seconds": timing.timed_seconds,  # of the batch that was timed, not of the one it is scaled up to
        }
        for timing in timings
    ]


def fit(cases: dict[str, Any]) -> dict[str, Any]:
    """Return the constants for all cases, and how far off they are: by case, and for each method over the cases."""
    from vastmax.compare.advice.machine import DEVELOPMENT_MACHINE
    from vastmax.methods import RECIPES
    from vastmax.methods.work import Setting, Work

    rows: list[tuple[str, str, Work, float]] = []
    for name, case in cases.items():
        _, words, D, _ = case_view(name)
        for step in case["steps"]:
            work = RECIPES[step["method"]].work(Setting(words, D, step["examples"])).train
            rows.append((name, step["method"], work, step["seconds"]))
    fitted = DEVELOPMENT_MACHINE.fitted(
        [(work, seconds) for *_, work, seconds in rows], name=DEVELOPMENT_MACHINE.name, firmness=1e-6
    )
    off: dict[str, dict[str, float]] = {}
    for name, method, work, seconds in rows:
        off.setdefault(method, {})[name] = round(fitted.seconds(work) / seconds, 3)
    ratios = sorted(max(ratio, 1 / ratio) for by_case in off.values() for ratio in by_case.values())
    return {
        "constants": {name: float(f"{value:.3g}") for name, value in fitted.constants().items()},
        "predicted_over_timed": off,
        "factor_off": {
            "median": median(ratios),
            "nine_tenths": ratios[math.ceil(0.9 * len(ratios)) - 1],
            "most": ratios[-1],
        },
        "share_within_1_5": sum(ratio <= 1.5 for ratio in ratios) / len(ratios),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, default=None, help="cases to time (default: all)")
    parser.add_argument("--seconds", type=float, default=40.0, help="for each case")
    parser.add_argument("--fit", action="store_true", help="time nothing: fit again to what the record holds")
    parser.add_argument("--case", default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case is not None:
        print(json.dumps(time_case(options.case, options.seconds)))
        return
    path = RECORDS / "advise.json"
    cases = json.loads(path.read_text())["cases"] if path.exists() else {}
    for name in () if options.fit else options.only or CASES:
        print(name, file=sys.stderr)
        before = machine()
        steps = in_process(SCRIPT, "--case", name, "--seconds", str(options.seconds))
        cases[name] = {"machine": {**before, "threads": THREADS, "environment": ENVIRONMENT}, "steps": steps}
    found = fit(cases)
    write_record("advise", "How accurately does the cost model estimate a training step?", {"cases": cases, **found})
    for method, by_case in found["predicted_over_timed"].items():
        print(f"{method:30s}", *(f"{ratio:6.2f}" for ratio in by_case.values()))
    print(found["constants"], found["factor_off"], f"within 1.5: {found['share_within_1_5']:.0%}")


if __name__ == "__main__":
    main()
