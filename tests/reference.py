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
class KeptText:
    """What subsampling leaves of sentences, in spans of whole sentences; the stream's numbers are used word by word."""

    vocab_size: int
    keep_threshold: np.ndarray
    window: int
    span: int = 2048
    words: int = 0
    kept: int = 0

    def spans(self, sentences: list[list[int]], stream: Iterator[int]) -> Iterator[tuple[float, list[KeptWord]]]:
        """Yield the share of the text that lies before a span, and the span's words."""
        total, done, s = sum(map(len, sentences)), 0, 0
        while s < len(sentences):
            share = done / max(total, 1)
            kept: list[KeptWord] = []
            while s < len(sentences) and len(kept) < self.span:
                drawn = []
                for w in sentences[s]:
                    if w < self.vocab_size:
                        self.words += 1
                        r = next(stream)
                        if r >> 32 <= self.keep_threshold[w]:
                            drawn.append((w, 1 + ((r & 0xFFFFFFFF) * self.window >> 32)))
                first, last = len(kept), len(kept) + len(drawn) - 1
                for p, (w, width) in enumerate(drawn, start=first):
                    kept.append(KeptWord(w, range(max(first, p - width), min(last, p + width) + 1), len(drawn)))
                done += len(sentences[s])
                s += 1
            self.kept += len(kept)
            yield share, kept


@dataclass(frozen=True)
class KeptWord:
    """A word that subsampling kept, the positions in its window, itself included, and how many its sentence kept."""

    word: int
    window: range
    sentence_length: int


@dataclass
class SubwordMeans:
    """Word vectors that are means of rows, for a segment of centres; then each row gets what its words moved by."""

    rows: np.ndarray
    of_word: list[list[int]]
    segment: int

    def take(self, vectors: np.ndarray) -> None:
        for word, rows in enumerate(self.of_word):
            vectors[word] = self.rows[rows].mean(axis=0)
        self.before = vectors.copy()

    def give_back(self, vectors: np.ndarray) -> None:
        for word, rows in enumerate(self.of_word):
            for row in rows:
                self.rows[row] += vectors[word] - self.before[word]


def segments(kept: list[KeptWord], vectors: np.ndarray, subwords: SubwordMeans | None) -> Iterator[range]:
    """Yield the centres to train between two visits to the rows that words share; all at once without such rows."""
    if subwords is None:
        yield range(len(kept))
        return
    for begin in range(0, len(kept), subwords.segment):
        subwords.take(vectors)
        yield range(begin, min(begin + subwords.segment, len(kept)))
        subwords.give_back(vectors)


@dataclass
class NoisePools:
    """Pools of noise words from an alias table, drawn one ahead of use."""

    alias_threshold: np.ndarray
    alias_word: np.ndarray
    size: int
    stream: Iterator[int]
    ahead: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ahead = self._draw()

    def next(self) -> list[int]:
        pool, self.ahead = self.ahead, self._draw()
        return pool

    def _draw(self) -> list[int]:
        pool = []
        for _ in range(self.size):
            r = next(self.stream)
            slot = (r >> 32) * len(self.alias_word) >> 32
            pool.append(slot if r & 0xFFFFFFFF <= self.alias_threshold[slot] else int(self.alias_word[slot]))
        return pool


@dataclass
class SkipgramBlock:
    """Centres handled together: their words, the contexts of each, all the words of their windows, the shared pool."""

    centres: list[int] = field(default_factory=list)
    contexts: list[list[int]] = field(default_factory=list)
    windows: list[set[int]] = field(default_factory=list)
    pool: list[int] = field(default_factory=list)

    def noise_weight(self, i: int, j: int, negative: int, exclude: str = "target") -> float:
        """K / P for each pair of centre i for which the noise word counts."""
        noise, contexts = self.pool[j], self.contexts[i]
        if exclude == "window" and noise in self.windows[i]:
            return 0.0
        return negative / len(self.pool) * sum(exclude != "target" or o != noise for o in contexts)

    def loss(self, centre: np.ndarray, context: np.ndarray, negative: int, exclude: str = "target") -> float:
        total = 0.0
        for i, c in enumerate(self.centres):
            total -= sum(log_sigmoid(centre[c] @ context[o]) for o in self.contexts[i])
            for j, w in enumerate(self.pool):
                total -= self.noise_weight(i, j, negative, exclude) * log_sigmoid(-(centre[c] @ context[w]))
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
    exclude: str = "target"
    band_width: int = 8
    words: int = 0
    kept: int = 0
    predictions: int = 0
    loss: float = 0.0
    seen: list[SkipgramBlock] = field(default_factory=list)
    after_segment: Callable[[list[KeptWord], range, float], None] | None = (
        None  # another objective, on the same centres
    )
    subwords: SubwordMeans | None = None

    def train(self, sentences: list[list[int]], alpha_begin: float, alpha_end: float, seed: int) -> None:
        stream = splitmix64(seed)
        pools = NoisePools(self.alias_threshold, self.alias_word, max(self.pool_sizes), stream)
        text = KeptText(len(self.centre), self.keep_threshold, self.window)
        for share, kept in text.spans(sentences, stream):
            alpha = alpha_begin + (alpha_end - alpha_begin) * share
            for centres in segments(kept, self.centre, self.subwords):
                self.train_segment(kept, centres, pools, alpha)
                if self.after_segment:
                    self.after_segment(kept, centres, alpha)
        self.words, self.kept = text.words, text.kept

    def train_segment(self, kept: list[KeptWord], centres: range, pools: NoisePools, alpha: float) -> None:
        longest = max((k.sentence_length for k in kept), default=0)
        for band, pool_size in enumerate(self.pool_sizes):
            near = band * self.band_width
            if near + 1 >= longest:
                break
            distances = range(near + 1, near + self.band_width + 1)
            for begin in centres[:: self.block_size]:
                block = SkipgramBlock()
                for p in range(begin, min(begin + self.block_size, centres.stop)):
                    block.centres.append(kept[p].word)
                    block.contexts.append([kept[q].word for q in kept[p].window if abs(q - p) in distances])
                    block.windows.append({kept[q].word for q in kept[p].window})
                if any(block.contexts):
                    block.pool = pools.next()[:pool_size]
                    self.seen.append(block)
                    self.step(block, alpha)

    def step(self, block: SkipgramBlock, alpha: float) -> None:
        h = self.centre[block.centres].copy()
        noise = self.context[block.pool].copy()
        g_noise = np.zeros((len(h), len(noise)))
        for i in range(len(h)):
            self.predictions += len(block.contexts[i])
            for j in range(len(noise)):
                score, weight = h[i] @ noise[j], block.noise_weight(i, j, self.negative, self.exclude)
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


