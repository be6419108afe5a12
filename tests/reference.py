"""Slow float64 twins of what vastmax computes fast. They import nothing from vastmax: methods are written out again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

MASK = (1 << 64) - 1


def splitmix64(seed: int) -> Iterator[int]:
    """Steele, Lea & Flood (2014)."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > -30 else x - math.log1p(math.exp(x))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


@dataclass
class SkipgramBlock:
    """Centres handled together: their words, the contexts of each, and the pool of noise words they share."""

    centres: list[int]
    contexts: list[list[int]]
    pool: list[int]

    def noise_weight(self, i: int, j: int, negative: int) -> float:
        """K / P for each pair of centre i whose context is not the noise word itself."""
        return negative / len(self.pool) * sum(o != self.pool[j] for o in self.contexts[i])

    def loss(self, centre: np.ndarray, context: np.ndarray, negative: int) -> float:
        total = 0.0
        for i, c in enumerate(self.centres):
            total -= sum(log_sigmoid(centre[c] @ context[o]) for o in self.contexts[i])
            for j, w in enumerate(self.pool):
                total -= self.noise_weight(i, j, negative) * log_sigmoid(-(centre[c] @ context[w]))
        return total


@dataclass
class SkipgramReference:
    """The documented order of skip-gram training, in float64, on (V, D) matrices that it changes in place."""

    centre: np.ndarray
    context: np.ndarray
    keep_threshold: np.ndarray
    alias_threshold: np.ndarray
    alias_word: np.ndarray
    window: int
    negative: int
    pool_sizes: list[int]  # one a band of distances
    block_size: int = 32
    band_width: int = 8
    span: int = 2048
    words: int = 0
    kept: int = 0
    predictions: int = 0
    loss: float = 0.0
    seen: list[SkipgramBlock] = field(default_factory=list)

    def train(self, sentences: list[list[int]], alpha_begin: float, alpha_end: float, seed: int) -> None:
        stream = splitmix64(seed)
        next_pool = self._draw_pool(stream)
        total, done, s = sum(map(len, sentences)), 0, 0
        while s < len(sentences):
            alpha = alpha_begin + (alpha_end - alpha_begin) * done / max(total, 1)
            kept: list[tuple[int, int, int, int]] = []  # word, first and last position of its sentence, window
            longest = 0
            while s < len(sentences) and len(kept) < self.span:
                words = []
                for w in sentences[s]:
                    if w < len(self.centre):
                        self.words += 1
                        r = next(stream)
                        if r >> 32 <= self.keep_threshold[w]:
                            words.append((w, 1 + ((r & 0xFFFFFFFF) * self.window >> 32)))
                first, last = len(kept), len(kept) + len(words) - 1
                kept += [(w, first, last, width) for w, width in words]
                longest = max(longest, len(words))
                done += len(sentences[s])
                s += 1
            self.kept += len(kept)
            for band, pool_size in enumerate(self.pool_sizes):
                near = band * self.band_width
                if near + 1 >= longest:
                    break
                for begin in range(0, len(kept), self.block_size):
                    block = SkipgramBlock([], [], [])
                    for p in range(begin, min(begin + self.block_size, len(kept))):
                        word, first, last, width = kept[p]
                        inside = range(max(first, p - width), min(last, p + width) + 1)
                        distances = range(near + 1, near + self.band_width + 1)
                        block.centres.append(word)
                        block.contexts.append([kept[q][0] for q in inside if abs(q - p) in distances])
                    if not any(block.contexts):
                        continue
                    block.pool = next_pool[:pool_size]
                    next_pool = self._draw_pool(stream)
                    self.seen.append(block)
                    self.step(block, alpha)

    def step(self, block: SkipgramBlock, alpha: float) -> None:
        h = self.centre[block.centres].copy()
        noise = self.context[block.pool].copy()
        g_noise = np.zeros((len(h), len(noise)))
        for i in range(len(h)):
            self.predictions += len(block.contexts[i])
            for j in range(len(noise)):
                score, weight = h[i] @ noise[j], block.noise_weight(i, j, self.negative)
                self.loss -= weight * log_sigmoid(-score)
                g_noise[i, j] = -alpha * weight * sigmoid(score)
        for i, c in enumerate(block.centres):
            gradient = g_noise[i] @ noise
            scores = [h[i] @ self.context[o] for o in block.contexts[i]]  # taken before the rows move
            for o, score in zip(block.contexts[i], scores, strict=True):
                self.loss -= log_sigmoid(score)
                g = alpha * sigmoid(-score)
                gradient = gradient + g * self.context[o]
                self.context[o] += g * h[i]
            self.centre[c] += gradient
        for j, w in enumerate(block.pool):
            self.context[w] += g_noise[:, j] @ h

    def _draw_pool(self, stream: Iterator[int]) -> list[int]:
        pool = []
        for _ in range(max(self.pool_sizes)):
            r = next(stream)
            slot = (r >> 32) * len(self.centre) >> 32
            pool.append(slot if r & 0xFFFFFFFF <= self.alias_threshold[slot] else int(self.alias_word[slot]))
        return pool


def numerical_gradient(f: Callable[[], float], x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences of f with respect to the array x, which f reads."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + step
        above = f()
        x[index] = kept - step
        below = f()
        x[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def expected_pairs(lengths: np.ndarray, window: int) -> float:
    """Pairs in sentences of these lengths when each position's width is uniform on 1 … window."""
    total = 0.0
    for n, times in zip(*np.unique(lengths, return_counts=True), strict=True):
        for width in range(1, window + 1):
            # Each side of a position misses what lies beyond the sentence: sum over positions of min(width, p).
            reach = np.minimum(np.arange(n), width).sum()
            total += times * 2 * reach / window
    return total
