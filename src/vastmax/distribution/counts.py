"""Word counts for every part of the library: checked once, as an array in id order. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.errors import InputError

Counts = Any
"""(V,) numbers ≥ 0, not all zero: list, array, tensor, or an object with such a `.counts` (a `Vocabulary`)."""


def check_counts(counts: Counts, *, name: str = "counts") -> NDArray[Any]:
    """Return `counts` as an array (V,) in id order, of int64 for integers, else of float64.

    Args:
        counts: see `Counts`. Zeros are allowed: special tokens and cold items have no counts.
        name: the caller's name for this argument, for the message.

    Raises:
        InputError: not one-dimensional, empty, not numbers, negative, NaN, infinite, or all zero.
    """
    values: Any = getattr(counts, "counts", counts)
    if hasattr(values, "detach"):  # a torch tensor, without importing torch
        values = values.detach().cpu().numpy()
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0:
        hint = ": for V words that all count alike pass [1] * V" if array.ndim == 0 else ""
        raise InputError(f"{name} has shape {array.shape}; expected one count per word, shape (V,) with V ≥ 1{hint}")
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} are of type {array.dtype}; expected numbers")
    array = array.astype(np.float64 if array.dtype.kind == "f" else np.int64, copy=False)
    finite = np.isfinite(array)
    if not finite.all():
        where = int(np.flatnonzero(~finite)[0])
        raise InputError(f"{name}[{where}] is {array[where]}; expected finite counts: replace or remove that word")
    if (array < 0).any():
        where = int(np.flatnonzero(array < 0)[0])
        raise InputError(f"{name}[{where}] is {array[where]:g}; expected counts ≥ 0")
    if not array.any():
        raise InputError(f"{name} is zero for all {array.size} words; expected at least one count above 0")
    return array


def counts_array(counts: Counts, *, name: str = "counts") -> NDArray[np.float64]:
    """Return the result of `check_counts` as float64."""
    return check_counts(counts, name=name).astype(np.float64, copy=False)


def floored_counts(counts: Counts, *, name: str = "counts") -> NDArray[np.float64]:
    """Return the result of `counts_array` with zeros raised to the smallest positive count, so every word can be drawn.

    A word with probability zero could be a target but never noise, so its weight would be infinite.
    """
    array = counts_array(counts, name=name)
    floored: NDArray[np.float64] = np.maximum(array, array[array > 0].min())
    return floored


def log_unigram(counts: Counts, *, name: str = "counts") -> NDArray[np.float64]:
    """Return the log of each word's share of `floored_counts`, (V,)."""
    floored = floored_counts(counts, name=name)
    logs: NDArray[np.float64] = np.log(floored) - np.log(floored.sum())
    return logs