@dataclass
class CbowBlock:
    """Centres handled together that have contexts: their words, the contexts of each, and the pool they share."""

    centres: list[int] = field(default_factory=list)
    contexts: list[list[int]] = field(default_factory=list)
    pool: list[int] = field(default_factory=list)

    def noise_weight(self, i: int, j: int, negative: int, exclude: str = "target") -> float:
        """K / P for a noise word that counts."""
        window = {"none": [], "target": [self.centres[i]], "window": [self.centres[i], *self.contexts[i]]}[exclude]
        return 0.0 if self.pool[j] in window else negative / len(self.pool)

    def loss(self, words: np.ndarray, output: np.ndarray, negative: int, exclude: str = "target") -> float:
        total = 0.0
        for i, c in enumerate(self.centres):
            h = words[self.contexts[i]].mean(axis=0)
            total -= log_sigmoid(h @ output[c])
            for j, w in enumerate(self.pool):
                total -= self.noise_weight(i, j, negative, exclude) * log_sigmoid(-(h @ output[w]))
        return total


@dataclass
class CbowReference:
    """The documented order of CBOW training, in float64, on (V, D) matrices that it changes in place."""

    input: np.ndarray
    output: np.ndarray
    keep_threshold: np.ndarray
    alias_threshold: np.ndarray
    alias_word: np.ndarray
    window: int
    negative: int
    pool_size: int
    block_size: int
    gradient: str = "exact"
    exclude: str = "target"
    words: int = 0
    kept: int = 0
    predictions: int = 0
    loss: float = 0.0
    seen: list[CbowBlock] = field(default_factory=list)
    subwords: SubwordMeans | None = None

    def train(self, sentences: list[list[int]], alpha_begin: float, alpha_end: float, seed: int) -> None:
        stream = splitmix64(seed)
        pools = NoisePools(self.alias_threshold, self.alias_word, self.pool_size, stream)
        text = KeptText(len(self.input), self.keep_threshold, self.window)
        for share, kept in text.spans(sentences, stream):
            for centres in segments(kept, self.input, self.subwords):
                self.train_segment(kept, centres, pools, alpha_begin + (alpha_end - alpha_begin) * share)
        self.words, self.kept = text.words, text.kept

    def train_segment(self, kept: list[KeptWord], centres: range, pools: NoisePools, alpha: float) -> None:
        for begin in centres[:: self.block_size]:
            block = CbowBlock()
            for p in range(begin, min(begin + self.block_size, centres.stop)):
                contexts = [kept[q].word for q in kept[p].window if q != p]
                if contexts:
                    block.centres.append(kept[p].word)
                    block.contexts.append(contexts)
            if block.centres:
                block.pool = pools.next()
                self.seen.append(block)
                self.step(block, alpha)

    def step(self, block: CbowBlock, alpha: float) -> None:
        h = np.array([self.input[contexts].mean(axis=0) for contexts in block.contexts])
        noise = self.output[block.pool].copy()
        scores = [h[i] @ self.output[c] for i, c in enumerate(block.centres)]
        g_noise = np.zeros((len(h), len(noise)))
        steps = []
        for i, c in enumerate(block.centres):
            self.predictions += 1
            for j in range(len(noise)):
                score, weight = h[i] @ noise[j], block.noise_weight(i, j, self.negative, self.exclude)
                self.loss -= weight * log_sigmoid(-score)
                g_noise[i, j] = -alpha * weight * sigmoid(score)
            self.loss -= log_sigmoid(scores[i])
            g = alpha * sigmoid(-scores[i])
            steps.append(g_noise[i] @ noise + g * self.output[c])
            self.output[c] += g * h[i]
        for j, w in enumerate(block.pool):
            self.output[w] += g_noise[:, j] @ h
        for contexts, step in zip(block.contexts, steps, strict=True):
            for o in contexts:
                self.input[o] += step / len(contexts) if self.gradient == "exact" else step


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
