"""Measure the overhead of a second thread: CPU-seconds of training with two threads over those with one.

A control separates interference between threads from the effect of the machine on any two busy cores: two processes
with one thread each, at the same time, which share nothing.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from statistics import mean

from embedding_speed import VASTMAX
from harness import SCRATCH, run_python, spread, unpacked, write_record


def cpu_seconds(seed: int, threads: int, out: str) -> float:
    text = str(unpacked("wiki8.txt"))
    answer = run_python(VASTMAX, [text, str(seed), "1", str(threads), str(SCRATCH / out), "{}"]).answer
    seconds: float = answer["cpu_seconds"]
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=7)
    arguments = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    one, two, apart = [], [], []
    for seed in range(1, arguments.repetitions + 1):  # in turn
        one.append(cpu_seconds(seed, 1, "one.safetensors"))
        two.append(cpu_seconds(seed, 2, "two.safetensors"))
        with ThreadPoolExecutor(2) as pool:
            both = pool.map(lambda k: cpu_seconds(seed, 1, f"apart-{k}.safetensors"), range(2))  # noqa: B023
            apart.append(mean(both))
    write_record(
        "embedding_threads",
        "How many more CPU-seconds do two training threads take than one, and two processes that share nothing?",
        {
            "settings": {"corpus": "wiki8", "vector_size": 100, "window": 5, "negative": 5, "epochs": 1},
            "cpu_seconds": {
                "one_thread": spread(one),
                "two_threads": spread(two),
                "each_of_two_processes_at_once": spread(apart),
            },
            "cpu_ratio_two_threads_over_one": spread([b / a for a, b in zip(one, two, strict=True)]),
            "cpu_ratio_two_processes_over_one": spread([b / a for a, b in zip(one, apart, strict=True)]),
            "cpu_ratio_two_threads_over_two_processes": spread([b / a for a, b in zip(apart, two, strict=True)]),
        },
    )


if __name__ == "__main__":
    main()
