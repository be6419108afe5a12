"""What the options of word-vector training cost: CPU-seconds a prediction against one option at a time.

One epoch over the first lines of wiki8 on one thread, all settings in turn, several rounds. A straight line is fitted to
the medians of every curve; its distance from them says how true "linear" is.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from harness import spread, unpacked, write_record

from vastmax import Corpus, tree
from vastmax.embedding.settings import TrainingSettings, checked
from vastmax.embedding.train import train

LINES = 20_000
"""About 1.1 million words: a round of all settings takes a quarter of a minute."""


@dataclass(frozen=True)
class Curve:
    """One option through its values, all others as they are by default or in `fixed`."""

    option: str
    values: tuple[int, ...]
    model: str
    objective: str
    fixed: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.option} · {self.model} · {self.objective}"

    def settings(self, value: int) -> dict[str, Any]:
        return {"model": self.model, "objective": self.objective, **self.fixed, self.option: value}


NEGATIVE, HIERARCHICAL = "negative-sampling", "hierarchical-softmax"
NOISE_WORDS = (2, 5, 10, 20, 40)
WINDOWS = (2, 5, 10, 20)
WIDTHS = (50, 100, 200, 400)
WORDS = (30, 250, 2_000, 16_000, 60_000)
CURVES = [
    Curve("negative", NOISE_WORDS, "skipgram", NEGATIVE),
    Curve("negative", NOISE_WORDS, "cbow", NEGATIVE),
    Curve("window", WINDOWS, "skipgram", NEGATIVE),
    Curve("window", WINDOWS, "cbow", NEGATIVE),
    Curve("window", WINDOWS, "skipgram", HIERARCHICAL),
    Curve("vector_size", WIDTHS, "skipgram", NEGATIVE),
    Curve("vector_size", WIDTHS, "skipgram", HIERARCHICAL),
    Curve("max_final_vocab", WORDS, "skipgram", NEGATIVE, {"min_count": 1}),
    Curve("max_final_vocab", WORDS, "skipgram", HIERARCHICAL, {"min_count": 1}),
    Curve("max_final_vocab", WORDS, "cbow", HIERARCHICAL, {"min_count": 1}),
]


def mean_path_length(counts: np.ndarray, sample: float) -> float:
    """Decisions on the Huffman path of a word, averaged over the words that subsampling keeps."""
    frequency = counts / counts.sum()
    kept = counts * np.minimum(1.0, np.sqrt(sample / frequency) + sample / frequency)
    huffman = tree.huffman(counts)
    return float(np.average(huffman.leaf_depths, weights=kept[huffman.leaf_words]))


def straight_line(x: list[float], y: list[float]) -> dict[str, float]:
    """The line with the least squared relative distance from the points, and the largest such distance."""
    columns = np.stack([np.ones(len(x)), np.array(x)], axis=1) / np.array(y)[:, None]
    (start, slope), *_ = np.linalg.lstsq(columns, np.ones(len(x)), rcond=None)
    distances = np.abs(columns @ np.array([start, slope]) - 1)
    return {"start": float(start), "slope": float(slope), "largest_relative_distance": round(float(distances.max()), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=LINES)
    arguments = parser.parse_args()
    with unpacked("wiki8.txt").open(encoding="utf-8") as lines:
        corpus = Corpus([line.split() for line in islice(lines, arguments.lines)])

    # Curves meet in their common default; it is measured once.
    cases: dict[tuple[tuple[str, Any], ...], dict[str, list[float]]] = {}
    for curve in CURVES:
        for value in curve.values:
            cases[tuple(sorted(curve.settings(value).items()))] = {"predictions": [], "words": []}
    for round_number in range(arguments.rounds):
        for case, nanoseconds in cases.items():
            run = train(corpus, checked(TrainingSettings(**dict(case), epochs=1, threads=1))).training
            for unit, values in nanoseconds.items():
                values.append(1e9 * run["cpu_seconds"] / run[unit])
        print(f"round {round_number + 1} of {arguments.rounds}", flush=True)

    curves = []
    for curve in CURVES:
        points, x = [], []
        for value in curve.values:
            settings = curve.settings(value)
            nanoseconds = cases[tuple(sorted(settings.items()))]
            point: dict[str, Any] = {curve.option: value}
            if curve.option == "max_final_vocab":
                types = corpus.vocabulary.truncate(min_count=1, max_size=value)
                point["mean_path_length"] = round(mean_path_length(types.counts, TrainingSettings().sample), 3)
            x.append(point.get("mean_path_length", value))
            point |= {f"nanoseconds_a_{unit[:-1]}": spread(values) for unit, values in nanoseconds.items()}
            points.append(point)
        # The window changes how many predictions there are, so its cost is that of a word of the text.
        unit = "word" if curve.option == "window" else "prediction"
        y = [point[f"nanoseconds_a_{unit}"]["median"] for point in points]
        line = straight_line(x, y)
        print(f"{curve.name}: {[round(v) for v in y]} ns a {unit}, line {line}", flush=True)
        curves.append(
            {
                "option": curve.option,
                "model": curve.model,
                "objective": curve.objective,
                "fixed": curve.fixed,
                "points": points,
                "line": {"against": "mean_path_length" if "mean_path_length" in points[0] else curve.option,
                         "of": f"nanoseconds_a_{unit}", **line},
            }
        )
    write_record(
        "embedding_options",
        "What do the options of word-vector training cost?",
        {
            "settings": {
                "corpus": "wiki8",
                "lines": arguments.lines,
                "words": int(corpus.vocabulary.counts.sum()),
                "epochs": 1,
                "threads": 1,
                "rounds": arguments.rounds,
            },
            "curves": curves,
        },
    )


if __name__ == "__main__":
    main()
