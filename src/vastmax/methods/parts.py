"""Work that several methods share: exact softmaxes over blocks of words, sampled steps, rows used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vastmax.methods.words import Law, expected_distinct, tries_for
from vastmax.methods.work import FLOAT_BYTES, MethodWork, Setting, Work

# Passes over memory that the optimizers make of a dense gradient: row-wise Adagrad squares it, then reads and writes
# the weights by it; AdamW also reads and writes two moments, in several operations.
ADAGRAD_PASSES = 5
ADAMW_PASSES = 14

# Fitted to timings, not counted: what the code alone does not tell.
FEW_EXAMPLES = 32  # with fewer, the exact softmax goes through PyTorch's operations, which keep what they compute
UNIQUE_DRAWS_OPERATIONS = 140
_SCAN_PASSES = 7


@dataclass(frozen=True)
class Part:
    """A softmax over `words` words of width `width` for `examples` examples."""

    examples: float
    words: float
    width: float

    @property
    def cells(self) -> float:
        """Scores."""
        return self.examples * self.words


def exact_forward(parts: Sequence[Part]) -> Work:
    """Return the work of scoring every word of every part."""
    cells = sum(part.cells for part in parts)
    products = sum(part.cells * part.width for part in parts)
    table = sum(part.words * part.width for part in parts)
    return Work(products, cells, streamed_bytes=FLOAT_BYTES * table, operations=12.0 * len(parts))


def exact_step(parts: Sequence[Part], *, optimizer_passes: int) -> Work:
    """Return the work of a training step: scores twice, the gradients of both factors, the optimizer's passes."""
    forward = exact_forward(parts)
    table = forward.streamed_bytes
    detours = 2 if max(part.examples for part in parts) < FEW_EXAMPLES else 1
    return Work(
        4 * forward.multiply_adds,
        2 * forward.cells,
        streamed_bytes=detours * (4 + optimizer_passes) * table,
        operations=40.0 * len(parts),
    )


def scan(parts: Sequence[Part]) -> Work:
    """Return the work of finding the best of all words: scores in tiles, kept, their sum and their maximum."""
    forward = exact_forward(parts)
    return forward + Work(streamed_bytes=_SCAN_PASSES * FLOAT_BYTES * forward.cells, operations=30.0)


def rows_in_play(rows: float, width: float) -> Work:
    """Return the work of moving rows: gathered, gradients written and read, rows read and written by the optimizer."""
    return Work(scattered_bytes=5 * FLOAT_BYTES * rows * width)


def dense_table(setting: Setting) -> Part:
    """Return the part that is the whole vocabulary at full width."""
    return Part(setting.batch_size, setting.V, setting.hidden_size)


def over_dense_table(
    setting: Setting, train: Work, *, sparse_rows: float | None, raw_score: bool = False
) -> MethodWork:
    """Return the work of a method over the plain (V, D) table.

    Args:
        setting: the case.
        train: the work of a step.
        sparse_rows: rows that get a gradient; None for all.
        raw_score: whether the raw score stands for log p when a word is scored.
    """
    V, D, N = setting.V, setting.hidden_size, setting.batch_size
    table = [dense_table(setting)]
    raw = Work(scattered_bytes=FLOAT_BYTES * N * D, operations=10.0)
    return MethodWork(
        train,
        raw if raw_score else exact_forward(table),
        scan(table),
        parameters=V * (D + 1.0),
        state=2.0 * V,  # one accumulator per row, of weight and bias
        gradient=(V if sparse_rows is None else sparse_rows) * (D + 1.0),
        scores_unnormalised=raw_score,
    )


def softmax_work(setting: Setting, *, raw_score: bool = False, fraction: float = 1.0) -> MethodWork:
    """Return the work of the exact softmax, log Z computed for `fraction` of the examples."""
    table = dense_table(setting)
    chosen = Part(max(1.0, fraction * table.examples), table.words, table.width)
    step = exact_step([chosen], optimizer_passes=ADAGRAD_PASSES)
    if fraction < 1:
        step = step + rows_in_play(setting.batch_size, setting.hidden_size)
    return over_dense_table(setting, step, sparse_rows=None, raw_score=raw_score)


def sampled_work(
    setting: Setting,
    *,
    scored: float,
    touched: float,
    draws: float,
    scores_in_memory: bool = False,
    raw_score: bool = False,
    operations: float = 60.0,
) -> MethodWork:
    """Return the work of a step that scores `scored` noise words and, with the targets, touches `touched` rows."""
    N, D = setting.batch_size, setting.hidden_size
    cells = N * scored
    step = Work(3 * cells * D, 2 * cells, operations=operations) + rows_in_play(touched, D)
    step = step + Work(scattered_bytes=FLOAT_BYTES * 3 * N * D + 64 * draws)  # target scores; draws and look-ups
    if scores_in_memory:
        step = step + Work(streamed_bytes=16 * FLOAT_BYTES * cells)
    return over_dense_table(setting, step, sparse_rows=touched, raw_score=raw_score)


def shared_noise_work(
    setting: Setting,
    power: float,
    *,
    scores_in_memory: bool = False,
    raw_score: bool = False,
    operations: float = 60.0,
) -> MethodWork:
    """Return the work of a sampled step over draws with replacement from counts^power, repeats merged."""
    noise = expected_distinct(setting.words.power(power), setting.noise_words)
    return sampled_work(
        setting,
        scored=float(noise.sum()),
        touched=in_play(setting, noise),
        draws=float(setting.noise_words),
        scores_in_memory=scores_in_memory,
        raw_score=raw_score,
        operations=operations,
    )


def in_play(setting: Setting, noise: Law) -> float:
    """Return the expected number of distinct words among noise and targets."""
    target = expected_distinct(setting.words.law, setting.batch_size)
    return float((1 - (1 - noise) * (1 - target)).sum())


def unique_noise(setting: Setting) -> tuple[Law, float]:
    """Return how likely each word is to be among K distinct ones, (V,), and how many draws that takes."""
    law = setting.words.power(1.0)
    tries = tries_for(law, setting.noise_words)
    if np.isinf(tries):
        return np.ones_like(law), float(law.size)
    return expected_distinct(law, tries), tries
