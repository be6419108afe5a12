"""k-means with clusters of similar size, so that each costs the same to look at."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.progress import Progress, Silent

_ROWS_AT_ONCE = 1 << 14
_TRAINED_BY = 48
"""Rows per cluster that the centers are computed from; all rows are assigned at the end."""

_NEAREST = 8
"""Number of nearest clusters that a row is offered to before it goes to any that has room."""


def centers_of(rows: Tensor, count: int, *, rounds: int, generator: torch.Generator) -> Tensor:
    """Return (count, D) centers by Lloyd's algorithm on a sample of the rows."""
    sample = rows[torch.randperm(len(rows), generator=generator)[: _TRAINED_BY * count]]
    centers = sample[:count].clone()
    for _ in range(rounds):
        nearest = nearest_centers(sample, centers, 1)[:, 0]
        size = torch.bincount(nearest, minlength=count)
        total = torch.zeros_like(centers).index_add_(0, nearest, sample)
        filled = size > 0
        centers[filled] = total[filled] / size[filled, None]
        empty = int((~filled).sum())
        if empty:  # start again at random rows
            centers[~filled] = sample[torch.randint(len(sample), (empty,), generator=generator)]
    return centers


def nearest_centers(rows: Tensor, centers: Tensor, count: int) -> Tensor:
    """Return the nearest centers of each row, (V, count), nearest first."""
    half = centers.square().sum(dim=1) / 2
    parts = [
        torch.addmm(-half, part, centers.T).topk(min(count, len(centers)), dim=1).indices
        for part in torch.split(rows, _ROWS_AT_ONCE)
    ]
    return torch.cat(parts)


def balanced_clusters(
    rows: Tensor, count: int, *, slack: float = 1.5, rounds: int = 6, seed: int = 0, progress: Progress | None = None
) -> Tensor:
    """Return the cluster of each row, (V,) int64; no cluster has more than about `slack`·V / count rows.

    Each row goes to the nearest cluster with room, of the eight nearest; the nearest rows choose first. Rows for which
    none has room form additional clusters, by their nearest center, with ids from `count` on.

    Args:
        rows: (V, D).
        count: number of clusters, in [1, V].
        slack: largest size of a cluster, relative to the mean; at least 1.
        rounds: iterations of k-means.
        seed: of the random numbers.
        progress: informed of progress.

    Cost: 48·count²·D multiply-adds per round, V·count·D at the end.
    """
    progress = progress or Silent()
    generator = torch.Generator().manual_seed(seed)
    centers = centers_of(rows, count, rounds=rounds, generator=generator)
    nearest = nearest_centers(rows, centers, _NEAREST)
    most = int(slack * len(rows) / count) + 1
    room = torch.full((count,), most)
    cluster = torch.full((len(rows),), -1)
    for choice in range(nearest.shape[1]):
        left = (cluster < 0).nonzero()[:, 0]
        wanted = nearest[left, choice]
        distance = (rows[left] - centers[wanted]).square().sum(dim=1)
        order = distance.argsort()
        order = order[wanted[order].argsort(stable=True)]  # by cluster, the nearest first
        place = _place_in_group(wanted[order])
        taken = order[place < room[wanted[order]]]
        cluster[left[taken]] = wanted[taken]
        room -= torch.bincount(wanted[taken], minlength=count)
    left = (cluster < 0).nonzero()[:, 0]
    if len(left):  # clusters of their own, by the nearest center: anywhere else they would not be found
        left = left[nearest[left, 0].argsort(stable=True)]
        home = nearest[left, 0]
        part = torch.stack([home, _place_in_group(home) // most], dim=1)
        cluster[left] = count + torch.unique(part, dim=0, return_inverse=True)[1]
    return cluster


def _place_in_group(sorted_ids: Tensor) -> Tensor:
    """Return 0, 1, 2, … within each run of equal ids."""
    first = torch.ones_like(sorted_ids, dtype=torch.bool)
    first[1:] = sorted_ids[1:] != sorted_ids[:-1]
    starts = first.nonzero()[:, 0]
    return torch.arange(len(sorted_ids)) - starts[first.cumsum(0) - 1] if len(sorted_ids) else sorted_ids
