"""Words in buckets of hash tables: rows with similar directions fall into the same bucket."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.arguments import whole
from vastmax.errors import InputError
from vastmax.search.augmented import at_equal_length, augmented_rows
from vastmax.search.index_file import IndexFile
from vastmax.search.lists import ListIndex
from vastmax.search.score_table import ScoreTable

Hash = Literal["winner-take-all", "random-projection"]

_ROWS_AT_ONCE = 1 << 14
_SCALE = 16.0
"""Divisor of rows, relative to biases: a hidden vector is about this many times longer than one of its numbers."""


class Hashing(ListIndex):
    """Hash tables; a query looks at its own bucket in `effort` of them.

    "winner-take-all" (Vijayanarasimhan et al. 2015) takes the position of the largest coordinate in each of several
    random groups of `window`; "random-projection" takes the signs of products with random directions. Rows with their
    biases are first extended to equal length, so that angles are ordered by scores.

    Args:
        source: as for `Certified`.
        hash: the hash function.
        tables: number of tables.
        bits: bits per hash; a table has 2^bits buckets.
        window: coordinates per group, a power of two, for "winner-take-all".
        effort: number of tables to look into; see `calibrate`.
        seed: for the random numbers.
        threads: upper bound; None for the number that PyTorch uses.

    Raises:
        InputError: as for `Certified`; sizes out of range.

    Cost: 4·V·tables bytes; a query, tables·bits·D multiply-adds and D per word looked at.
    """

    kind: ClassVar[str] = "hashing"

    def __init__(
        self,
        source: Any,
        *,
        hash: Hash = "winner-take-all",
        tables: int = 64,
        bits: int = 9,
        window: int = 8,
        effort: int = 16,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        if hash not in get_args(Hash):
            raise InputError(f"hash is {hash!r}; expected 'winner-take-all' or 'random-projection'")
        self.hash: Hash = hash
        self.tables = whole("tables", tables, 1, 4096)
        self.bits = whole("bits", bits, 1, 24)
        self.window = whole("window", window, 2, 64)
        uneven = window & (window - 1) or bits % (window.bit_length() - 1)
        if hash == "winner-take-all" and uneven:
            raise InputError(
                f"window is {window} and bits {bits}; expected a power of two for window, and a multiple of its "
                "logarithm for bits"
            )
        self.seed = whole("seed", seed, 0, None)
        super().__init__(source, effort=effort, threads=threads)

    def _build(self, table: ScoreTable) -> None:
        self._scale = _SCALE
        rows = at_equal_length(augmented_rows(table, 1.0 / self._scale))
        self._draw(rows.shape[1])
        buckets = torch.cat([self._hash_of(part) for part in torch.split(rows, _ROWS_AT_ONCE)])  # (V, tables)
        ids = buckets + torch.arange(self.tables) * 2**self.bits
        flat = ids.T.reshape(-1).numpy()  # table after table
        num_lists = self.tables * 2**self.bits
        self._offsets = np.zeros(num_lists + 1, dtype=np.int64)
        np.cumsum(np.bincount(flat, minlength=num_lists), out=self._offsets[1:])
        self._words = (np.argsort(flat, kind="stable") % table.vocab_size).astype(np.int32)
        self._disjoint = False

    def _draw(self, width: int) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        if self.hash == "random-projection":
            self._directions = torch.randn(width, self.tables * self.bits, generator=generator)
            return
        groups = self.tables * self.bits // (self.window.bit_length() - 1)
        self._places = torch.stack([torch.randperm(width, generator=generator)[: self.window] for _ in range(groups)])
        if self._places.shape[1] < self.window:
            raise InputError(f"window is {self.window}; these rows have {width} coordinates: pass a smaller window")

    def _hash_of(self, rows: Tensor) -> Tensor:
        """Return the bucket in each table, (n, tables)."""
        if self.hash == "random-projection":
            digits = (rows @ self._directions > 0).long().view(len(rows), self.tables, self.bits)
            base = 2
        else:
            digits = rows[:, self._places].argmax(dim=2).view(len(rows), self.tables, -1)
            base = self.window
        powers = torch.tensor([base**place for place in range(digits.shape[2])])
        bucket: Tensor = (digits * powers).sum(dim=2)
        return bucket

    @property
    def most_effort(self) -> int:
        """The number of tables."""
        return self.tables

    def _choose(self, queries: Tensor) -> tuple[Tensor, Tensor | None]:
        asked = torch.cat(
            [queries * self._scale, queries.new_ones(len(queries), 1), queries.new_zeros(len(queries), 1)], dim=1
        )
        ids: Tensor = self._hash_of(asked) + torch.arange(self.tables) * 2**self.bits
        return ids[:, : self.effort], None

    @property
    def num_bytes(self) -> int:
        """Number of bytes of the index."""
        return int(self._offsets.nbytes + self._words.nbytes)

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {"offsets": self._offsets, "words": self._words}

    def _settings(self) -> dict[str, int | float | None]:
        return {
            "winner_take_all": int(self.hash == "winner-take-all"),
            "tables": self.tables,
            "bits": self.bits,
            "window": self.window,
            "effort": self.effort,
            "seed": self.seed,
        }

    def _restore(self, file: IndexFile) -> None:
        self.hash = "winner-take-all" if file.whole("winner_take_all", 0, 1) else "random-projection"
        self.tables, self.bits = file.whole("tables", 1, 4096), file.whole("bits", 1, 24)
        self.window, self.seed = file.whole("window", 2, 64), file.whole("seed", 0, 2**62)
        self.effort = file.whole("effort", 1, 2**62)
        self._scale = _SCALE
        self._draw(file.hidden_size + 2)
        self._offsets = file.mapped("offsets", "I64", self.tables * 2**self.bits + 1)
        self._words = file.mapped("words", "I32", self.tables * file.vocab_size)
        self._disjoint = False
