"""The least cost at which the words of one document move to those of another."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.errors import InputError


def transport_cost(
    supply: NDArray[np.float64], demand: NDArray[np.float64], source: NDArray[Any], target: NDArray[Any]
) -> float:
    """Return min Σ_ij flow_ij · |source_i − target_j| over flows with these sums of rows and columns.

    Args:
        supply: (n,) with the sum 1.
        demand: (m,) with the sum 1.
        source, target: (n, D) and (m, D).

    Cost: POT's network simplex if POT is installed, else SciPy's HiGHS, which takes some milliseconds for documents of
    tens of words.
    """
    from scipy.spatial.distance import cdist

    distance = cdist(source.astype(np.float64), target.astype(np.float64))
    if importlib.util.find_spec("ot") is not None:
        return float(importlib.import_module("ot").emd2(supply, demand, distance))
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack

    n, m = distance.shape
    rows, columns = kron(eye_array(n), np.ones((1, m))), kron(np.ones((1, n)), eye_array(m))
    solved = linprog(
        distance.ravel(), A_eq=vstack([rows, columns]).tocsr()[:-1], b_eq=np.concatenate([supply, demand])[:-1]
    )
    if not solved.success:
        raise InputError(f"the transport of {n} words to {m} was not solved: {solved.message}")
    return max(0.0, float(solved.fun))
