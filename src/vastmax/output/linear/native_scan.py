"""The best words of a plain table by one native pass over its rows, for small batches."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.kernels.word_scan import scan_rows

# Examples up to which the pass costs less than PyTorch's product and selection: benchmarks/search.py measures it.
_MOST_EXAMPLES = 256


def scan_takes(hidden: Tensor) -> bool:
    """Whether so few examples wait for the memory more than for arithmetic."""
    return hidden.shape[0] <= _MOST_EXAMPLES


def native_topk(hidden: Tensor, weight: Tensor, bias: Tensor | None, k: int) -> tuple[Tensor, Tensor]:
    """(log_prob, word_id), (N, k) each, for what `kernel_takes`; of equally probable words the lower id comes first."""
    score, word_id, log_normaliser = native_scan(hidden, weight, bias, k)
    return score - log_normaliser[:, None], word_id


def native_scan(hidden: Tensor, weight: Tensor, bias: Tensor | None, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """(score, word_id, log Z), (N, k), (N, k), (N,)."""
    found = scan_rows(
        hidden.detach().contiguous(),
        weight.detach(),
        None if bias is None else bias.detach(),
        k,
        threads=torch.get_num_threads(),
    )
    assert found.log_normaliser is not None
    return torch.from_numpy(found.score), torch.from_numpy(found.word_id), torch.from_numpy(found.log_normaliser)
