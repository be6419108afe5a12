"""Kernels that scan all words: rows coded in few bits, the k best words and log Z from one pass over the codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target

BLOCK_ROWS = 16
"""Rows per block of codes."""


_LOWEST = float(np.finfo(np.float32).min)
"""The bias of padding rows in a block."""


@dataclass(frozen=True)
class RowCodes:
    """Rows quantized to a few bits: w = scale_w·code_w + r_w.

    Attributes:
        bits: 8 or 4.
        width: the size of a row.
        codes: int8 (bytes,), in the order of the scan.
        scale: float32 (B·16,), B blocks of 16 rows.
        error: float32 (B·16,), ‖r_w‖ rounded up; 0 for padding rows, and so is the norm.
        norm: float32 (B·16,), ‖w‖ rounded up.
    """

    bits: int
    width: int
    codes: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    norm: npt.NDArray[np.float32]


@dataclass(frozen=True)
class CodedTable:
    """A table whose rotated rows are coded twice: first the leading columns, then the residual.

    `native/word_scan.hpp` states the bounds in terms of the errors.

    Attributes:
        first_bits: bits of the leading columns, 8 or 4; the second codes have 8.
        first_width: the number of leading columns; if it is D with 8 bits, there are no second codes.
        first_codes: int8.
        second_codes: int8.
        first_scale: float32 (B·16,), like the next five.
        second_scale: likewise.
        first_error: likewise.
        second_error: likewise.
        variance: likewise; the expected squared error of a score by the first codes, per unit of `spread_of` the query.
        bias: likewise.
        norm: float32 (B,), the largest ‖w‖ of a block.
        first_spread: float32 (B,), log of the largest variance.
        second_spread: float32 (B,), log of the largest second error, squared.
        energy: float32 (D,), the mean square of each column relative to the largest.
        balance: the weight of errors of the leading columns relative to the other columns.
        slack: the relative error of ‖w‖·‖h‖ due to the rotation.
    """

    first_bits: int
    first_width: int
    first_codes: npt.NDArray[np.int8]
    second_codes: npt.NDArray[np.int8]
    first_scale: npt.NDArray[np.float32]
    second_scale: npt.NDArray[np.float32]
    first_error: npt.NDArray[np.float32]
    second_error: npt.NDArray[np.float32]
    variance: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    norm: npt.NDArray[np.float32]
    first_spread: npt.NDArray[np.float32]
    second_spread: npt.NDArray[np.float32]
    energy: npt.NDArray[np.float32]
    balance: float
    slack: float

    def native(self) -> _native.CodedTable:
        """Return the table for the kernel."""
        fields = {name: value for name, value in vars(self).items() if name != "energy"}
        return _native.CodedTable(**fields)

    def spread_of(self, turned: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the factor of a row's `variance`, (N,): the share of a query in the columns that are left out."""
        squares = turned.astype(np.float64) ** 2
        rest = self.energy[self.first_width :].astype(np.float64)
        if rest.sum() > 0:
            spread = squares[:, self.first_width :] @ rest / rest.sum()
        else:
            spread = squares.mean(axis=1)
        return _as_float32(np.maximum(spread, 1e-30))

    @property
    def num_bytes(self) -> int:
        """The size of all arrays in bytes."""
        return sum(each.nbytes for each in vars(self).values() if isinstance(each, np.ndarray))


class Found(NamedTuple):
    """The best words of N examples.

    Attributes:
        word_id: int64 (N, k), best first, with ties in the order of ids.
        score: float32 (N, k), W_w·h + b_w.
        log_normaliser: float32 (N,), or None if it was not requested.
        normaliser_error: float32 (N,), the standard error of log Z; 0 without codes.
        num_scored: int64 (N,), the number of rows scored in float32.
        num_broken: int64 (N,), of these, rows with a score outside the bounds: above 0, the codes are of other rows.
    """

    word_id: npt.NDArray[np.int64]
    score: npt.NDArray[np.float32]
    log_normaliser: npt.NDArray[np.float32] | None
    normaliser_error: npt.NDArray[np.float32] | None
    num_scored: npt.NDArray[np.int64]
    num_broken: npt.NDArray[np.int64]


