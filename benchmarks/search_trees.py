"""Best-first search of trees and clusters beside scoring every word, one thread, in turn.

Language models (LSTM, 256 numbers, every word of wikilm) with Huffman's tree, two-level and adaptive softmax are
trained for a minute each, or given. Queries are the hidden vectors at words of the test text.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from harness import SCRATCH, write_record
from in_turn import Claim, local, time_in_turn
from search import ROUNDS, K, hidden_vectors, trained
from vastmax import search
from vastmax.language_model import RunFolder

QUESTION = (
    "What does best-first search of a tree, of classes and of clusters cost beside a flat layer of as many words?"
)
TARGETS = {
    "hierarchical-softmax": {1: 400.0, 32: 100.0},
    "two-level": {1: 400.0, 32: 150.0},
    "adaptive": {1: 40.0, 32: 20.0},
}
MINUTES = 1.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for method in TARGETS:
        parser.add_argument(
            f"--{method}", type=Path, metavar="RUN", help=f"a run to use; else trained for {MINUTES} min"
        )
    given = vars(parser.parse_args())
    torch.set_num_threads(1)
    methods: dict[str, Any] = {}
    claims = []
    for method, targets in TARGETS.items():
        run = given[method.replace("-", "_")] or trained(SCRATCH / f"search_{method}", MINUTES, method)
        methods[method], judged = measure(run, method, targets)
        claims += judged
        write_record("search_trees", QUESTION, {"k": K, "methods": methods, "claims": claims})


def measure(run: Path, method: str, targets: dict[int, float]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    folder = RunFolder.open(run)
    model = folder.load_model()
    hidden = hidden_vectors(folder, model)
    V, D = model.head.output.vocab_size, hidden.shape[1]
    # As many words in a plain table: what PyTorch would take. Its numbers do not matter for the time.
    weight, bias = torch.randn(V, D), torch.zeros(V)
    index = search.BestFirst(model.head)
    with torch.no_grad():
        log_prob, words = model.head.topk(hidden[:100], K, search=index)
        expected = model.head.log_prob(hidden[:100]).topk(K, dim=1)
        alike = (log_prob - expected.values).abs().max()
    facts: dict[str, Any] = {
        "vocab_size": V,
        "best_probability": float(expected.values[:, 0].exp().mean()),
        "largest_difference_of_log_prob": float(alike),
        "same_words": float((words == expected.indices).double().mean()),
        "opened": float(index.last_opened.double().mean()),
        "nodes": index.num_nodes,
        "batches": {},
    }
    claims = []
    for batch, target in targets.items():
        at = 0

        def queries(batch: int = batch) -> torch.Tensor:
            nonlocal at
            at = (at + batch) % (len(hidden) - batch)
            return hidden[at : at + batch]

        cases = {
            "PyTorch": local(lambda q=queries: torch.addmm(bias, q(), weight.T).topk(K, dim=1)),  # type: ignore[misc]
            "best first": local(lambda q=queries: index.topk(model.head.output, q(), K)),  # type: ignore[misc]
        }
        timings, loads = time_in_turn(cases, rounds=ROUNDS)
        claim = Claim(
            f"{method}, batch {batch}: best first against PyTorch", "PyTorch", "best first", target, at_least=True
        )
        judged = claim.judge({kind: timing.cpu_seconds for kind, timing in timings.items()})
        print(judged["claim"], round(judged["ratio"]["median"], 1), judged["target"], judged["met"], flush=True)
        claims.append(judged)
        facts["batches"][str(batch)] = {
            "milliseconds_per_query": {
                kind: 1e3 * timing.record()["cpu_seconds"]["median"] / batch for kind, timing in timings.items()
            },
            "load_average": loads,
        }
    return facts, claims


if __name__ == "__main__":
    main()
