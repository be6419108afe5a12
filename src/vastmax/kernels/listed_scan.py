"""The door to scans of listed words: each example has lists of its own, and a list is read once for all of them."""

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
        word_id: int64 (N, k), best first, equals by ascending id; −1 where the lists hold fewer.
        score: float32 (N, k), W_w·h + b_w; −inf where there is no word.
        log_sum: float32 (N,), log Σ e^score over the words of the lists; −inf for none.
        num_scored: int64 (N,), words of the lists.
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
    """Find the k best words of each example among the lists that are chosen for it, by their scores in float32.

    Args:
        hidden: float32 (N, D).
        weight: float32 (V, D).
        bias: float32 (V,), or None.
        k: at least 1.
        offsets: int64 (L + 1,): list l is words[offsets[l] : offsets[l + 1]].
        words: int32, word ids.
        chosen: int32 (N, P), lists of each example; −1 for none.
        disjoint: whether no word can stand twice among the lists of one example; if not, a word counts once.
        threads: at most so many; short work takes fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit; a list or word that is not there.

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