def block_bytes(width: int, bits: int) -> int:
    """Return the bytes of one block of coded rows with this width."""
    return -(-width // 2) * 32 if bits == 8 else -(-width // 4) * 32


def code_rows(
    weight: Matrix[np.float32],
    *,
    bits: int,
    residual: Matrix[np.float32] | None = None,
    threads: int,
    target: str | None = None,
) -> RowCodes:
    """Quantize each row to integers of 8 or 4 bits times its own scale.

    With 4 bits, the scale is the one of six with the smallest ‖r_w‖.

    Args:
        weight: float32 (V, D).
        bits: 8 or 4.
        residual: float32 (V, D), output r; None if it is not needed.
        threads: the maximum number.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match.

    Cost: V·D operations with 8 bits, 7·V·D with 4.
    """
    V, D = weight.shape
    blocks = -(-V // BLOCK_ROWS)
    rows = blocks * BLOCK_ROWS
    codes = np.empty(blocks * block_bytes(D, bits), dtype=np.int8)
    scale, error, norm = (np.empty(rows, dtype=np.float32) for _ in range(3))
    _native.code_rows(target or choose_target(), weight, bits, codes, scale, error, norm, residual, threads)
    return RowCodes(bits, D, codes, scale, error, norm)


def code_table(
    turned: npt.NDArray[np.float32],
    bias: Column[np.float32] | None,
    *,
    first_width: int,
    first_bits: int,
    slack: float = 0.0,
    threads: int,
    target: str | None = None,
) -> CodedTable:
    """Return the table coded in two parts.

    Args:
        turned: float32 (V, D), the rows, rotated like the queries.
        bias: float32 (V,) or None.
        first_width: the number of leading columns, in [1, D].
        first_bits: bits of their codes, 8 or 4.
        slack: the error of a product due to the rotation, per unit of ‖w‖·‖h‖.
        threads: the maximum number.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match.

    Cost: as `code_rows`; a copy of the table.
    """
    V, D = turned.shape
    lead = turned[:, :first_width].copy()
    left = turned.copy()  # of each row
    first = code_rows(lead, bits=first_bits, residual=lead, threads=threads, target=target)
    left[:, :first_width] = lead
    rest = _norms(left[:, first_width:], len(first.scale))
    second = None if first_width == D and first_bits == 8 else code_rows(left, bits=8, threads=threads, target=target)
    energy = np.einsum("vd,vd->d", turned, turned, dtype=np.float64)
    energy /= max(float(energy.max()), 1e-300)  # only ratios count
    padded_bias = np.full(len(first.scale), _LOWEST, dtype=np.float32)
    padded_bias[:V] = 0.0 if bias is None else bias
    balance = _balance(first.error, rest, energy, first_width)
    first_error = _rounded_up(np.hypot(rest, first.error / balance))
    variance = _as_float32(rest**2 + _lead_weight(energy, first_width) * first.error.astype(np.float64) ** 2)
    none = np.empty(0, dtype=np.float32)
    return CodedTable(
        first_bits=first_bits,
        first_width=first_width,
        first_codes=first.codes,
        second_codes=np.empty(0, dtype=np.int8) if second is None else second.codes,
        first_scale=first.scale,
        second_scale=none if second is None else second.scale,
        first_error=first_error,
        second_error=none if second is None else second.error,
        variance=variance,
        bias=padded_bias,
        norm=_rounded_up(np.hypot(first.norm, rest).reshape(-1, BLOCK_ROWS).max(axis=1)),
        first_spread=_log_of_largest(variance),
        second_spread=none if second is None else _log_of_largest(second.error.astype(np.float64) ** 2),
        energy=energy.astype(np.float32),
        balance=balance,
        slack=slack,
    )


def _norms(rows: npt.NDArray[np.float32], padded: int) -> npt.NDArray[np.float64]:
    norms = np.zeros(padded)
    norms[: len(rows)] = np.sqrt(np.einsum("vd,vd->v", rows, rows, dtype=np.float64)) * (1.0 + 1e-6)
    return norms


def _balance(
    error: npt.NDArray[np.float32], rest: npt.NDArray[np.float64], energy: npt.NDArray[np.float64], width: int
) -> float:
    """Return the γ that minimizes √(rest² + error²/γ²)·√(‖h₂‖² + γ²‖h₁‖²): γ² = error·‖h₂‖ / (rest·‖h₁‖).

    It is for typical rows, and queries whose squares are distributed over the columns like those of the rows.
    """
    numbers = float(error.mean()), float(rest.mean()), float(energy[width:].sum()), float(energy[:width].sum())
    if not all(number > 0.0 for number in numbers):
        return 1.0
    return float(np.float32(np.sqrt(numbers[0] / numbers[1] * np.sqrt(numbers[2] / numbers[3]))))


def _lead_weight(energy: npt.NDArray[np.float64], width: int) -> float:
    """Return the weight of squared errors of the leading columns relative to the others, for such queries."""
    lead, rest = energy[:width], energy[width:]
    if not rest.sum() > 0.0 or not lead.sum() > 0.0:
        return 1.0
    return float(lead.mean() / ((rest**2).sum() / rest.sum()))


def _rounded_up(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return (numbers * (1.0 + 1e-6)).astype(np.float32)


def _as_float32(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return `numbers` as float32, at most its largest value."""
    found: npt.NDArray[np.float32] = np.minimum(numbers, float(np.finfo(np.float32).max)).astype(np.float32)
    return found


def _log_of_largest(numbers: npt.NDArray[np.float32] | npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    with np.errstate(divide="ignore"):
        logs: npt.NDArray[np.float32] = np.log(numbers.reshape(-1, BLOCK_ROWS).max(axis=1)).astype(np.float32)
    return logs


def scan_rows(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    k: int,
    *,
    normaliser: bool = True,
    threads: int,
    target: str | None = None,
) -> Found:
    """Return the k best words of each example, and log Z if `normaliser`, by scoring every word in float32.

    Args:
        hidden: float32 (N, D).
        weight: float32 (V, D).
        bias: float32 (V,) or None.
        k: in [1, V].
        threads: the maximum number; short work uses fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match.

    Cost: N·V·D multiply-adds; the table is read from memory once for all examples, and no score is stored.
    """
    found = _room(hidden, k, normaliser)
    _native.scan_rows(target or choose_target(), weight, bias, hidden, *found, threads)
    return found


def scan_codes(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    k: int,
    *,
    coded: CodedTable,
    turned: Matrix[np.float32],
    likely: npt.NDArray[np.int64] | None = None,
    normaliser: bool = True,
    tolerance: float = 1e-5,
    threads: int,
    target: str | None = None,
) -> Found:
    """Return the certified result of `scan_rows` by one pass over codes, with log Z if `normaliser`.

    Args:
        hidden: float32 (N, D), finite.
        weight: float32 (V, D), finite.
        bias: float32 (V,) or None.
        k: in [1, V].
        coded: the codes of the same table.
        turned: float32 (N, D), `hidden`, rotated like the rows.
        likely: int64, distinct words to score first; the better they are, the fewer others are scored.
        tolerance: of log Z: enough rows with a large share are scored exactly that its standard error is a quarter.
        threads: the maximum number; short work uses fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match.

    Cost: V·first_width multiply-adds of whole numbers per example, of as many bytes that all examples share; more where
    a row may be among the best, or weighs much in log Z.
    """
    found = _room(hidden, k, normaliser)
    _native.scan_codes(
        target or choose_target(),
        weight,
        bias,
        coded.native(),
        turned,
        coded.spread_of(np.asarray(turned)),
        np.empty(0, dtype=np.int64) if likely is None else likely,
        tolerance,
        hidden,
        *found,
        threads,
    )
    return found


def _room(hidden: Matrix[np.float32], k: int, normaliser: bool) -> Found:
    N = hidden.shape[0]
    return Found(
        word_id=np.empty((N, k), dtype=np.int64),
        score=np.empty((N, k), dtype=np.float32),
        log_normaliser=np.empty(N, dtype=np.float32) if normaliser else None,
        normaliser_error=np.zeros(N, dtype=np.float32) if normaliser else None,
        num_scored=np.zeros(N, dtype=np.int64),
        num_broken=np.zeros(N, dtype=np.int64),
    )
