"""Trees from the vectors of 349,435 words: seconds and peak memory, each in a process of its own.

The vectors are skip-gram's, 100 wide, of all words of the Wikipedia text `wikilm` (min_count 1), trained here once.
What reading them takes is measured too and taken off the seconds; the peaks include the vectors, memory-mapped.
"""

from __future__ import annotations

import argparse

from harness import SCRATCH, as_json, run_python, spread, unpacked, write_record

EPOCHS = 2
READ = """
import json, sys
from vastmax.embedding import WordVectors
from vastmax import tree
v = WordVectors.load(sys.argv[1])
v.vectors.sum()
"""
REPORT = """
d = t.describe(v.counts)
print(json.dumps({
    "words": d.num_words, "leaves": d.num_leaves, "inner_nodes": d.num_nodes, "mean_depth": d.mean_depth,
    "max_depth": d.max_depth, "expected_depth": d.expected_depth, "expected_scores": d.expected_scores,
    "max_children": d.max_children, "entropy_bits": d.entropy_bits,
}))
"""
BUILDS = {
    "adaptive": "tree.clustered(v)",
    "balanced": "tree.clustered(v, split='balanced')",
    "balanced by count": "tree.clustered(v, split='balanced', counts=v.counts)",
    "adaptive, overlap 0.4, 2 copies": "tree.clustered(v, overlap=0.4, copies=2)",
    "k-means classes": "tree.kmeans_classes(v)",
    "k-means classes, weighted by √count": "tree.kmeans_classes(v, counts=v.counts**0.5)",
}


def vectors_file() -> str:
    """Train the vectors once and return the path of their file."""
    path = SCRATCH / "wikilm-vectors.safetensors"
    if not path.exists():
        from vastmax import Corpus, train_embeddings

        with Corpus(str(unpacked("wikilm.train.txt")), cache=False) as corpus:
            train_embeddings(corpus, min_count=1, vector_size=100, epochs=EPOCHS, seed=1).save(path)
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    path = vectors_file()
    runs = {name: [] for name in ("reading", *BUILDS)}
    for _ in range(arguments.repetitions):
        runs["reading"].append(run_python(READ, [path]))
        for name, build in BUILDS.items():  # in turn
            runs[name].append(run_python(f"{READ}t = {build}\n{REPORT}", [path]))
    reading_cpu = min(run.cpu_seconds for run in runs["reading"])
    reading_wall = min(run.wall_seconds for run in runs["reading"])
    results = {}
    for name, build in BUILDS.items():
        results[name] = {
            "call": build,
            "cpu_seconds": spread([run.cpu_seconds - reading_cpu for run in runs[name]]),
            "wall_seconds": spread([run.wall_seconds - reading_wall for run in runs[name]]),
            "peak_megabytes": spread([run.peak_bytes / 1e6 for run in runs[name]]),
            "tree": runs[name][0].answer,
        }
        figures = results[name]
        print(
            name, figures["cpu_seconds"]["median"], figures["wall_seconds"]["median"], figures["peak_megabytes"]["most"]
        )
    write_record(
        "tree_clustering",
        "What do trees from the vectors of 349,435 words cost? (Target: 2 minutes and 2 GB each.)",
        {
            "vectors": {"corpus": "wikilm", "min_count": 1, "vector_size": 100, "epochs": EPOCHS},
            "reading": as_json(runs["reading"][0]),
            "results": results,
        },
    )


if __name__ == "__main__":
    main()
