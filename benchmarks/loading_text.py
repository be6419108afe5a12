"""Word vectors loaded from text, in word2vec's format: CPU-seconds against gensim's, in turn.

The file has as many digits as restore every float32, as vastmax writes it. Each load is a process of its own, of which
only the loading is timed. The goal is five times gensim's speed at 400,000 words of 300 numbers; the time is
proportional to the words, so fewer of them give the same ratio.
"""

from __future__ import annotations

import argparse

import numpy as np

from harness import SCRATCH, run_python, spread, write_record
from vastmax import WordVectors

LOAD = {
    "vastmax": "from vastmax import WordVectors\nload = WordVectors.load",
    "vastmax.gensim": "from vastmax.gensim.models import KeyedVectors\nload = KeyedVectors.load_word2vec_format",
    "gensim": "from gensim.models import KeyedVectors\nload = KeyedVectors.load_word2vec_format",
}
TIMED = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
rows = len(load(sys.argv[1]))
print(json.dumps({"rows": rows, "cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}))
"""


def main() -> None:
    """Write a file, load it in turn, and record the times."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--words", type=int, default=400_000)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    path = SCRATCH / "loading.txt"
    matrix = np.random.default_rng(0).standard_normal((options.words, options.size), dtype=np.float32) * 0.3
    WordVectors([f"word{i}" for i in range(options.words)], matrix).save(path)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in LOAD}
    for _ in range(options.repeats):
        for name, load in LOAD.items():
            runs[name].append(run_python(load + TIMED, [str(path)]).answer)
            print(name, runs[name][-1], flush=True)
    size = path.stat().st_size
    path.unlink()
    cpu = {name: [run["cpu_seconds"] for run in taken] for name, taken in runs.items()}
    ratios = {
        name: spread([theirs / ours for theirs, ours in zip(cpu["gensim"], cpu[name], strict=True)])
        for name in ("vastmax", "vastmax.gensim")
    }
    write_record(
        "loading_text",
        "How much faster than gensim are word vectors loaded from text?",
        {
            "words": options.words,
            "vector_size": options.size,
            "file_bytes": size,
            "cpu_seconds": {name: spread(taken) for name, taken in cpu.items()},
            "cpu_ratio_gensim_over": ratios,
        },
    )


if __name__ == "__main__":
    main()
