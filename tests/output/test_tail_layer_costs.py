"""What Adaptive and Differentiated promise about memory and time, in a form that a busy machine does not upset.

The figures themselves are in `benchmarks/records/output_layers.json`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from vastmax.output import Adaptive, Dense, Differentiated
from vastmax.output.base import Output

V, D, N = 30_000, 64, 256
COUNTS = 1e7 / np.arange(1, V + 1)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads that wait for each other on a busy machine measure the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class LargestResult(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation made."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else [result]:
            if isinstance(tensor, Tensor):
                self.numel = max(self.numel, tensor.numel())
        return result


def loss_step(output: Output, target: Tensor) -> Callable[[], None]:
    hidden = torch.randn(len(target), D, requires_grad=True)

    def step() -> None:
        target_score, log_normaliser = output.exact(hidden, target)
        (log_normaliser - target_score).mean().backward()
        output.zero_grad()

    return step


@pytest.mark.parametrize(
    "output",
    [Adaptive(D, COUNTS, [100, 1_000], div_value=div) for div in (1.0, 2.0, 4.0)]
    + [Differentiated(D, COUNTS, [1_000, 9_000, 20_000], [32, 20, 12])],
    ids=["adaptive, wide tails", "adaptive", "adaptive, narrow tails", "differentiated"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_never_holds_the_scores(output: Output, dtype: torch.dtype) -> None:
    layer = output.to(dtype)
    target = torch.full((N,), V - 1)  # all in the last cluster: 7 million scores
    largest_parameter = max(p.numel() for p in layer.parameters())
    hidden = torch.randn(N, D, dtype=dtype, requires_grad=True)
    with LargestResult() as largest:
        target_score, log_normaliser = layer.exact(hidden, target)
        (log_normaliser - target_score).mean().backward()
    tile = 2**21
    assert largest.numel <= max(largest_parameter, tile)
    assert largest.numel < N * 20_000 / 2


def test_the_guard_against_scores_sees_them() -> None:
    with LargestResult() as largest:
        Dense(D, V).log_prob(torch.randn(N, D))
    assert largest.numel == N * V


def test_adaptive_is_much_faster_than_the_full_softmax() -> None:
    rng = np.random.default_rng(0)
    target = torch.from_numpy(rng.choice(V, N, p=COUNTS / COUNTS.sum()))
    steps = [loss_step(Adaptive(D, COUNTS), target), loss_step(Dense(D, V), target)]
    seconds = []
    for step in steps:
        step()
        trials = []
        for _ in range(3):
            start = time.process_time()
            step()
            trials.append(time.process_time() - start)
        seconds.append(min(trials))
    assert seconds[1] > 4 * seconds[0]  # about 15 on a quiet machine
