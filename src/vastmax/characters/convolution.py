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
"""How many patterns of each width are looked for. Wider ones are more varied (Kim et al. 2016 grow them alike)."""

_CARRY = -2.0
"""Where the bias of the highway's gate starts: what was found is passed on unchanged at first (Srivastava et al.)."""


class CharacterCNN(Constants):
    """Vectors of words from their bytes: project(highway(relu(max over positions of conv(byte vectors)))).

    A pattern of width k looks at k bytes in a row, beginning at each symbol of the word in turn; beyond the word's end
    there is a symbol for nothing. Long words are not cut.

    As an input encoder it takes the place of `nn.Embedding`: `module(word_ids)`. Each distinct word of a call is worked
    out once.

    Args:
        words: distinct words, in id order.
        size: width of the vectors.
        filters: how many patterns of each width; widths at least 1.
        symbol_size: width of the vectors of bytes.
        unknown: the word that has a symbol of its own in place of letters.
        scale: what the last layer's first weights are multiplied by.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        InputError: sizes below 1, no filters, or words that cannot be spelled (see `Spelled.of`).

    Shape:
        word_ids (…) int64 in [0, V) → (…, size). Parameters do not depend on V; the spellings are no part of
        `state_dict`.

    Cost:
        a word of n symbols: 2·F² + F·size multiply-adds, F the sum of `filters`, and n·(widest pattern)·symbol_size·F
        before them. In float32 on a CPU that is n·Σ width·number additions instead, by a native kernel.

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
        """Draw vectors of bytes from N(0, 1), patterns from ±1/√fan-in; the layers above them do so for themselves."""
        nn.init.normal_(self.symbol)
        for pattern in self.patterns.values():
            bound = 1 / math.sqrt(pattern.shape[1])
            nn.init.uniform_(pattern, -bound, bound)
        nn.init.zeros_(self.pattern_bias)

    @property
    def symbols(self) -> Tensor:
        """The symbols of all words, one after the other, int16."""
        return self.symbol_bytes.view(torch.int16)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{len(self.offsets) - 1} words, {self.size}, filters={self.filters}, symbol_size={self.symbol_size}"

    def forward(self, word_ids: Tensor) -> Tensor:
        """The vectors of words: (…) → (…, size)."""
        distinct, position = torch.unique(word_ids, return_inverse=True)
        return self.vectors(distinct)[position]

    def vectors(self, word_ids: Tensor) -> Tensor:
        """The vectors of `word_ids` (U,), each worked out as often as it is listed: (U, size)."""
        found = torch.relu(self._strongest(word_ids) + self.pattern_bias)
        gate = torch.sigmoid(self.gate(found))
        passed = torch.lerp(found.to(gate.dtype), torch.relu(self.transform(found)).to(gate.dtype), gate)
        vectors: Tensor = self.project(passed)
        return vectors

    def _strongest(self, word_ids: Tensor) -> Tensor:
        """How well each pattern fits where it fits a word best: (U, F)."""
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
        """The symbols seen from every position of words at `start`: (positions, widest pattern)."""
        total = int(length.sum())
        before = length.cumsum(0) - length
        word = torch.repeat_interleave(torch.arange(len(length), device=start.device), length, output_size=total)
        place = torch.arange(total, device=start.device) - before[word]
        seen = place[:, None] + torch.arange(max(self.filters), device=start.device)
        inside = seen < length[word][:, None]
        symbol = self.symbols[(start[word][:, None] + seen).clamp_(max=len(self.symbols) - 1)].long()
        return torch.where(inside, symbol, NOTHING)

    def _pattern_matrix(self) -> Tensor:
        """All patterns, zero beyond their width: (F, widest·symbol_size). One product is quicker than one a width."""
        widest = max(self.filters) * self.symbol_size
        return torch.cat([pad(pattern, (0, widest - pattern.shape[1])) for pattern in self.patterns.values()])


class _Gate(nn.Linear):
    """The gate of the highway, open at first to what comes in."""

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.constant_(self.bias, _CARRY)


class _Projection(nn.Linear):
    """The last layer, without a bias, its first weights `scale` times as large as usual."""

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
