"""Choose the blocks of wide and narrow vectors for differentiated softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from vastmax.arguments import MOST_WORDS, whole
from vastmax.distribution.counts import counts_array


def default_blocks(counts: Any, hidden_size: int) -> tuple[list[int], list[int]]:
    """Return (block_sizes, block_widths): three blocks of equal probability mass, with 8, 5 and 3 sixteenths of D.

    At D = 256 the widths are 128, 80 and 48. Under Zipf's law, the first block then holds a few dozen words and the
    last nearly all, so the layer costs about 3/16 of `Dense`. There is one block if V < 3 or D < 16.

    Example:
        >>> default_blocks([1000 / (rank + 1) for rank in range(1000)], 256)
        ([7, 76, 917], [128, 80, 48])
    """
    whole("hidden_size", hidden_size, 1, MOST_WORDS)
    ordered = np.sort(counts_array(counts))[::-1]
    if len(ordered) < 3 or hidden_size < 16:
        return [len(ordered)], [hidden_size]
    mass = np.cumsum(ordered) / ordered.sum()
    first = min(max(int(np.searchsorted(mass, 1 / 3)) + 1, 1), len(ordered) - 2)
    second = min(max(int(np.searchsorted(mass, 2 / 3)) + 1, first + 1), len(ordered) - 1)
    last_width, middle_width = 3 * hidden_size // 16, 5 * hidden_size // 16
    sizes = [first, second - first, len(ordered) - second]
    return sizes, [hidden_size - middle_width - last_width, middle_width, last_width]
