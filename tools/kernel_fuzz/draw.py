"""Draw configurations: sizes that favor small values and edge cases, arrays that begin at any address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vastmax.errors import InputError

T = TypeVar("T")

REFUSALS = (InputError, ValueError, TypeError, IndexError, OverflowError)
"""What a door may raise for arguments that do not fit."""


class NotRefusedError(Exception):
    """A kernel accepted arguments that its wrapper must refuse."""


class Draw:
    """Random numbers of one configuration; `note` keeps what was drawn, for the report of a failure."""

    def __init__(self, seed: Sequence[int]) -> None:
        self.rng = np.random.default_rng(list(seed))
        self.notes: dict[str, object] = {}

    def note(self, **values: object) -> None:
        """Keep values under their names."""
        self.notes.update(values)

    def whole(self, low: int, high: int) -> int:
        """Return a whole number in low .. high; small ones and the ends are frequent."""
        if self.chance(0.1):
            return low if self.chance(0.5) else high
        return min(high, low - 1 + int(np.exp(self.rng.uniform(0, np.log(high - low + 2)))))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def choice(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[int(self.rng.integers(len(options)))]

    def floats(self, *shape: int, spread: float = 0.3) -> NDArray[np.float32]:
        """Normal numbers, rarely with some that are huge, infinite or not numbers."""
        found = self.anywhere(self.rng.normal(0, spread, shape).astype(np.float32))
        if found.size and self.chance(0.03):
            found.flat[self.rng.integers(found.size, size=1 + found.size // 50)] = self.choice(
                [np.inf, -np.inf, np.nan, 1e30, -1e30, 0.0]
            )
        return found

    def ids(self, low: int, high: int, *shape: int, dtype: Any = np.int64) -> NDArray[Any]:
        """Numbers in low .. high - 1, small ones more often."""
        uniform = self.rng.random(shape) ** self.choice([1, 1, 3])
        return self.anywhere((low + uniform * (high - low)).astype(dtype).clip(low, max(high - 1, low)))

    def ascending(self, count: int, below: int) -> NDArray[np.int64]:
        """`count` distinct numbers in 0 .. below - 1."""
        return self.anywhere(np.sort(self.rng.choice(below, count, replace=False)).astype(np.int64))

    def offsets(self, parts: int, total: int) -> NDArray[np.int64]:
        """(parts + 1,) from 0 to total, ragged: some parts are empty."""
        cuts = np.sort(self.rng.integers(0, total + 1, max(parts - 1, 0)))
        return self.anywhere(np.array([0, *cuts, total] if parts else [0], dtype=np.int64))

    def anywhere(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the same numbers, often where no cache line begins; nothing of the memory lies behind them."""
        shift = int(self.rng.integers(0, 16)) if self.chance(0.7) else 0
        memory = np.empty(array.size + shift, dtype=array.dtype)
        memory[shift:] = array.ravel()
        return memory[shift:].reshape(array.shape)

    def empty(self, *shape: int, dtype: Any = np.float32) -> NDArray[Any]:
        """Room for a result."""
        return self.anywhere(np.zeros(shape, dtype=dtype))

    def wrong_ids(self, ids: NDArray[Any], below: int) -> NDArray[Any]:
        """Return a copy in which one number is out of range."""
        wrong = ids.copy()
        wrong.flat[self.rng.integers(wrong.size)] = self.choice(
            [-1, below, below + 1, np.iinfo(wrong.dtype).max, np.iinfo(wrong.dtype).min]
        )
        return wrong


def must_refuse(what: str, call: Callable[[], object]) -> None:
    """Check that a wrapper refuses invalid arguments."""
    try:
        call()
    except REFUSALS:
        return
    raise NotRefusedError(what)
