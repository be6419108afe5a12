"""Sharing noise words: block size and pool size against quality and cost, for skip-gram and CBOW.

A block of B centers shares a pool of P noise words. On the Brown corpus, which is small and where word-pair scores are
noisy, the criterion is the loss on held-out sentences (every tenth), with fresh noise for each prediction, as in the
original method. On wiki8 it is WordSim-353, SimLex-999 and the analogies. B = 1 is almost no sharing: each center has
its own pool. Each point is kept under build/, so an interrupted run continues where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from embedding_speed import quality
from harness import SCRATCH, corpora, spread, unpacked, write_record
from vastmax import Corpus, WordVectors
from vastmax.embedding.settings import CheckedSettings, TrainingSettings, checked
from vastmax.embedding.train import train
from vastmax.kernels.embedding_kernel import CbowKernel, EmbeddingKernel, SkipgramKernel

NEGATIVE = 5
HELD_OUT_WIDTH = 3
"""The number of contexts on each side of a held-out center, equal to the mean width of training windows."""


@dataclass(frozen=True)
class Point:
    """One training run of the study."""

    corpus: str  # "brown" or "wiki8"
    model: str
    B: int
    P: int
    seed: int

    def __str__(self) -> str:
        return "-".join(str(value) for value in asdict(self).values())


GRID = {
    ("brown", "skipgram"): [
        (1, 8),
        (8, 8),
        (8, 16),
        (16, 8),
        (16, 16),
        (16, 32),
        (32, 8),
        (32, 16),
        (32, 24),
        (32, 48),
    ],
    ("brown", "cbow"): [(1, 8), (8, 8), (8, 16), (16, 8), (16, 16), (16, 32), (32, 8), (32, 16), (32, 32), (64, 16)],
    ("wiki8", "skipgram"): [(32, 8), (32, 16), (32, 24), (16, 8)],
    ("wiki8", "cbow"): [(16, 8), (16, 16), (32, 16), (32, 32)],
}


def trained(point: Point, text: Corpus) -> WordVectors:
    """Train with this block and pool instead of those the library would choose."""

    def kernel_for(counts: NDArray[np.int64], settings: CheckedSettings) -> EmbeddingKernel:
        common: dict[str, Any] = {
            "window": settings.window,
            "negative": settings.negative,
            "sample": settings.sample,
            "ns_exponent": settings.ns_exponent,
            "centres": point.B,
        }
        if point.model == "cbow":
            return CbowKernel(counts, settings.vector_size, pool_size=point.P, **common)
        return SkipgramKernel(counts, settings.vector_size, pool_sizes=np.array([point.P], np.int32), **common)

    settings = checked(TrainingSettings(model=point.model, negative=NEGATIVE, threads=1, seed=point.seed))
    with mock.patch("vastmax.embedding.run.kernel_for", kernel_for):
        return train(text, settings)


def held_out_loss(vectors: WordVectors, model: str, sentences: list[list[str]]) -> float:
    """Return the mean nats per prediction with K noise words each; all vectors of one vocabulary use the same draws."""
    assert vectors.output_vectors is not None
    assert vectors.counts is not None
    random = np.random.default_rng(0)
    law = np.cumsum(vectors.counts**0.75)
    position = vectors.key_to_index
    total, predictions = 0.0, 0
    for inputs, targets in _held_out(sentences, position, model, vectors.vectors):
        noise = np.searchsorted(law, random.random((len(targets), NEGATIVE)) * law[-1], side="right")
        score = np.einsum("nd,nd->n", inputs, vectors.output_vectors[targets])
        noise_score = np.einsum("nd,nkd->nk", inputs, vectors.output_vectors[noise])
        counts = noise != targets[:, None]
        total += np.logaddexp(0, -score).sum() + (counts * np.logaddexp(0, noise_score)).sum()
        predictions += len(targets)
    return float(total / predictions)


def _held_out(
    sentences: list[list[str]], position: dict[str, int], model: str, vectors: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield inputs (n, D) and the words they are to predict (n,), sentence by sentence."""
    for sentence in sentences:
        ids = np.array([position[word] for word in sentence if word in position], dtype=np.int64)
        distance = np.abs(np.arange(len(ids))[:, None] - np.arange(len(ids)))
        near = (distance > 0) & (distance <= HELD_OUT_WIDTH)
        if not near.any():
            continue
        if model == "cbow":
            yield (near / near.sum(axis=1, keepdims=True)).astype(np.float32) @ vectors[ids], ids
        else:
            centre, context = np.nonzero(near)
            yield vectors[ids[centre]], ids[context]


def brown() -> tuple[list[list[str]], list[list[str]]]:
    """Return the sentences that are trained on and those held out."""
    lines = [line.split() for line in (corpora() / "brown.txt").read_text().splitlines()]
    return [s for k, s in enumerate(lines) if k % 10], lines[::10]


def measured(point: Point) -> dict[str, Any]:
    """Train and judge, or give back what an interrupted run already measured."""
    kept = SCRATCH / f"sharing-{point}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    result: dict[str, Any]
    if point.corpus == "brown":
        sentences, held_out = brown()
        vectors = trained(point, Corpus(sentences))
        result = {
            "held_out_nats": held_out_loss(vectors, point.model, held_out),
            "cpu_seconds": vectors.training["cpu_seconds"],
        }
    else:
        vectors = trained(point, Corpus(str(unpacked("wiki8.txt"))))
        out = str(SCRATCH / f"sharing-{point}.safetensors")
        vectors.save(out)
        result = quality(out)
        Path(out).unlink()  # 50 MB
    result["training_nats"] = vectors.training["losses"][-1]
    kept.write_text(json.dumps(result))
    print(f"{point}: {json.dumps(result)}", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--wiki8-seeds", type=int, default=2)
    arguments = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    curves: dict[str, Any] = {}
    for (corpus, model), grid in GRID.items():
        seeds = range(1, 1 + (arguments.wiki8_seeds if corpus == "wiki8" else arguments.seeds))
        results = {size: [] for size in grid}
        for seed in seeds:  # the sizes in turn
            for B, P in grid:
                results[B, P].append(measured(Point(corpus, model, B, P, seed)))
        curves[f"{corpus}_{model}"] = [_row(B, P, runs) for (B, P), runs in results.items()]
    write_record(
        "embedding_sharing",
        "How do the block of centers and the pool of noise words that it shares change quality and cost?",
        {"settings": {"negative": NEGATIVE, "epochs": 5, "window": 5, "threads": 1, "alpha": "default"}, **curves},
    )


def _row(B: int, P: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"B": B, "P": P}
    for key in runs[0]:
        values = [run[key] for run in runs]
        row[key] = {**spread(values), "mean": round(mean(values), 4)}
    return row


if __name__ == "__main__":
    main()
