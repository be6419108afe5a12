"""Measure the exact loss against PyTorch's own `F.linear_cross_entropy` at its best chunk size.

    python benchmarks/linear_cross_entropy.py [--shapes NAME …] [--rounds R]

A step is forward and backward. PyTorch's function is first timed without options and with several of its options, and
the best of them is then timed alternately with the head's loss, in one process and on one thread. Errors of gradients
are the largest difference from float64, relative to the largest gradient.
"""

from __future__ import annotations

import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import LinearCrossEntropyOptions
from torch.nn.functional import cross_entropy, linear, linear_cross_entropy

from harness import RECORDS, write_record
from in_turn import local, quartiles, time_in_turn
from vastmax.output.linear.exact import linear_exact

SHAPES = {"long": (1024, 16_000, 256), "vast": (512, 64_000, 256), "wide": (512, 32_000, 512)}
"""(N, V, D)."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CHUNKS = (64, 128, 256, 512)
NAME = "linear_cross_entropy"
QUESTION = "How many CPU-seconds does a step of the exact loss take, compared with F.linear_cross_entropy at its best?"


def operands(shape: tuple[int, int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    N, V, D = shape
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(N, D, generator=generator).to(dtype).requires_grad_()
    weight = (torch.randn(V, D, generator=generator) / D**0.5).to(dtype).requires_grad_()
    return hidden, weight, torch.randint(V, (N,), generator=generator)


def ours(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    score, log_normaliser = linear_exact(hidden, weight, None, target)
    return (log_normaliser - score).mean()


def theirs(options: LinearCrossEntropyOptions | None) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda hidden, weight, target: linear_cross_entropy(hidden, weight, target, options=options)


def candidates(num_examples: int) -> dict[str, LinearCrossEntropyOptions | None]:
    chunked = {f"batch_chunk_size={size}": size for size in CHUNKS if size <= num_examples}
    made = {
        name: LinearCrossEntropyOptions(batch_chunk_size=size, chunking_method=None) for name, size in chunked.items()
    }
    return {"no options": None, "default options": LinearCrossEntropyOptions(), **made}


def gradients(loss: Any, hidden: Tensor, weight: Tensor, target: Tensor) -> list[Tensor]:
    return [gradient.double() for gradient in torch.autograd.grad(loss(hidden, weight, target), (hidden, weight))]


def error(found: list[Tensor], exact: list[Tensor]) -> float:
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, exact, strict=True))


def measured(shape: tuple[int, int, int], dtype: torch.dtype, rounds: int) -> dict[str, Any]:
    hidden, weight, target = operands(shape, dtype)

    def step(loss: Any) -> Any:
        return local(lambda: torch.autograd.grad(loss(hidden, weight, target), (hidden, weight)))

    options = candidates(shape[0])
    tuned, _ = time_in_turn({name: step(theirs(each)) for name, each in options.items()}, rounds=1)
    by_cost = sorted(options, key=lambda name: tuned[name].cpu_seconds[0])
    best = theirs(options[by_cost[0]])
    timings, loads = time_in_turn({"vastmax": step(ours), "pytorch": step(best)}, rounds=rounds)
    ratios = [a / b for a, b in zip(timings["vastmax"].cpu_seconds, timings["pytorch"].cpu_seconds, strict=True)]
    rows = slice(0, 64)  # of hidden vectors: float64 over all is dear, and each row's gradient is its own
    sample = hidden.detach()[rows].requires_grad_(), weight, target[rows]
    exact = gradients(lambda h, w, t: cross_entropy(linear(h, w), t), sample[0].double(), weight.double(), target[rows])
    low, middle, high = quartiles(ratios)
    return {
        "best_options": by_cost[0],
        "tuning_cpu_seconds": {name: tuned[name].cpu_seconds[0] for name in options},
        "cases": {name: timing.record() for name, timing in timings.items()},
        "cpu_ratio_vastmax_over_pytorch": {"median": middle, "quartiles": [low, high], "rounds": ratios},
        "gradient_error": {
            "vastmax": error(gradients(ours, *sample), exact),
            "pytorch": error(gradients(best, *sample), exact),
        },
        "load_average": loads,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    path = RECORDS / f"{NAME}.json"
    cases = json.loads(path.read_text())["shapes"] if path.exists() else {}
    for shape in chosen.shapes:
        for dtype in chosen.dtypes:
            found = measured(SHAPES[shape], DTYPES[dtype], chosen.rounds)
            cases.setdefault(shape, dict(zip("NVD", SHAPES[shape], strict=True)))[dtype] = found
            ratio = found["cpu_ratio_vastmax_over_pytorch"]["median"]
            print(
                f"{shape} {dtype}: {ratio:.2f} of {found['best_options']}, error {found['gradient_error']}", flush=True
            )
            write_record(NAME, QUESTION, {"target": 0.95, "shapes": cases})


if __name__ == "__main__":
    main()
