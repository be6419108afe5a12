"""What a method has to do for a batch, counted: multiply-adds, scores, bytes moved, operations started.

The counts are those of this library's code, forward, backward and optimizer, not of the papers: the exact softmax makes
four products instead of three, because it computes its scores twice and never keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from vastmax.methods.words import Words

FLOAT_BYTES = 4

DEFAULT_NUM_SAMPLES = 1024
"""Noise words per step, shared by the batch. With fewer, a step's gathers and draws weigh as much as its products."""


@dataclass(frozen=True)
class Work:
    """The work of one batch.

    Attributes:
        multiply_adds: in large matrix products.
        cells: scores that pass through an exponential.
        scattered_bytes: of rows read or written wherever they lie.
        streamed_bytes: read or written from end to end.
        operations: started one after the other, however small.
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
        score: of log p, or what the method lets stand for it, of one given word per example.
        best: of finding each example's most probable word by an exact search.
        parameters: numbers in the output layer.
        state: numbers that its optimizer keeps.
        gradient: numbers in the gradient of a step.
        scores_unnormalised: `score` is of the raw score, which this training brings near log p.
        best_of_unigrams: `best` is for a model no surer than the unigrams: the search leaves out what cannot win, which
            is more the surer the model is.
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
