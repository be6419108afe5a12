"""The whole distribution of some queries, which indexes are held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from vastmax.output.table import TableOutput
from vastmax.progress import Progress

_AT_ONCE = 16
_EDGES = (1, 10, 100, 1000)
"""Last ranks of the cells that draws are counted in; one more cell holds the rest."""

_DRAWS = 4


@dataclass(frozen=True, eq=False)
class Truth:
    """The best words and the distribution of N queries.

    Attributes:
        layer: whose distribution it is.
        hidden: (N, D).
        best_ids: (N, k) int64.
        best_log_prob: (N, k) float64.
        cells: (N, 5), the probability of the words of rank 1, 2 to 10, 11 to 100, 101 to 1,000, and of the others.
    """

    layer: Any
    hidden: Tensor
    best_ids: Tensor
    best_log_prob: Tensor
    cells: Tensor

    @classmethod
    def of(cls, layer: Any, hidden: Tensor, k: int, progress: Progress) -> Self:
        """Score every word for each query."""
        parts = []
        for start in range(0, len(hidden), _AT_ONCE):
            log_prob = law_of(layer, hidden[start : start + _AT_ONCE])
            best, ids = log_prob.topk(max(k, min(_EDGES[-1], layer.vocab_size)), dim=1)
            mass = best.double().exp().cumsum(1)
            edges = torch.stack([mass[:, min(edge, mass.shape[1]) - 1] for edge in _EDGES], dim=1)
            cells = torch.cat([edges[:, :1], edges.diff(dim=1), 1.0 - edges[:, -1:]], dim=1).clamp_min(0.0)
            parts.append((ids[:, :k], best[:, :k], cells))
            progress.update(start + len(log_prob))
        return cls(layer, hidden, *(torch.cat(part) for part in zip(*parts, strict=True)))

    @property
    def chance_divergence(self) -> float:
        """The approximate `divergence` of exact draws, by chance: half a degree of freedom per cell and draw."""
        return len(_EDGES) / (2.0 * _DRAWS * len(self.hidden))

    def log_prob_of(self, word_ids: Tensor) -> Tensor:
        """Return exact log-probabilities, (N, m) float64, of words (N, m)."""
        pairs = zip(torch.split(self.hidden, _AT_ONCE), torch.split(word_ids, _AT_ONCE), strict=True)
        return torch.cat([law_of(self.layer, hidden).gather(1, ids) for hidden, ids in pairs])

    def divergence(self, sample: Callable[[Tensor], Tensor]) -> float:
        """Return the divergence, in nats, of the ranks of drawn words from their distribution, over five cells."""
        count = torch.zeros(len(_EDGES) + 1, dtype=torch.float64)
        edges = torch.tensor(_EDGES)
        for hidden in torch.split(self.hidden, _AT_ONCE):
            drawn = torch.stack([sample(hidden) for _ in range(_DRAWS)], dim=1)
            log_prob = law_of(self.layer, hidden)
            for words in drawn.T:
                rank = (log_prob > log_prob.gather(1, words[:, None])).sum(dim=1) + 1
                count += torch.bincount(torch.searchsorted(edges, rank), minlength=len(count)).double()
        observed, expected = count / count.sum(), self.cells.mean(dim=0).double()
        terms = observed * (observed.clamp_min(1e-300) / expected.clamp_min(1e-300)).log()
        return float(terms[observed > 0].sum())


def law_of(layer: Any, hidden: Tensor) -> Tensor:
    """Return log-probabilities of all words, (N, V) float64: a float32 sum of so many terms would be off by 1e-4."""
    if isinstance(layer, TableOutput):
        return layer.logits(hidden).detach().double().log_softmax(dim=1)
    log_prob: Tensor = layer.log_prob(hidden)
    return log_prob.detach().double()
