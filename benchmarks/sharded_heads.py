"""Measure heads whose words are spread over processes: work, bytes sent and memory of each process.

    python benchmarks/sharded_heads.py

Work is CPU-seconds of a step in one of four processes against those of a whole head in one process, with the same
number of examples in all; and, to tell the cost of sharding from that of a busy machine, against a head of a quarter of
the words in each of four processes that know nothing of each other. Bytes are counted where the head calls PyTorch's
collectives, and compared with a formula that has no V. Memory is what a process has more at its peak than before the
head was built.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

import torch
import torch.distributed as dist
from torch import Tensor

from harness import write_record
from vastmax import Head
from vastmax.distributed import shard_head
from vastmax.objective import CrossEntropy, Objective, SampledSoftmax
from vastmax.optim import RowAdagrad
from vastmax.output import Dense
from vastmax.proposal import LogUniform

RECORD = "sharded_heads"
RANKS = 4
EXAMPLES = 512
WORK: dict[str, tuple[int, int, int | None]] = {
    "exact, V = 100,000, D = 128": (100_000, 128, None),
    "sampled, V = 1,000,000, D = 128, K = 8,192": (1_000_000, 128, 8192),
}
"""V, D, K: steps whose cost is that of words."""
BYTES = {"exact": (20_000, 80_000, 64, None), "sampled": (20_000, 80_000, 64, 1024)}
"""Two V, D, K."""
MEMORY = (10_000_000, 64, 1024)
MOST_WORK, MOST_MEMORY = 0.30, 0.27


def head_of(vocab_size: int, hidden_size: int, num_samples: int | None) -> Head:
    """A head without memory yet."""
    objective: Objective = CrossEntropy()
    if num_samples is not None:
        objective = SampledSoftmax(LogUniform(vocab_size), num_samples)
    with torch.device("meta"):
        layer = Dense(hidden_size, vocab_size)
    return Head(layer, objective)


def ready(head: Head, ranks: int) -> Head:
    """The head in memory: of one process, or this process's part of it."""
    if ranks > 1:
        return shard_head(head, dist.init_device_mesh("cpu", (ranks,)))
    head = head.to_empty(device="cpu")
    head.reset_parameters()
    return head


def stepper(head: Head, examples: int, sampled: bool) -> Callable[[], None]:
    torch.manual_seed(1 + (dist.get_rank() if dist.is_initialized() else 0))
    hidden = torch.randn(examples, head.hidden_size).requires_grad_()
    law = LogUniform(head.vocab_size)
    target = law.draw_ids(examples, device=torch.device("cpu"), generator=None)
    optimizer = RowAdagrad(head.parameters(), lr=0.1) if sampled else torch.optim.SGD(head.parameters(), lr=0.1)

    def step() -> None:
        head(hidden, target).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


