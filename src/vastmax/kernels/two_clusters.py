"""The kernel that splits groups of vectors in two: float32 arrays, used in place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vastmax.kernels import _native
from vastmax.kernels.machine import choose_target


def two_clusters(
    vectors: NDArray[np.float32],
    members: NDArray[np.int32],
    offsets: NDArray[np.int64],
    seeds: NDArray[np.uint64],
    *,
    weights: NDArray[np.float32] | None = None,
    iterations: int,
    threads: int,
    target: str | None = None,
) -> NDArray[np.float32]:
    """Fit a mixture of two Gaussians to each group of vectors and return the log-odds of its members.

    The components have their own means and shares and one common spherical variance. `iterations` steps of EM start
    from two means that differ in a random direction. Log-odds are log r/(1 − r), where r is the responsibility of the
    second component; they are 0 in a group of equal vectors.

    Args:
        vectors: (V, D), finite.
        members: (n,) rows of `vectors`, group after group.
        offsets: (groups + 1,) the offset of each group.
        seeds: (groups,) seeds of the directions.
        weights: (V,) > 0, the weight of each vector; None: equal weights.
        iterations: ≥ 1.
        threads: the maximum number; the result does not depend on them.
        target: an instruction set, see `vastmax.kernels.machine.available_targets`.

    Cost: (iterations + 4)·2·n·D multiply-adds.
    """
    log_odds = np.empty(members.size, dtype=np.float32)
    _native.two_clusters(
        target or choose_target(), vectors, weights, members, offsets, seeds, iterations, log_odds, threads
    )
    return log_odds
