"""Class vectors from a user's network: the item tower of a recommender, an encoder of labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from vastmax.arguments import MOST_SIZE, MOST_WORDS, real, whole
from vastmax.errors import InputError
from vastmax.output.base import Rows
from vastmax.output.linear.rows import LinearRows
from vastmax.output.linear.tiles import spans
from vastmax.output.table import FrozenTable
from vastmax.tensors.numbers import at_least_float32

Tower = Callable[[Tensor], Tensor]
"""A function from ids (U,) int64, ascending and distinct, to their vectors (U, D)."""

_ITEMS_AT_ONCE = 2**16
"""Items that go through the tower together without gradients."""


class Given(FrozenTable):
    """s(w) = h·v_w/τ with v_w = tower(w), or the cosine of h and v_w over τ; gradients reach both towers.

    With a sampled objective, only the items used in the step go through the tower. Calls that read all items compute
    all V vectors, until `freeze` stores them.

    Args:
        tower: maps ids to vectors: an `nn.Module`, which becomes part of this layer, or any function.
        hidden_size: D, the size of its vectors and of the hidden vectors.
        vocab_size: V; the ids are in [0, V).
        temperature: τ > 0.
        cosine: whether to scale both vectors to length 1. A temperature of 0.05 to 0.2 is then usual: at 1, the largest
            possible probability of an item is about e²/V.

    Raises:
        InputError: sizes below 1 or a temperature that is not positive; when used, the tower returns a wrong shape.

    Shape:
        hidden (N, D), target (N,). The parameters are those of the tower.

    Cost:
        sampled: that of `Dense`, plus the tower for each distinct item of the step, forward and backward. Exact: the
        tower for all V items; after `freeze()`, that of `Dense`.

    Example:
        >>> from torch import nn
        >>> items = nn.Sequential(nn.Embedding(1000, 16), nn.Linear(16, 8))
        >>> layer = Given(items, 8, 1000, temperature=0.1, cosine=True)
        >>> best, item_ids = layer.topk(torch.randn(2, 8), 5)
        >>> item_ids.shape
        torch.Size([2, 5])
    """

    sparse_gradients = False  # the tower determines its gradients

    def __init__(
        self, tower: Tower, hidden_size: int, vocab_size: int, *, temperature: float = 1.0, cosine: bool = False
    ) -> None:
        super().__init__()
        if not callable(tower):
            raise InputError(f"tower is a {type(tower).__name__}; expected a module or function from ids to vectors")
        hidden_size = whole("hidden_size", hidden_size, 1, MOST_SIZE)
        vocab_size = whole("vocab_size", vocab_size, 1, MOST_WORDS)
        temperature = real("temperature", temperature, 0.0, math.inf, above=True)
        self.tower = tower
        self.hidden_size = hidden_size
        self.vocab_size = vocab_size
        self.temperature = temperature
        self.cosine = cosine

    def extra_repr(self) -> str:
        """Sizes and options."""
        return f"{self.hidden_size}, {self.vocab_size}, temperature={self.temperature}, cosine={self.cosine}"

    def initialise_bias(self, value: float | Tensor) -> bool:
        """Return False, since there is no bias."""
        return False

    def select(self, word_ids: Tensor) -> Rows:
        """See `FlatOutput.select`."""
        if self.frozen_table is None:
            vectors = self._vectors(word_ids)
        else:
            vectors = self.frozen_table.index_select(0, word_ids)
        return _ScaledRows(LinearRows(word_ids, vectors, self.shifted_bias(None, word_ids)), self.scaled)

    def live_table(self) -> Tensor:
        """See `FrozenTable.live_table`: v_w, with length 1 for the cosine."""
        parameter = next(self.parameters(), None)
        word_ids = torch.arange(self.vocab_size, device=None if parameter is None else parameter.device)
        if torch.is_grad_enabled():
            return self._vectors(word_ids)
        return torch.cat([self._vectors(word_ids[span]) for span in spans(self.vocab_size, _ITEMS_AT_ONCE)])

    def table_bias(self) -> Tensor | None:
        """Return None, since there is no bias."""
        return None

    def scaled(self, hidden: Tensor) -> Tensor:
        """See `TableOutput.scaled`: h/τ, with h scaled to length 1 first for the cosine."""
        if self.cosine:
            hidden = _at_length_one(hidden)
        return hidden if self.temperature == 1 else hidden / self.temperature

    def _vectors(self, word_ids: Tensor) -> Tensor:
        vectors = self.tower(word_ids)
        if not isinstance(vectors, Tensor) or vectors.shape != (word_ids.shape[0], self.hidden_size):
            found = tuple(vectors.shape) if isinstance(vectors, Tensor) else type(vectors).__name__
            raise InputError(
                f"the tower returned {found} for {word_ids.shape[0]} ids; expected vectors "
                f"({word_ids.shape[0]}, {self.hidden_size})"
            )
        return _at_length_one(vectors) if self.cosine else vectors


def _at_length_one(vectors: Tensor) -> Tensor:
    precise = at_least_float32(vectors.dtype)
    return normalize(vectors.to(precise), dim=-1).to(vectors.dtype)


class _ScaledRows(Rows):
    """Rows that score scaled hidden vectors."""

    def __init__(self, rows: LinearRows, scaled: Callable[[Tensor], Tensor]) -> None:
        self.word_ids = rows.word_ids
        self._rows, self._scaled = rows, scaled

    def score(self, hidden: Tensor, position: Tensor | None = None) -> Tensor:
        return self._rows.score(self._scaled(hidden), position)

    def score_at(self, hidden: Tensor, position: Tensor) -> Tensor:
        return self._rows.score_at(self._scaled(hidden), position)

    def score_both(
        self, hidden: Tensor, noise_position: Tensor, target_position: Tensor, *, noise_shift: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return self._rows.score_both(self._scaled(hidden), noise_position, target_position, noise_shift=noise_shift)
