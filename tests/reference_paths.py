"""Slow float64 twins of training word vectors by hierarchical softmax. They import nothing from vastmax."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from reference import (
    CbowBlock,
    CbowReference,
    KeptText,
    KeptWord,
    SubwordMeans,
    log_sigmoid,
    segments,
    sigmoid,
    splitmix64,
)


@dataclass
class PathsReference:
    """Inputs h against the nodes on the path to a word: −Σ log σ(± h · u_n), + where the path takes branch 1.

    Inputs go in groups of even sizes, one group after the other; scores in a group are those before it.
    """

    nodes: np.ndarray
    paths: list[list[tuple[int, int]]]  # the node and the branch of each decision on the path to each word
    largest_group: int
    loss: float = 0.0

    def groups(self, count: int) -> list[range]:
        number = -(-count // self.largest_group)
        return [range(count * i // number, count * (i + 1) // number) for i in range(number)]

    def word_loss(self, word: int, h: np.ndarray) -> float:
        return -sum(log_sigmoid(h @ self.nodes[n] * (2 * branch - 1)) for n, branch in self.paths[word])

    def step(self, word: int, inputs: np.ndarray, alpha: float) -> np.ndarray:
        """Move the nodes on the path; return what the inputs (one group) are to move by."""
        self.loss += sum(self.word_loss(word, h) for h in inputs)
        moves = np.zeros_like(inputs)
        for n, branch in self.paths[word]:
            sign = 2 * branch - 1
            g = np.array([alpha * sign * sigmoid(-sign * (h @ self.nodes[n])) for h in inputs])
            moves += g[:, None] * self.nodes[n]
            self.nodes[n] += g @ inputs
        return moves


@dataclass
class SkipgramPathsReference:
    """Skip-gram: each context's vector is an input, the path is the centre's."""

    words_matrix: np.ndarray
    paths: PathsReference
    keep_threshold: np.ndarray
    window: int
    words: int = 0
    kept: int = 0
    predictions: int = 0
    pairs: list[tuple[int, int]] = field(default_factory=list)
    subwords: SubwordMeans | None = None

    def train(self, sentences: list[list[int]], alpha_begin: float, alpha_end: float, seed: int) -> None:
        text = KeptText(len(self.words_matrix), self.keep_threshold, self.window)
        for share, kept in text.spans(sentences, splitmix64(seed)):
            for centres in segments(kept, self.words_matrix, self.subwords):
                self.segment(kept, centres, alpha_begin + (alpha_end - alpha_begin) * share)
        self.words, self.kept = text.words, text.kept

    def segment(self, kept: list[KeptWord], centres: range, alpha: float) -> None:
        for p in centres:
            centre = kept[p]
            contexts = [kept[q].word for q in centre.window if q != p]
            self.predictions += len(contexts)
            self.pairs += [(centre.word, o) for o in contexts]
            for group in self.paths.groups(len(contexts)):
                members = [contexts[i] for i in group]
                moves = self.paths.step(centre.word, self.words_matrix[members], alpha)
                for o, move in zip(members, moves, strict=True):
                    self.words_matrix[o] += move


@dataclass
class CbowPathsReference(CbowReference):
    """CBOW: each centre's mean of contexts walks its path, beside negative sampling where `negative` is not 0."""

    paths: PathsReference | None = None

    def step(self, block: CbowBlock, alpha: float) -> None:
        assert self.paths is not None
        h = np.array([self.input[contexts].mean(axis=0) for contexts in block.contexts])
        if self.negative:
            super().step(block, alpha)  # what the contexts move by is the sum of both
        else:
            self.predictions += len(block.centres)
        for i, (centre, contexts) in enumerate(zip(block.centres, block.contexts, strict=True)):
            (move,) = self.paths.step(centre, h[i : i + 1], alpha)
            for o in contexts:
                self.input[o] += move / len(contexts) if self.gradient == "exact" else move
