"""The kernel that estimates log Z from codes and a sample: unbiased, with a standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target
from vastmax.kernels.word_scan import CodedTable


@dataclass(frozen=True)
class SampledNormalizer:
    """The logarithm of Z, estimated for N examples.

    Attributes:
        log_normalizer: float32 (N,); NaN where the sample says that Z is not above 0, which codes of few bits and few
            draws can cause.
        error: float32 (N,), the standard error of Z, in units of Z.
        num_scored: int64 (N,), rows whose score was computed in float32.
    """

    log_normalizer: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    num_scored: npt.NDArray[np.int64]


def sample_normalizer(
    hidden: Matrix[np.float32],
    weight: Matrix[np.float32],
    bias: Column[np.float32] | None,
    *,
    coded: CodedTable,
    turned: Matrix[np.float32],
    seed: npt.NDArray[np.uint64],
    likely: npt.NDArray[np.int64],
    draws: float,
    threads: int,
    target: str | None = None,
) -> SampledNormalizer:
    """Estimate log Z by the leading columns' codes of all rows and the scores of about `draws` of them.

    With rough scores r(w) by the codes, and Z₀ a first guess of Z, a row is scored with probability
    p(w) = min(1, draws·e^r(w) / Z₀), so that

        Z ≈ Σ_w e^r(w) + Σ_{w scored} (e^s(w) − e^r(w)) / p(w)

    has the expectation Z. Equal seeds give equal numbers, except for rounding, on every instruction set.

    Args:
        hidden: float32 (N, D), finite.
        weight: float32 (V, D), finite.
        bias: float32 (V,) or None.
        coded: codes of the same table.
        turned: float32 (N, D), hidden turned as the rows were.
        seed: uint64 (N,), of each example's draws.
        likely: int64, words from which Z₀ is computed, together with the codes of some rows.
        draws: at least 1.
        threads: the maximum number; short work uses fewer.
        target: an instruction set.

    Raises:
        ValueError: shapes that do not match.

    Cost: V·first_width multiply-adds of whole numbers per example, of as many bytes that all examples share, and D
    multiply-adds per row scored.
    """
    N = hidden.shape[0]
    found = SampledNormalizer(np.empty(N, dtype=np.float32), np.empty(N, dtype=np.float32), np.empty(N, dtype=np.int64))
    _native.sample_normalizer(
        target or choose_target(),
        weight,
        bias,
        coded.native(),
        turned,
        seed,
        likely,
        draws,
        hidden,
        found.log_normalizer,
        found.error,
        found.num_scored,
        threads,
    )
    return found
