"""Slow float64 twins of the output-layer mathematics. Loops where the code has products; nothing from vastmax here.

Scores are (N, V) arrays; noise is the list of drawn word ids, repeats and all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def log_normaliser(scores: Array) -> Array:
    return np.array([math.log(math.fsum(math.exp(s - max(row)) for s in row)) + max(row) for row in scores])


def cross_entropy(
    scores: Array, target: Sequence[int], weight: Array | None = None, label_smoothing: float = 0.0
) -> Array:
    vocab_size = scores.shape[1]
    weight = np.ones(vocab_size) if weight is None else weight
    losses = []
    for row, log_z, t in zip(scores, log_normaliser(scores), target, strict=True):
        of_words = [weight[w] * (log_z - row[w]) for w in range(vocab_size)]
        losses.append((1 - label_smoothing) * of_words[t] + label_smoothing * sum(of_words) / vocab_size)
    return np.array(losses)


def sampled_softmax(
    scores: Array, target: Sequence[int], noise: Sequence[int], log_expected: Array, hits: str
) -> Array:
    """`hits`: "keep" (target corrected), "mask" (target not corrected) or "unique" (masked, target corrected)."""
    losses = []
    for row, t in zip(scores, target, strict=True):
        of_target = row[t] - (0.0 if hits == "mask" else log_expected[t])
        terms = [math.exp(of_target)]
        for w in noise:
            if w == t and hits != "keep":
                continue
            terms.append(math.exp(row[w] - log_expected[w]))
        losses.append(math.log(math.fsum(terms)) - of_target)
    return np.array(losses)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x >= 0 else x - math.log1p(math.exp(x))


def nce(
    scores: Array,
    target: Sequence[int],
    noise: Sequence[Sequence[int]],
    log_expected: Array,
    normaliser: Array,
) -> Array:
    """`noise` holds the draws of each example; `normaliser` is c of each."""
    losses = []
    for row, t, drawn, c in zip(scores, target, noise, normaliser, strict=True):
        loss = -log_sigmoid(row[t] - c - log_expected[t])
        for w in drawn:
            loss -= log_sigmoid(-(row[w] - c - log_expected[w]))
        losses.append(loss)
    return np.array(losses)


def negative_sampling(
    scores: Array, target: Sequence[int], noise: Sequence[Sequence[int]], excluded: Sequence[Sequence[int]]
) -> Array:
    losses = []
    for row, t, drawn, out in zip(scores, target, noise, excluded, strict=True):
        loss = -log_sigmoid(row[t])
        loss -= sum(log_sigmoid(-row[w]) for w in drawn if w not in out)
        losses.append(loss)
    return np.array(losses)


def self_normalised(scores: Array, target: Sequence[int], alpha: float, penalty: str) -> Array:
    losses = []
    for row, log_z, t in zip(scores, log_normaliser(scores), target, strict=True):
        paid = {"likelihood": log_z + alpha * log_z**2, "squared": alpha * log_z**2, "log": log_z}[penalty]
        losses.append(paid - row[t])
    return np.array(losses)


def unigram(counts: Sequence[float], power: float) -> Array:
    floor = min(c for c in counts if c > 0)
    weights = [max(c, floor) ** power for c in counts]
    return np.array(weights) / math.fsum(weights)


def log_uniform(vocab_size: int) -> Array:
    return np.array([math.log((k + 2) / (k + 1)) / math.log(vocab_size + 1) for k in range(vocab_size)])


def successive_draws_inclusion(q: Array, num: int) -> Array:
    """P(word among `num` distinct words drawn one after the other, repeats thrown away), by enumerating all orders."""
    included = np.zeros(len(q))

    def walk(drawn: frozenset[int], probability: float) -> None:
        if len(drawn) == num:
            for w in drawn:
                included[w] += probability
            return
        left = 1 - math.fsum(q[w] for w in drawn)
        for w in range(len(q)):
            if w not in drawn:
                walk(drawn | {w}, probability * q[w] / left)

    walk(frozenset(), 1.0)
    return included


def importance_sampling(
    scores: Array, target: Sequence[int], noise: Sequence[Sequence[int]], log_q: Array
) -> tuple[Array, Array]:
    """(loss, effective sample size) by example; `noise` holds the draws of each, `log_q` the log-law they come from."""
    losses, sizes = [], []
    for row, t, drawn in zip(scores, target, noise, strict=True):
        ratios = [math.exp(row[w] - log_q[w]) for w in drawn]
        losses.append(math.log(math.fsum(ratios) / len(ratios)) - row[t])
        sizes.append(math.fsum(ratios) ** 2 / math.fsum(r * r for r in ratios))
    return np.array(losses), np.array(sizes)


def ngram_counts(sentences: Sequence[Sequence[int]], vocab_size: int, order: int) -> dict[tuple[int, ...], int]:
    """How often each n-gram of known words occurs within a sentence."""
    seen: dict[tuple[int, ...], int] = {}
    for sentence in sentences:
        for end in range(order, len(sentence) + 1):
            gram = tuple(int(w) for w in sentence[end - order : end])
            if max(gram) < vocab_size:
                seen[gram] = seen.get(gram, 0) + 1
    return seen


def ngram_law(counts: dict[tuple[int, ...], int], context: tuple[int, ...], vocab_size: int) -> Array | None:
    """p(w | context) by counts; None for a context that was never seen. Contexts read in text order."""
    law = np.zeros(vocab_size)
    for gram, times in counts.items():
        if gram[:-1] == context:
            law[gram[-1]] += times
    return law / law.sum() if law.any() else None
