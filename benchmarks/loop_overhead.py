"""Measure the overhead of the loop around encoder, head and optimizers in a training step of a language model.

    python benchmarks/loop_overhead.py [--rounds R]

Steps of `Trainer` are compared with bare steps of the same model: forward and backward pass, clipping, optimizers, on
prepared batches. Both are timed alternately in this process, on one thread, on a text of random words whose counts
follow Zipf's law. The target is less than 5 % of a step, even of the cheapest one.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch

from harness import write_record
from in_turn import Run, spread, time_in_turn
from vastmax import RECIPES
from vastmax.encoder import ENCODERS
from vastmax.language_model import LanguageModel, LanguageModelSettings, Progressed, Streams, Trainer
from vastmax.optim import clip_grad_norm_
from vastmax.progress import Lines
from vastmax.training.pytorch.optimizers import optimizers_for

RECORD = "loop_overhead"
TARGET = 0.05
TEXT_WORDS = 2_000_000
CASES: dict[str, tuple[str, str, int, int]] = {
    "log-bilinear × NCE, V = 10,000, D = 100": ("log-bilinear", "nce", 10_000, 100),
    "log-bilinear × hierarchical softmax, V = 10,000, D = 100": ("log-bilinear", "hierarchical-softmax", 10_000, 100),
    "LSTM × sampled softmax, V = 87,000, D = 256": ("lstm", "sampled-softmax", 87_000, 256),
}
"""Encoder, method, V, D: the cheapest steps there are, and a usual one."""


def model_of(encoder: str, method: str, counts: np.ndarray, hidden_size: int) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(ENCODERS[encoder](len(counts), hidden_size), RECIPES[method](hidden_size, counts))


def by_trainer(model: LanguageModel, text: np.ndarray, settings: LanguageModelSettings) -> Run:
    """Steps as users take them, a line of progress every few seconds included."""
    left = 0

    def count(progressed: Progressed, loss: float) -> None:
        nonlocal left
        left -= 1

    trainer = Trainer(
        model, text, settings, first_id=0, after_step=count, stop=lambda: left <= 1, progress=Lines(io.StringIO())
    )

    def run(times: int) -> tuple[float, float]:
        nonlocal left
        left = times
        cpu, wall = time.process_time(), time.perf_counter()
        trainer.run()
        return time.process_time() - cpu, time.perf_counter() - wall

    return run


def bare(model: LanguageModel, text: np.ndarray, settings: LanguageModelSettings) -> Run:
    """Return a run of bare steps: what a step cannot do without."""
    streams = Streams(text, num_streams=settings.num_streams, bptt=settings.bptt, first_id=0)
    batches = list(streams)  # all: a few of them again and again would keep their rows in the cache
    optimizers = optimizers_for(model, settings)
    model.train()
    state = None
    done = 0

    def step() -> None:
        nonlocal state, done
        word_ids, target = batches[done % len(batches)]
        loss, state = model(word_ids, target, state)
        loss.backward()
        assert settings.max_norm is not None
        clip_grad_norm_(model.parameters(), settings.max_norm)
        for optimizer, _ in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        done += 1

    def run(times: int) -> tuple[float, float]:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(times):
            step()
        return time.process_time() - cpu, time.perf_counter() - wall

    return run


def measure(encoder: str, method: str, vocab_size: int, hidden_size: int, rounds: int) -> dict[str, Any]:
    """Return, for one model, the seconds of both kinds of step and the share of the loop, by round."""
    counts = (1e7 / np.arange(1, vocab_size + 1)).astype(np.int64) + 1
    rng = np.random.default_rng(0)
    text = rng.choice(vocab_size, TEXT_WORDS, p=counts / counts.sum()).astype(np.int32)
    settings = LanguageModelSettings(epochs=1_000, num_streams=32, bptt=32)
    ways: dict[str, Callable[..., Run]] = {"trainer": by_trainer, "bare": bare}
    runs = {name: way(model_of(encoder, method, counts, hidden_size), text, settings) for name, way in ways.items()}
    timings, loads = time_in_turn(runs, rounds=rounds, seconds_a_round=0.5)
    shares = [
        1 - of_bare / of_trainer
        for of_trainer, of_bare in zip(timings["trainer"].cpu_seconds, timings["bare"].cpu_seconds, strict=True)
    ]
    share = spread(shares)
    return {
        **{name: timing.record() for name, timing in timings.items()},
        "share_of_loop": share,
        "target": f"< {TARGET}",
        "met": share["median"] < TARGET,
        "load_average": loads,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    results = {}
    for name, case in CASES.items():
        results[name] = measure(*case, rounds)
        print(f"{name}: {100 * results[name]['share_of_loop']['median']:.1f} % of a step")
    write_record(RECORD, __doc__.splitlines()[0], {"batch": 1024, "results": results})


if __name__ == "__main__":
    main()
