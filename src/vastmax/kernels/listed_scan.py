"""The kernel that scans lists of words: each example has its own lists, and a list is read once for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target


@dataclass(frozen=True)
class Listed:
    """The best words of N examples among some lists.

    Attributes:
        word_id: int64 (N, k), best first, ties in the order of ids; −1 if the lists contain fewer.
        score: float32 (N, k), W_w·h + b_w; −inf if there is no word.
        log_sum: float32 (N,), log Σ e^score over the words of the lists; −inf for none.
        num_scored: int64 (N,), the number of words in the lists.
    """

    word_id: npt.NDArray[np.int64]
    score: npt.NDArray[np.float32]
    log_sum: npt.NDArray[np.float32]
    num_scored: npt.NDArray[np.int64]


def scan_listed(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    k: int,
    *,
    offsets: npt.NDArray[np.int64],
    words: npt.NDArray[np.int32],
    chosen: npt.NDArray[np.int32],
    disjoint: bool,
    threads: int,
    target: str | None = None,
) -> Listed:
    """Return the k best words of each example among its lists, by their scores in float32.

    Args:
        hidden: float32 (N, D).
        weight: float32 (V, D).
        bias: float32 (V,) or None.
        k: at least 1.
        offsets: int64 (L + 1,): list l is words[offsets[l] : offsets[l + 1]].
        words: int32, word ids.
        chosen: int32 (N, P), the lists of each example; −1 for none.
        disjoint: whether the lists of an example cannot share words; if they can, a word counts once.
        threads: the maximum number; short work uses fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match; a list or word out of range.

    Cost: D multiply-adds per example and word; disjoint lists are read from memory once for all examples.
    """
    N = hidden.shape[0]
    word_id, score = np.empty((N, k), dtype=np.int64), np.empty((N, k), dtype=np.float32)
    log_sum, num_scored = np.empty(N, dtype=np.float32), np.empty(N, dtype=np.int64)
    _native.scan_listed(
        target or choose_target(),
        weight,
        bias,
        offsets,
        words,
        disjoint,
        hidden,
        chosen,
        word_id,
        score,
        log_sum,
        num_scored,
        threads,
    )
    return Listed(word_id, score, log_sum, num_scored)
