"""Word vectors from spelling, by convolution (Kim et al. 2016; Jozefowicz et al. 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, pad

from vastmax.arguments import MOST_SIZE, whole
from vastmax.characters.native_fit import native_fit, native_fit_takes
from vastmax.characters.spelled import NOTHING, NUM_SYMBOLS, Spelled
from vastmax.errors import InputError
from vastmax.kernels.pattern_fit import SpelledWords
from vastmax.tensors.constants import Constants

DEFAULT_FILTERS = {1: 32, 2: 48, 3: 56, 4: 56, 5: 64}
"""The number of filters of each width. Wider ones are more varied (Kim et al. 2016 choose them similarly)."""

_CARRY = -2.0
"""The initial bias of the highway gate: the input is initially passed on unchanged (Srivastava et al.)."""


class CharacterCNN(Constants):
    """Vectors of words from their bytes: project(highway(relu(max over positions of conv(byte vectors)))).

    A filter of width k covers k consecutive bytes, starting at each symbol of the word; positions beyond the end of the
    word contain a padding symbol. Long words are not truncated.

    As an input encoder it replaces `nn.Embedding`: `module(word_ids)`. Each distinct word in a call is computed once.

    Args:
        words: distinct words, in id order.
        size: the size of the word vectors.
        filters: the number of filters of each width; widths at least 1.
        symbol_size: the size of the byte vectors.
        unknown: the word that is spelled by a single symbol instead of letters.
        scale: the factor of the initial weights of the last layer.
        device: the device of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        InputError: sizes below 1, no filters, or words that cannot be spelled (see `Spelled.of`).

    Shape:
        word_ids (…) int64 in [0, V) → (…, size). The parameters do not depend on V; the spellings are not part of the
        `state_dict`.

    Cost:
        per word of n symbols: 2·F² + F·size multiply-adds, where F is the sum of `filters`, and n·(widest
        filter)·symbol_size·F for the convolution. For float32 on a CPU, a native kernel replaces the latter with
        n·Σ width·number additions.

    Example:
        >>> encoder = CharacterCNN(["cat", "cats", "dog"], 8)
        >>> encoder(torch.tensor([[0, 1], [2, 0]])).shape
        torch.Size([2, 2, 8])
    """

    symbol_bytes: Tensor
    offsets: Tensor
    widths: Tensor

    def __init__(
        self,
        words: Iterable[str],
        size: int,
        *,
        filters: Mapping[int, int] | None = None,
        symbol_size: int = 16,
        unknown: str | None = "<unk>",
        scale: float = 1.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.filters = dict(sorted((DEFAULT_FILTERS if filters is None else filters).items()))
        _check_sizes(size, symbol_size, self.filters)
        spelled = Spelled.of(words, unknown=unknown)
        # Not in the state_dict: they are the vocabulary, which the model is built from.
        widths = np.repeat(list(self.filters), list(self.filters.values())).astype(np.int32)
        self.register_constant("symbol_bytes", torch.from_numpy(spelled.symbols).view(torch.uint8), device=device)
        self.register_constant("offsets", torch.from_numpy(spelled.offsets), device=device)
        self.register_constant("widths", torch.from_numpy(widths), device=device)
        self.size = size
        self.symbol_size = symbol_size
        num_filters = sum(self.filters.values())
        self.symbol = nn.Parameter(torch.empty(NUM_SYMBOLS, symbol_size, device=device, dtype=dtype))
        self.patterns = nn.ParameterDict(
            {
                str(width): nn.Parameter(torch.empty(number, width * symbol_size, device=device, dtype=dtype))
                for width, number in self.filters.items()
            }
        )
        self.pattern_bias = nn.Parameter(torch.zeros(num_filters, device=device, dtype=dtype))
        self.gate = _Gate(num_filters, num_filters, device=device, dtype=dtype)
        self.transform = nn.Linear(num_filters, num_filters, device=device, dtype=dtype)
        self.project = _Projection(num_filters, size, scale, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw byte vectors from N(0, 1) and filters from ±1/√fan-in; the other layers initialize themselves."""
        nn.init.normal_(self.symbol)
        for pattern in self.patterns.values():
            bound = 1 / math.sqrt(pattern.shape[1])
            nn.init.uniform_(pattern, -bound, bound)
        nn.init.zeros_(self.pattern_bias)

    @property
    def symbols(self) -> Tensor:
        """The symbols of all words, concatenated, int16."""
        return self.symbol_bytes.view(torch.int16)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{len(self.offsets) - 1} words, {self.size}, filters={self.filters}, symbol_size={self.symbol_size}"

    def forward(self, word_ids: Tensor) -> Tensor:
        """Return the vectors of words: (…) → (…, size)."""
        distinct, position = torch.unique(word_ids, return_inverse=True)
        return self.vectors(distinct)[position]

    def vectors(self, word_ids: Tensor) -> Tensor:
        """Return the vectors of `word_ids` (U,), computed once per occurrence: (U, size)."""
        found = torch.relu(self._strongest(word_ids) + self.pattern_bias)
        gate = torch.sigmoid(self.gate(found))
        passed = torch.lerp(found.to(gate.dtype), torch.relu(self.transform(found)).to(gate.dtype), gate)
        vectors: Tensor = self.project(passed)
        return vectors

    def _strongest(self, word_ids: Tensor) -> Tensor:
        """Return the maximum response of each filter over the positions of each word: (U, F)."""
        patterns = self._pattern_matrix()
        if native_fit_takes(self.symbol, patterns):
            words = SpelledWords(self.symbols, self.offsets, NOTHING, word_ids.contiguous())
            return native_fit(self.symbol, patterns, words, self.widths)
        start = self.offsets[word_ids]
        length, by_length = (self.offsets[word_ids + 1] - start).sort()
        if len(word_ids) == 0:
            return self.pattern_bias.new_zeros(0, len(self.pattern_bias))
        windows = self._windows(start[by_length], length)
        seen = embedding(windows, self.symbol).flatten(1)  # (positions, widest·symbol_size)
        fit = linear(seen, patterns)
        # Words of one length are a block without padding.
        lengths, number = (counted.tolist() for counted in torch.unique_consecutive(length, return_counts=True))
        blocks = torch.split(fit, [n * size for n, size in zip(number, lengths, strict=True)])
        strongest = [
            block.view(n, size, -1).amax(dim=1) for block, n, size in zip(blocks, number, lengths, strict=True)
        ]
        return torch.cat(strongest)[torch.argsort(by_length)]

    def _windows(self, start: Tensor, length: Tensor) -> Tensor:
        """Return the symbols in the window at every position of words at `start`: (positions, widest filter)."""
        total = int(length.sum())
        before = length.cumsum(0) - length
        word = torch.repeat_interleave(torch.arange(len(length), device=start.device), length, output_size=total)
        place = torch.arange(total, device=start.device) - before[word]
        seen = place[:, None] + torch.arange(max(self.filters), device=start.device)
        inside = seen < length[word][:, None]
        symbol = self.symbols[(start[word][:, None] + seen).clamp_(max=len(self.symbols) - 1)].long()
        return torch.where(inside, symbol, NOTHING)

    def _pattern_matrix(self) -> Tensor:
        """Return all filters, zero-padded to the widest: (F, widest·symbol_size), for a single product."""
        widest = max(self.filters) * self.symbol_size
        return torch.cat([pad(pattern, (0, widest - pattern.shape[1])) for pattern in self.patterns.values()])


class _Gate(nn.Linear):
    """The gate of the highway layer, initially open to its input."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.constant_(self.bias, _CARRY)


class _Projection(nn.Linear):
    """The last layer, without a bias, with initial weights `scale` times as large as usual."""

    def __init__(
        self, width: int, size: int, scale: float, *, device: torch.device | str | None, dtype: torch.dtype | None
    ) -> None:
        self.scale = scale
        super().__init__(width, size, bias=False, device=device, dtype=dtype)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.weight *= self.scale


def _check_sizes(size: int, symbol_size: int, filters: Mapping[int, int]) -> None:
    whole("size", size, 1, MOST_SIZE)
    whole("symbol_size", symbol_size, 1, MOST_SIZE)
    if not filters or min(filters) < 1 or min(filters.values()) < 1:
        raise InputError(f"filters is {dict(filters)}; expected widths and numbers of at least 1, such as {{3: 100}}")
