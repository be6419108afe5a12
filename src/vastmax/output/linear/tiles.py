"""Tiles of scores: their size, and a buffer for them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from vastmax.tensors.numbers import at_least_float32

# Size of a tile: large enough for the matrix product to run at full speed, small enough for the cache of a CPU or the
# memory of a GPU. On 2 AVX-512 cores, 2**19 to 2**22 are equally fast.
_TILE_NUMEL_CPU = 2**21
_TILE_NUMEL_GPU = 2**25
_MAX_TILE_EXAMPLES_CPU = 1024
_MAX_TILE_EXAMPLES_GPU = 8192


def tile_shape(num_examples: int, device: torch.device) -> tuple[int, int]:
    """Return (examples, words) of a tile of scores."""
    on_gpu = device.type != "cpu"
    examples = max(1, min(num_examples, _MAX_TILE_EXAMPLES_GPU if on_gpu else _MAX_TILE_EXAMPLES_CPU))
    words = max(256, min(2**16, (_TILE_NUMEL_GPU if on_gpu else _TILE_NUMEL_CPU) // examples))
    # Not a power of two: with such a stride, a column occupies few sets of the cache, and the product along columns,
    # for the gradient of the weight, takes up to twice as long.
    return examples, words if words < 1000 else words // 1000 * 1000


def spans(length: int, step: int) -> Iterator[slice]:
    """Yield slices of at most `step` that cover range(length)."""
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


class TileScores:
    """Scores of successive tiles in one buffer: new memory would cost as much as a third of the product.

    The next tile overwrites a tile, and the caller may overwrite it, too.
    """

    def __init__(self, hidden: Tensor) -> None:
        examples, words = tile_shape(hidden.shape[0], hidden.device)
        self._buffer = hidden.new_empty(examples * words)

    def __call__(self, hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return hidden @ weight.T + bias for one tile of examples and words, in `at_least_float32`.

        `hidden` and `weight` have the dtype of the product.
        """
        scores = self._buffer[: hidden.shape[0] * weight.shape[0]].view(hidden.shape[0], weight.shape[0])
        if bias is None:
            torch.mm(hidden, weight.T, out=scores)
        else:
            torch.addmm(bias.to(hidden.dtype), hidden, weight.T, out=scores)
        return scores.to(at_least_float32(scores.dtype))
