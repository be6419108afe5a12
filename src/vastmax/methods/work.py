"""The work of a method for a batch: multiply-adds, scores, bytes moved, operations started.

The counts are those of this library's code, forward, backward and optimizer, not of the papers: the exact softmax makes
four products instead of three, because it computes its scores twice and never keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from vastmax.methods.words import Words

FLOAT_BYTES = 4

DEFAULT_NUM_SAMPLES = 1024
"""Noise words per step, shared by the batch. With fewer, gathers and draws would cost as much as products."""


@dataclass(frozen=True)
class Work:
    """The work of one batch.

    Attributes:
        multiply_adds: in large matrix products.
        cells: scores that pass through an exponential.
        scattered_bytes: bytes of rows at random places.
        streamed_bytes: bytes in sequence.
        operations: number of operations started, however small.
    """

    multiply_adds: float = 0.0
    cells: float = 0.0
    scattered_bytes: float = 0.0
    streamed_bytes: float = 0.0
    operations: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(Work)))

    def as_vector(self) -> np.ndarray:
        """Return the five figures in the order of the attributes."""
        return np.array([getattr(self, part.name) for part in fields(Work)])


@dataclass(frozen=True)
class Setting:
    """One case: the words, D, N, and K where a method draws noise."""

    words: Words
    hidden_size: int
    batch_size: int

    @property
    def V(self) -> int:  # noqa: N802 - the letter of the docs
        """Words."""
        return self.words.vocab_size

    @property
    def noise_words(self) -> int:
        """K: the methods' default, but never more than there are words."""
        return min(DEFAULT_NUM_SAMPLES, self.V)


@dataclass(frozen=True)
class MethodWork:
    """The work of one method in one setting.

    Attributes:
        train: of a step: forward, backward, optimizer.
        score: of log p, or the method's substitute, of one given word per example.
        best: of finding each example's most probable word by exact search.
        parameters: numbers in the output layer.
        state: numbers that its optimizer keeps.
        gradient: numbers in the gradient of a step.
        scores_unnormalised: whether `score` is the cost of a raw score, which this training brings near log p.
        best_of_unigrams: whether `best` assumes a model as uncertain as the unigrams; the search skips more for others.
    """

    train: Work
    score: Work
    best: Work
    parameters: float
    state: float
    gradient: float
    scores_unnormalised: bool = False
    best_of_unigrams: bool = False

    @property
    def training_bytes(self) -> float:
        """Parameters, optimizer state and gradient of the output layer together, in float32."""
        return FLOAT_BYTES * (self.parameters + self.state + self.gradient)
