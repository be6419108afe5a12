"""The steps that `output_layers.py` times: one batch forward, backward and through the optimizer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vastmax.head import Head
from vastmax.optim import RowSGD

N, D, K = 1024, 256, 1024
"""Examples a batch, width, noise words: the setting of all targets."""

LEARNING_RATE = 0.01
NUM_BATCHES = 4

Step = Callable[[], object]


@dataclass
class Batches:
    """Hidden vectors and Zipf-distributed targets."""

    hidden: list[Tensor]
    target: list[Tensor]

    def endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        return itertools.cycle(zip(self.hidden, self.target, strict=True))


def zipf_counts(vocab_size: int) -> np.ndarray:
    """Counts of a corpus of about V·100 tokens under p(rank) ∝ 1 / rank, in count order."""
    return np.maximum(1.0, np.round(100.0 * vocab_size / np.arange(1, vocab_size + 1)))


def zipf_batches(vocab_size: int, *, num_batches: int = NUM_BATCHES, width: int = D) -> Batches:
    rng = np.random.default_rng(0)
    cumulative = np.cumsum(1.0 / np.arange(1, vocab_size + 1))
    torch.manual_seed(0)
    targets = [np.searchsorted(cumulative, rng.random(N) * cumulative[-1]) for _ in range(num_batches)]
    return Batches([torch.randn(N, width) for _ in targets], [torch.from_numpy(t) for t in targets])


def table(rows: int, width: int) -> nn.Parameter:
    """Return a random (rows, width) parameter; a large one repeats a block, which takes seconds instead of minutes."""
    weight = torch.empty(rows, width)
    block = torch.randn(min(rows, 100_000), width) * 0.05
    for start in range(0, rows, len(block)):
        weight[start : start + len(block)] = block[: rows - start]
    return nn.Parameter(weight)


def head_step(
    head: Head, batches: Batches, *, row_sparse: bool, contexts: Iterator[dict[str, object]] | None = None
) -> Step:
    """Return the step a user of the library takes; `contexts`, where the head needs one, run beside the batches."""
    optimizer: torch.optim.Optimizer
    if row_sparse:
        optimizer = RowSGD(head.parameters(), lr=LEARNING_RATE)
    else:
        optimizer = torch.optim.SGD(head.parameters(), lr=LEARNING_RATE)
    batch = batches.endless()

    def step() -> None:
        hidden, target = next(batch)
        context = None if contexts is None else next(contexts)
        head(hidden.detach().requires_grad_(), target, context=context).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def full_softmax_step(vocab_size: int, batches: Batches) -> Step:
    """Return the step that PyTorch users write: F.cross_entropy over F.linear, SGD."""
    weight, bias = table(vocab_size, D), nn.Parameter(torch.zeros(vocab_size))
    optimizer = torch.optim.SGD([weight, bias], lr=LEARNING_RATE)
    batch = batches.endless()

    def step() -> None:
        hidden, target = next(batch)
        F.cross_entropy(F.linear(hidden.detach().requires_grad_(), weight, bias), target).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def torch_adaptive_step(layer: nn.AdaptiveLogSoftmaxWithLoss, batches: Batches) -> Step:
    optimizer = torch.optim.SGD(layer.parameters(), lr=LEARNING_RATE)
    batch = batches.endless()

    def step() -> None:
        hidden, target = next(batch)
        layer(hidden.detach().requires_grad_(), target).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def bare_products_step(shapes: list[tuple[int, int]], *, softmax: bool = False) -> Step:
    """Scores and both gradients of products (N, width)·(width, words), written into memory that is there already.

    With `softmax`, one softmax over all scores besides.
    """
    total = sum(words for words, _ in shapes)
    scores = torch.randn(N, total)
    share = torch.empty_like(scores)
    parts = []
    start = 0
    for words, width in shapes:
        columns = slice(start, start + words)
        parts.append(
            (
                torch.randn(N, width),
                torch.randn(words, width),
                torch.empty(N, words),
                torch.empty(N, width),
                torch.empty(words, width),
                columns,
            )
        )
        start += words

    def step() -> None:
        for hidden, weight, score, grad_hidden, grad_weight, _ in parts:
            torch.mm(hidden, weight.T, out=score)
            torch.mm(score, weight, out=grad_hidden)
            torch.mm(score.T, hidden, out=grad_weight)
        if softmax:
            torch.softmax(scores, 1, out=share)

    return step
