"""The door to scans over all words: rows coded in few bits, the k best words and log Z from one pass over the codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vastmax.kernels import _native
from vastmax.kernels.targets import choose_target

Array = Any
"""A C-contiguous numpy array or torch tensor on the CPU; the kernels refuse other dtypes than those named."""

BLOCK_ROWS = 16
"""Rows are coded in blocks of so many."""


@dataclass(frozen=True)
class RowCodes:
    """The rows of a table rounded to a few bits: W_w = scale_w·code_w + r_w.

    Attributes:
        bits: 8 or 4.
        codes: int8 (bytes,), in the order in which the scan reads them.
        scale: float32 (B·16,), B blocks of 16 rows.
        error: float32 (B·16,), ‖r_w‖ rounded up.
        bias: float32 (B·16,), b_w; −inf in rows past the last.
        norm: float32 (B,), the largest ‖W_w‖ of a block, rounded up.
    """

    bits: int
    codes: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    norm: npt.NDArray[np.float32]

    @property
    def num_bytes(self) -> int:
        """Bytes that a scan reads."""
        return sum(each.nbytes for each in (self.codes, self.scale, self.error, self.bias, self.norm))


@dataclass(frozen=True)
class Found:
    """The best words of N examples.

    Attributes:
        word_id: int64 (N, k), best first; of equal scores the lowest id first.
        score: float32 (N, k), W_w·h + b_w.
        log_normaliser: float32 (N,); None where it was not asked for.
        normaliser_error: float32 (N,), the standard error of log Z; 0 without codes.
        num_scored: int64 (N,), rows whose score was computed in float32.
        num_broken: int64 (N,), those among them whose score the codes exclude: above 0, the codes are of other rows.
    """

    word_id: npt.NDArray[np.int64]
    score: npt.NDArray[np.float32]
    log_normaliser: npt.NDArray[np.float32] | None
    normaliser_error: npt.NDArray[np.float32] | None
    num_scored: npt.NDArray[np.int64]
    num_broken: npt.NDArray[np.int64]


def block_bytes(width: int, bits: int) -> int:
    """Return the bytes of one block of coded rows of this width."""
    return -(-width // 2) * 32 if bits == 8 else -(-width // 4) * 32


def code_rows(weight: Array, bias: Array | None, *, bits: int, threads: int, target: str | None = None) -> RowCodes:
    """Round each row to whole numbers of 8 or 4 bits times a scale of its own.

    With 4 bits the scale is the one of six that leaves the least ‖r_w‖.

    Args:
        weight: float32 (V, D).
        bias: float32 (V,), or None.
        bits: 8 or 4.
        threads: at most so many.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit.

    Cost: V·D operations with 8 bits, 7·V·D with 4.
    """
    V, D = weight.shape
    blocks = -(-V // BLOCK_ROWS)
    rows = blocks * BLOCK_ROWS
    codes = np.empty(blocks * block_bytes(D, bits), dtype=np.int8)
    scale, error = np.empty(rows, dtype=np.float32), np.empty(rows, dtype=np.float32)
    norm = np.empty(blocks, dtype=np.float32)
    _native.code_rows(target or choose_target(), weight, bits, codes, scale, error, norm, threads)
    padded_bias = np.full(rows, -np.inf, dtype=np.float32)
    padded_bias[:V] = 0.0 if bias is None else bias
    return RowCodes(bits, codes, scale, error, padded_bias, norm)


def scan_words(
    hidden: Array,
    weight: Array,
    bias: Array | None,
    k: int,
    *,
    codes: RowCodes | None = None,
    normaliser: bool = True,
    tolerance: float = 2e-6,
    threads: int,
    target: str | None = None,
) -> Found:
    """Find the k best words of each example, as scoring every word in float32 would.

    Args:
        hidden: float32 (N, D), finite.
        weight: float32 (V, D), finite.
        bias: float32 (V,), or None.
        k: in [1, V].
        codes: of the same table; None scans the rows themselves.
        normaliser: whether log Z is wanted.
        tolerance: of log Z: rows are scored exactly, the heaviest first, until its standard error and its expected bias
            are below this.
        threads: at most so many; short work takes fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit.

    Cost: per example V·D multiply-adds of float32, or of 8-bit numbers, and 4·V·D bytes, or 1·V·D or ½·V·D, from
    memory; up to 8 examples share them.
    """
    N = hidden.shape[0]
    word_id, score = np.empty((N, k), dtype=np.int64), np.empty((N, k), dtype=np.float32)
    num_scored, num_broken = np.zeros(N, dtype=np.int64), np.zeros(N, dtype=np.int64)
    log_normaliser = np.empty(N, dtype=np.float32) if normaliser else None
    normaliser_error = np.zeros(N, dtype=np.float32) if normaliser else None
    parts = (None,) * 5 if codes is None else (codes.codes, codes.scale, codes.error, codes.bias, codes.norm)
    _native.scan_words(
        target or choose_target(),
        weight,
        bias,
        8 if codes is None else codes.bits,
        *parts,
        hidden,
        word_id,
        score,
        log_normaliser,
        normaliser_error,
        num_scored,
        num_broken,
        tolerance,
        threads,
    )
    return Found(word_id, score, log_normaliser, normaliser_error, num_scored, num_broken)
