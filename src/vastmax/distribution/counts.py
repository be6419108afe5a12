"""Word counts as every part of the library takes them: checked once, as a float64 array in id order. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.errors import InputError


def counts_array(counts: Any, *, name: str = "counts") -> NDArray[np.float64]:
    """`counts` as a float64 array (V,) in id order.

    Args:
        counts: (V,) numbers ≥ 0, not all of them zero: list, array, tensor, or an object with such a `.counts`
            (a `Vocabulary`). Zeros are legal: special tokens and cold items have none.
        name: what the caller names this argument, for the message.

    Raises:
        InputError: not one-dimensional, empty, negative, NaN, infinite, or zero everywhere.
    """
    values = getattr(counts, "counts", counts)
    if hasattr(values, "detach"):  # a torch tensor, without importing torch
        values = values.detach().cpu().numpy()
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{name} has shape {array.shape}; expected one count a word, shape (V,) with V ≥ 1")
    if not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array))[0])
        raise InputError(f"{name}[{where}] is {array[where]}; expected finite counts: replace or remove that word")
    if (array < 0).any():
        where = int(np.flatnonzero(array < 0)[0])
        raise InputError(f"{name}[{where}] is {array[where]:g}; expected counts ≥ 0")
    if not array.any():
        raise InputError(f"{name} is zero for all {array.size} words; expected at least one count above 0")
    return array


def floored_counts(counts: Any, *, name: str = "counts") -> NDArray[np.float64]:
    """As `counts_array`, zeros raised to the smallest positive count, so that every word keeps a chance.

    A word of probability zero could be a target and never noise: its weight would be infinite.
    """
    array = counts_array(counts, name=name)
    floored: NDArray[np.float64] = np.maximum(array, array[array > 0].min())
    return floored
