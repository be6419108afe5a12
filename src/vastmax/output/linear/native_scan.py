"""The best words of a table by one native pass over its rows, for small batches."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.kernels.word_scan import scan_rows

# Up to this many examples, the pass costs less than PyTorch's product and selection (benchmarks/search.py).
_MOST_EXAMPLES = 256


def scan_takes(hidden: Tensor) -> bool:
    """Return whether there are so few examples that memory is the bottleneck."""
    return hidden.shape[0] <= _MOST_EXAMPLES


def native_topk(hidden: Tensor, weight: Tensor, bias: Tensor | None, k: int) -> tuple[Tensor, Tensor]:
    """Return (log_prob, word_id), (N, k) each, for what `kernel_takes`; ties are in the order of ids."""
    score, word_id, log_normaliser = native_scan(hidden, weight, bias, k)
    return score - log_normaliser[:, None], word_id


def native_scan(hidden: Tensor, weight: Tensor, bias: Tensor | None, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return (score, word_id, log Z), (N, k), (N, k) and (N,)."""
    found = scan_rows(
        hidden.detach().contiguous(),
        weight.detach(),
        None if bias is None else bias.detach(),
        k,
        threads=torch.get_num_threads(),
    )
    assert found.log_normaliser is not None
    return torch.from_numpy(found.score), torch.from_numpy(found.word_id), torch.from_numpy(found.log_normaliser)
