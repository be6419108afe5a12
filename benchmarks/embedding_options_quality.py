"""Measure the effect of the options of word-vector training on quality and CPU-seconds on wiki8, one at a time.

Every option takes a few values while all others are at their defaults; the defaults are trained with several seeds,
whose spread shows which differences are meaningful. Each result is kept under build/, so an interrupted run continues
where it stopped.
"""

from __future__ import annotations

import argparse
import json
from statistics import mean, stdev
from typing import Any

from embedding_speed import quality
from harness import SCRATCH, run_python, unpacked, write_record

OPTIONS: dict[str, tuple[Any, ...]] = {
    "negative": (1, 2, 5, 10, 20),
    "window": (2, 5, 10),
    "vector_size": (50, 100, 200),
    "sample": (0.0, 1e-3, 1e-4),
    "epochs": (1, 3, 5),
}
EPOCHS = 3
SEEDS_OF_DEFAULTS = 3
DEFAULTS = {"negative": 5, "window": 5, "vector_size": 100, "sample": 1e-3, "epochs": EPOCHS}

PROGRAM = """
import json, sys
from vastmax import Corpus, train_embeddings
text, out, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
vectors = train_embeddings(Corpus(text), **settings)
vectors.save(out)
print(json.dumps({name: vectors.training[name] for name in ("cpu_seconds", "elapsed_seconds", "predictions")}))
"""


def measured(settings: dict[str, Any]) -> dict[str, Any]:
    """Train and judge, or give back what an interrupted run already measured."""
    label = "-".join(f"{name}={value}" for name, value in settings.items())
    kept = SCRATCH / f"options-{label}.json"
    if not kept.exists():
        vectors = SCRATCH / "options.safetensors"
        run = run_python(PROGRAM, [str(unpacked("wiki8.txt")), str(vectors), json.dumps(settings)])
        kept.write_text(json.dumps({**run.answer, **quality(str(vectors))}))
        print(f"{label}: {kept.read_text()}", flush=True)
    result: dict[str, Any] = json.loads(kept.read_text())
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    SCRATCH.mkdir(parents=True, exist_ok=True)
    common = {**DEFAULTS, "threads": threads}
    defaults = [measured({**common, "seed": seed}) for seed in range(1, SEEDS_OF_DEFAULTS + 1)]
    curves = {
        option: [{option: value, **measured({**common, option: value, "seed": 1})} for value in values]
        for option, values in OPTIONS.items()
    }
    write_record(
        "embedding_options_quality",
        "What are the options of word-vector training worth?",
        {
            "settings": {"corpus": "wiki8", "model": "skipgram", "objective": "negative-sampling", **common},
            "defaults": {
                key: {
                    "mean": round(mean(run[key] for run in defaults), 4),
                    "standard_deviation": round(stdev(run[key] for run in defaults), 4),
                    "all": [run[key] for run in defaults],
                }
                for key in defaults[0]
            },
            "curves": curves,
        },
    )


if __name__ == "__main__":
    main()