class Counted:
    """Bytes that a process hands to each collective while this is entered."""

    NAMES = ("all_reduce", "all_gather_single", "reduce_scatter_single", "all_to_all_single", "broadcast")

    def __init__(self) -> None:
        self.bytes = dict.fromkeys(self.NAMES, 0)

    def __enter__(self) -> Counted:
        self._originals = {name: getattr(dist, name) for name in self.NAMES}
        for name, original in self._originals.items():
            setattr(dist, name, self._counting(name, original))
        return self

    def __exit__(self, *_: object) -> None:
        for name, original in self._originals.items():
            setattr(dist, name, original)

    def _counting(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        given = 0 if name in ("all_reduce", "broadcast") else 1

        def call(*arguments: Any, **options: Any) -> Any:
            sent: Tensor = arguments[given]
            self.bytes[name] += sent.numel() * sent.element_size()
            return original(*arguments, **options)

        return call


def formula(n: int, hidden_size: int, ranks: int, sampled: bool) -> int:
    """Bytes that a process hands to collectives in a float32 step with n examples in each of R processes.

    Forward it tells five numbers of 8 bytes, gathers n hidden vectors and n targets (and, sampled, n corrections), and
    reduces one maximum and two sums of each of N = R·n examples; backward it reduces two gradients of each example and
    reduce-scatters the gradient of N hidden vectors.
    """
    total = ranks * n
    forward = 5 * 8 + n * (4 * hidden_size + 8 + (4 if sampled else 0)) + 3 * 4 * total
    return forward + 2 * 4 * total + 4 * hidden_size * total


def work(ranks: int, parts: int = 1) -> dict[str, Any]:
    found = {}
    for name, (vocab_size, hidden_size, num_samples) in WORK.items():
        noise = None if num_samples is None else num_samples // parts
        head = ready(head_of(vocab_size // parts, hidden_size, noise), ranks)
        step = stepper(head, EXAMPLES // ranks, num_samples is not None)
        seconds = []
        for number in range(9):
            began = time.process_time()
            step()
            if number > 1:
                seconds.append(time.process_time() - began)
        found[name] = {"median": round(median(seconds), 4), "all": [round(second, 4) for second in seconds]}
    return found


def sent(ranks: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (small, large, hidden_size, num_samples) in BYTES.items():
        for vocab_size in (small, large):
            head = ready(head_of(vocab_size, hidden_size, num_samples), ranks)
            step = stepper(head, EXAMPLES // ranks, num_samples is not None)
            with Counted() as counted:
                step()
            found[f"{name}, V = {vocab_size:,}"] = {
                "collectives": counted.bytes,
                "bytes": sum(counted.bytes.values()),
                "formula": formula(EXAMPLES // ranks, hidden_size, ranks, num_samples is not None),
            }
    return found


def memory(ranks: int) -> dict[str, int]:
    vocab_size, hidden_size, num_samples = MEMORY
    tiny = ready(head_of(1000, hidden_size, num_samples), ranks)
    stepper(tiny, EXAMPLES // ranks, sampled=True)()  # what a first step loads is no part of a head's memory
    before = _status("VmRSS")
    head = ready(head_of(vocab_size, hidden_size, num_samples), ranks)
    step = stepper(head, EXAMPLES // ranks, sampled=True)
    for _ in range(3):
        step()
    peak = _status("VmHWM")
    return {"before": before, "peak": peak, "more": peak - before}


def _status(name: str) -> int:
    """Bytes, of what Linux says about this process in kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def quarter(ranks: int) -> dict[str, Any]:
    """Work on a part of the words alone, while the other processes do the same."""
    return work(1, parts=ranks)


QUESTIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "work": work,
    "quarter": quarter,
    "sent": sent,
    "memory": memory,
}


def one_rank(question: str, rank: int, ranks: int, folder: str) -> None:
    """Answer in one process, on standard output."""
    torch.set_num_threads(1)
    if ranks > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks, timeout=timedelta(minutes=3)
        )
    print(json.dumps(QUESTIONS[question](ranks)), flush=True)
    if ranks > 1:
        dist.barrier()
    os._exit(0)  # a thread of gloo's that is at work while the interpreter shuts down would abort the process


def ask(question: str, ranks: int) -> list[dict[str, Any]]:
    """The answers of a group of processes, by rank."""
    with tempfile.TemporaryDirectory() as folder:
        processes = [
            subprocess.Popen(
                [sys.executable, __file__, "--rank", str(rank), "--ranks", str(ranks), "--folder", folder, question],
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(ranks)
        ]
        answers = [process.communicate(timeout=240)[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit(f"a process failed: {[process.returncode for process in processes]}")
    return [json.loads(answer.splitlines()[-1]) for answer in answers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", nargs="?", choices=QUESTIONS, help=argparse.SUPPRESS)
    for name, kind in (("rank", int), ("ranks", int), ("folder", str)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.question is not None:
        one_rank(options.question, options.rank, options.ranks, options.folder)
    whole, parts, quarters = ask("work", 1)[0], ask("work", RANKS), ask("quarter", RANKS)
    results: dict[str, Any] = {"work": {}}
    for name in WORK:
        share = max(part[name]["median"] for part in parts) / whole[name]["median"]
        results["work"][name] = {
            "one process": whole[name],
            "each of four": [part[name] for part in parts],
            "a quarter of the words, in each of four": [part[name] for part in quarters],
            "of a quarter": round(
                max(part[name]["median"] for part in parts) / max(part[name]["median"] for part in quarters), 3
            ),
            "largest share": round(share, 3),
        }
        if name.startswith("exact"):  # a sampled step is not dominated by V
            results["work"][name] |= {"target": f"≤ {MOST_WORK}", "met": share <= MOST_WORK}
        print(f"work, {name}: {share:.3f} of one process")
    results["bytes"] = ask("sent", RANKS)[0]
    for name, found in results["bytes"].items():
        print(f"bytes, {name}: {found['bytes']:,} against {found['formula']:,}")
    alone, together = ask("memory", 1)[0], ask("memory", RANKS)
    share = max(part["more"] for part in together) / alone["more"]
    results["memory"] = {
        "one process": alone,
        "each of four": together,
        "largest share": round(share, 3),
        "target": f"≤ {MOST_MEMORY}",
        "met": share <= MOST_MEMORY,
    }
    print(f"memory: {share:.3f} of one process")
    write_record(RECORD, __doc__.splitlines()[0], {"ranks": RANKS, "examples": EXAMPLES, **results})


if __name__ == "__main__":
    main()
