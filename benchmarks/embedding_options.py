"""Measure the cost of the options of word-vector training: CPU-seconds per prediction, one option at a time.

One epoch over the first lines of wiki8 on one thread, all settings alternately, several rounds. A straight line is
fitted to the medians of every curve; its distance from them shows how linear the cost is.

For various path lengths the text is synthetic: words drawn uniformly from 2^L words have paths of L decisions each.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from harness import spread, unpacked, write_record
from vastmax import Corpus, tree
from vastmax.embedding.settings import TrainingSettings, checked
from vastmax.embedding.train import train

LINES = 5_000
"""About 290,000 words: a round of all settings takes some ten seconds."""
UNIFORM_LINES = (4_000, 50)  # lines of so many words

NEGATIVE, HIERARCHICAL = "negative-sampling", "hierarchical-softmax"
NOISE_WORDS = (2, 5, 10, 20, 40)
WINDOWS = (2, 5, 10, 20)
WIDTHS = (50, 100, 200, 400)
PATH = "path_length"
PATH_LENGTHS = (2, 4, 6, 8, 10, 12, 14)


@dataclass(frozen=True)
class Curve:
    """One option through its values, all others as they are by default."""

    option: str
    values: tuple[int, ...]
    model: str
    objective: str

    @property
    def unit(self) -> str:
        """The window changes how many predictions there are, so its cost is that of a word of the text."""
        return "word" if self.option == "window" else "prediction"

    def settings(self, value: int) -> TrainingSettings:
        chosen: dict[str, Any] = {"min_count": 1, "sample": 0.0} if self.option == PATH else {self.option: value}
        return TrainingSettings(model=self.model, objective=self.objective, epochs=1, threads=1, **chosen)


CURVES = [
    Curve("negative", NOISE_WORDS, "skipgram", NEGATIVE),
    Curve("negative", NOISE_WORDS, "cbow", NEGATIVE),
    Curve("window", WINDOWS, "skipgram", NEGATIVE),
    Curve("window", WINDOWS, "cbow", NEGATIVE),
    Curve("window", WINDOWS, "skipgram", HIERARCHICAL),
    Curve("vector_size", WIDTHS, "skipgram", NEGATIVE),
    Curve("vector_size", WIDTHS, "skipgram", HIERARCHICAL),
    Curve(PATH, PATH_LENGTHS, "skipgram", HIERARCHICAL),
    Curve(PATH, PATH_LENGTHS, "cbow", HIERARCHICAL),
    Curve(PATH, PATH_LENGTHS, "skipgram", NEGATIVE),  # walks no path: it shows what more words alone cost
]


def wiki8(num_lines: int) -> Corpus:
    with unpacked("wiki8.txt").open(encoding="utf-8") as lines:
        return Corpus([line.split() for line in islice(lines, num_lines)])


def uniform_text(path_length: int) -> Corpus:
    drawn = np.random.default_rng(path_length).integers(2**path_length, size=UNIFORM_LINES)
    return Corpus([[str(word) for word in line] for line in drawn])


def mean_path_length(corpus: Corpus) -> float:
    """Decisions on the Huffman path of a word, averaged over the words of the text."""
    counts = np.asarray(corpus.vocabulary.counts)
    huffman = tree.huffman(counts)
    return float(np.average(huffman.leaf_depths, weights=counts[huffman.leaf_words]))


def straight_line(x: list[float], y: list[float]) -> dict[str, float]:
    """Return the line with the least squared relative distance from the points, and the largest such distance."""
    columns = np.stack([np.ones(len(x)), np.array(x)], axis=1) / np.array(y)[:, None]
    (start, slope), *_ = np.linalg.lstsq(columns, np.ones(len(x)), rcond=None)
    distances = np.abs(columns @ np.array([start, slope]) - 1)
    return {
        "start": round(float(start), 3),
        "slope": round(float(slope), 4),
        "largest_relative_distance": round(float(distances.max()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=LINES)
    arguments = parser.parse_args()
    text = wiki8(arguments.lines)
    uniform = {length: uniform_text(length) for length in PATH_LENGTHS}

    def case(curve: Curve, value: int) -> tuple[Corpus, TrainingSettings]:
        return uniform[value] if curve.option == PATH else text, curve.settings(value)

    # Curves meet in their common defaults; these are measured once.
    times: dict[tuple[Corpus, TrainingSettings], dict[str, list[float]]] = {
        case(curve, value): {"prediction": [], "word": []} for curve in CURVES for value in curve.values
    }
    for round_number in range(arguments.rounds):
        for (corpus, settings), nanoseconds in times.items():
            run = train(corpus, checked(settings)).training
            for unit, values in nanoseconds.items():
                values.append(1e9 * run["cpu_seconds"] / run[f"{unit}s"])
        print(f"round {round_number + 1} of {arguments.rounds}", flush=True)

    curves = []
    for curve in CURVES:
        points: list[dict[str, Any]] = []
        for value in curve.values:
            corpus, settings = case(curve, value)
            x = round(mean_path_length(corpus), 3) if curve.option == PATH else value
            measured = {f"nanoseconds_a_{unit}": spread(values) for unit, values in times[corpus, settings].items()}
            points.append({curve.option: x, **measured})
        medians = [point[f"nanoseconds_a_{curve.unit}"]["median"] for point in points]
        line = straight_line([point[curve.option] for point in points], medians)
        print(f"{curve}: {[round(median) for median in medians]}, {line}", flush=True)
        curves.append(
            {
                "option": curve.option,
                "model": curve.model,
                "objective": curve.objective,
                "unit": curve.unit,
                "points": points,
                "line": line,
            }
        )
    write_record(
        "embedding_options",
        "What do the options of word-vector training cost?",
        {
            "settings": {
                "corpus": "wiki8",
                "lines": arguments.lines,
                "words": int(np.sum(text.vocabulary.counts)),
                "uniform_text_words": int(np.prod(UNIFORM_LINES)),
                "epochs": 1,
                "threads": 1,
                "rounds": arguments.rounds,
            },
            "curves": curves,
        },
    )


if __name__ == "__main__":
    main()
