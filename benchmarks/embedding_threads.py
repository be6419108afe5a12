"""What a second thread costs: CPU-seconds of training with two threads over those with one, in turn."""

from __future__ import annotations

import argparse

from embedding_speed import VASTMAX
from harness import SCRATCH, run_python, spread, unpacked, write_record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    text, out = str(unpacked("wiki8.txt")), str(SCRATCH / "threads.safetensors")
    cpu: dict[int, list[float]] = {1: [], 2: []}
    wall: dict[int, list[float]] = {1: [], 2: []}
    for seed in range(1, arguments.repetitions + 1):
        for threads in (1, 2):  # in turn
            answer = run_python(VASTMAX, [text, str(seed), "1", str(threads), out]).answer
            cpu[threads].append(answer["cpu_seconds"])
            wall[threads].append(answer["wall_seconds"])
    ratios = [two / one for one, two in zip(cpu[1], cpu[2], strict=True)]
    write_record(
        "embedding_threads",
        "How many more CPU-seconds do two training threads take than one?",
        {
            "settings": {"corpus": "wiki8", "vector_size": 100, "window": 5, "negative": 5, "epochs": 1},
            "one_thread": {"cpu_seconds": spread(cpu[1]), "wall_seconds": spread(wall[1])},
            "two_threads": {"cpu_seconds": spread(cpu[2]), "wall_seconds": spread(wall[2])},
            "cpu_ratio_two_over_one": spread(ratios),
        },
    )


if __name__ == "__main__":
    main()
