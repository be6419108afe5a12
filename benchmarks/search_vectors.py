"""The ten nearest of a million word vectors: our own scan, gensim's, and indexes, one thread, in turn.

The vectors are those given (trained by `vastmax embed`, 100 numbers), each repeated with noise of a fifth of its length
until there are a million: groups of near words as a larger vocabulary has them, not a trained vocabulary of that size.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness import write_record
from in_turn import Claim, local, time_in_turn
from vastmax import WordVectors, search

QUESTION = "What do the ten nearest of a million word vectors cost, by gensim, by a scan and by indexes?"
V, K, ROUNDS = 1_000_000, 10, 5
NOISE = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path, help="word vectors to repeat")
    given = WordVectors.load(parser.parse_args().vectors)
    torch.set_num_threads(1)
    vectors = repeated(given)
    rng = np.random.default_rng(1)
    asked = [vectors.index_to_key[i] for i in rng.integers(0, V, 400)]
    queries = torch.from_numpy(vectors.unit_vectors(rng.integers(0, V, 400)))
    certified, clustered = search.Certified(vectors), search.Clustered(vectors)
    found = clustered.calibrate(queries, recall=0.98, k=K)
    theirs = keyed_vectors(vectors)
    at = 0

    def word() -> str:
        nonlocal at
        at = (at + 1) % len(asked)
        return asked[at]

    cases = {
        "gensim": local(lambda: theirs.most_similar(word(), topn=K)),
        "scan": local(lambda: vectors.most_similar(word(), topn=K)),
        "certified": local(lambda: vectors.most_similar(word(), topn=K, search=certified)),
        "clustered": local(lambda: vectors.most_similar(word(), topn=K, search=clustered)),
    }
    different = sum(
        [w for w, _ in vectors.most_similar(each, topn=K, search=certified)]
        != [w for w, _ in vectors.most_similar(each, topn=K)]
        for each in asked[:100]
    )
    timings, loads = time_in_turn(cases, rounds=ROUNDS)
    cpu = {kind: timing.cpu_seconds for kind, timing in timings.items()}
    claims = [
        Claim(f"{case} against {baseline}", baseline, case, target, at_least=True).judge(cpu)
        for case, target in (("certified", 5.0), ("clustered", 20.0))
        for baseline in ("gensim", "scan")
    ]
    for each in claims:
        print(each["claim"], round(each["ratio"]["median"], 1), each["target"], each["met"], flush=True)
    facts: dict[str, Any] = {
        "vectors": V,
        "width": vectors.vector_size,
        "distinct": len(given),
        "noise": NOISE,
        "queries_with_other_words": different,
        "clustered": {"effort": found.effort, "recall": found.recall, "low": found.low, "high": found.high},
        "scored_share": float(certified.find(queries[:100], K).num_scored.double().mean()) / V,
        "bytes": {"certified": certified.num_bytes, "clustered": clustered.num_bytes},
        "milliseconds": {kind: 1e3 * timing.record()["cpu_seconds"]["median"] for kind, timing in timings.items()},
        "load_average": loads,
        "claims": claims,
    }
    write_record("search_vectors", QUESTION, facts)


def repeated(given: WordVectors) -> WordVectors:
    rng = np.random.default_rng(0)
    own = given.unit_vectors(np.arange(len(given)))
    rows = np.resize(own, (V, given.vector_size)).astype(np.float32)
    rows += NOISE / given.vector_size**0.5 * rng.standard_normal(rows.shape, dtype=np.float32)
    return WordVectors([f"w{i}" for i in range(V)], rows)


def keyed_vectors(vectors: WordVectors) -> Any:
    from gensim.models import KeyedVectors

    theirs = KeyedVectors(vectors.vector_size)
    theirs.add_vectors(vectors.index_to_key, vectors.vectors)
    theirs.fill_norms()
    return theirs


if __name__ == "__main__":
    main()
