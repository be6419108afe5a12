"""The door to scans over all words: rows coded in few bits, the k best words and log Z from one pass over the codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target

BLOCK_ROWS = 16
"""Rows are coded in blocks of so many."""


_LOWEST = float(np.finfo(np.float32).min)
"""The bias of rows that only fill up a block."""


@dataclass(frozen=True)
class RowCodes:
    """Rows rounded to a few bits: w = scale_w·code_w + r_w.

    Attributes:
        bits: 8 or 4.
        width: numbers in a row.
        codes: int8 (bytes,), in the order in which the scan reads them.
        scale: float32 (B·16,), B blocks of 16 rows.
        error: float32 (B·16,), ‖r_w‖ rounded up; 0 in rows past the last, and so norm.
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
    """A table whose rows, turned by a rotation, are coded twice: leading columns first, then all that this leaves.

    The bounds that the errors stand for are in `native/word_scan.hpp`.

    Attributes:
        first_bits: of the leading columns, 8 or 4; the second codes have 8.
        first_width: number of leading columns; where all D lead with 8 bits there are no second codes.
        first_codes: int8.
        second_codes: int8.
        first_scale: float32 (B·16,), as the five below.
        second_scale: likewise.
        first_error: likewise.
        second_error: likewise.
        variance: likewise; the expected squared error of a score by the first codes, per unit of `spread_of` the query.
        bias: likewise.
        norm: float32 (B,), the largest ‖w‖ of a block.
        first_spread: float32 (B,), log of the largest variance.
        second_spread: float32 (B,), log of the largest second error, squared.
        energy: float32 (D,), mean square of each column, of the largest.
        balance: how much the errors of the leading columns weigh against the columns left out.
        slack: what the rotation may change of ‖w‖·‖h‖.
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
        """As the kernel takes it."""
        fields = {name: value for name, value in vars(self).items() if name != "energy"}
        return _native.CodedTable(**fields)

    def spread_of(self, turned: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what a row's `variance` is multiplied with, (N,): how much of a query lies where rows are left out."""
        squares = turned.astype(np.float64) ** 2
        rest = self.energy[self.first_width :].astype(np.float64)
        if rest.sum() > 0:
            spread = squares[:, self.first_width :] @ rest / rest.sum()
        else:
            spread = squares.mean(axis=1)
        return _as_float32(np.maximum(spread, 1e-30))

    @property
    def num_bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(each.nbytes for each in vars(self).values() if isinstance(each, np.ndarray))


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

    @property
    def arrays(
        self,
    ) -> tuple[
        npt.NDArray[np.int64],
        npt.NDArray[np.float32],
        npt.NDArray[np.float32] | None,
        npt.NDArray[np.float32] | None,
        npt.NDArray[np.int64],
        npt.NDArray[np.int64],
    ]:
        """As the kernels take them."""
        return (
            self.word_id,
            self.score,
            self.log_normaliser,
            self.normaliser_error,
            self.num_scored,
            self.num_broken,
        )


def block_bytes(width: int, bits: int) -> int:
    """Return the bytes of one block of coded rows of this width."""
    return -(-width // 2) * 32 if bits == 8 else -(-width // 4) * 32


def code_rows(
    weight: Matrix[np.float32],
    *,
    bits: int,
    residual: Matrix[np.float32] | None = None,
    threads: int,
    target: str | None = None,
) -> RowCodes:
    """Round each row to whole numbers of 8 or 4 bits times a scale of its own.

    With 4 bits the scale is the one of six that leaves the least ‖r_w‖.

    Args:
        weight: float32 (V, D).
        bits: 8 or 4.
        residual: float32 (V, D), to be overwritten by r; None if it is not wanted.
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
    """Code a table in two parts.

    Args:
        turned: float32 (V, D), the rows, turned by the rotation that queries are turned by.
        bias: float32 (V,), or None.
        first_width: leading columns, in [1, D].
        first_bits: of their codes, 8 or 4.
        slack: how far turning may change a product, per unit of ‖w‖·‖h‖.
        threads: at most so many.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit.

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
    """γ for which √(rest² + error²/γ²)·√(‖h₂‖² + γ²‖h₁‖²) is least: γ² = error·‖h₂‖ / (rest·‖h₁‖).

    For typical rows, and queries whose squares lie in the columns as those of the rows do.
    """
    numbers = float(error.mean()), float(rest.mean()), float(energy[width:].sum()), float(energy[:width].sum())
    if not all(number > 0.0 for number in numbers):
        return 1.0
    return float(np.float32(np.sqrt(numbers[0] / numbers[1] * np.sqrt(numbers[2] / numbers[3]))))


def _lead_weight(energy: npt.NDArray[np.float64], width: int) -> float:
    """How much the squared errors of the leading columns count beside those of the others, for such queries."""
    lead, rest = energy[:width], energy[width:]
    if not rest.sum() > 0.0 or not lead.sum() > 0.0:
        return 1.0
    return float(lead.mean() / ((rest**2).sum() / rest.sum()))


def _rounded_up(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return (numbers * (1.0 + 1e-6)).astype(np.float32)


def _as_float32(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Expected squared errors, as large as float32 has them."""
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
    """Find the k best words of each example, and log Z, by scoring every word in float32; no score is stored.

    Args:
        hidden: float32 (N, D).
        weight: float32 (V, D).
        bias: float32 (V,), or None.
        k: in [1, V].
        normaliser: whether log Z is wanted.
        threads: at most so many; short work takes fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit.

    Cost: N·V·D multiply-adds; the table is read from memory once for all examples.
    """
    found = _room(hidden, k, normaliser)
    _native.scan_rows(target or choose_target(), weight, bias, hidden, *found.arrays, threads)
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
    """Find what `scan_rows` finds, proved for each example, by one pass over codes.

    Args:
        hidden: float32 (N, D), finite.
        weight: float32 (V, D), finite.
        bias: float32 (V,), or None.
        k: in [1, V].
        coded: of the same table.
        turned: float32 (N, D), hidden turned as the rows were.
        likely: int64, distinct words that are scored first; the better they are, the fewer others have to be.
        normaliser: whether log Z is wanted.
        tolerance: of log Z: rows that weigh much are scored so exactly that its standard error is a quarter of this.
        threads: at most so many; short work takes fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not fit.

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
        *found.arrays,
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
