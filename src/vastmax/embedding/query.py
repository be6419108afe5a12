"""Queries: one or several words or raw vectors, with or without weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from vastmax.errors import InputError

Item: TypeAlias = "str | NDArray[Any]"
WeightedItem: TypeAlias = "Item | tuple[Item, float]"


def weighted_items(given: WeightedItem | Sequence[WeightedItem] | None, weight: float) -> list[tuple[Item, float]]:
    """Return one or several query items, each with its weight; `weight` for those without one."""
    if given is None:
        return []
    if isinstance(given, str) or (isinstance(given, np.ndarray) and given.ndim == 1) or _is_weighted(given):
        given = [given]
    if not isinstance(given, Iterable):
        raise InputError(f"a query is {given!r}; expected a word, a vector, a pair (word or vector, weight), or a list")
    items: list[tuple[Item, float]] = []
    for item in given:
        if _is_weighted(item):
            items.append((item[0], float(item[1])))
        elif isinstance(item, str | np.ndarray):
            items.append((item, weight))
        else:
            raise InputError(f"a query holds {item!r}; expected a word, a vector, or a pair (word or vector, weight)")
    if not np.isfinite([own for _, own in items]).all():
        raise InputError("a query's weight is a NaN or an infinity; weights are finite numbers")
    return items


def _is_weighted(item: object) -> TypeGuard[tuple[Item, float]]:
    """Return whether this is a pair (word or vector, weight)."""
    return (
        isinstance(item, tuple)
        and len(item) == 2
        and isinstance(item[0], str | np.ndarray)
        and isinstance(item[1], int | float | np.integer | np.floating)
    )
