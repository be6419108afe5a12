"""Finding the ten best words of a trained model: every index beside PyTorch's product and topk, one thread, in turn.

A language model (LSTM, 256 numbers, sampled softmax, every word of wikilm) is trained for six minutes, and another for
a third of a minute, whose law is nearly that of the unigrams. Queries are the hidden vectors at 10,000 words of the
test text. Half of them calibrate the indexes that are not exact, the other half measures. Each round times every method
on the same queries, one after the other; ratios are of CPU-seconds, round by round.
"""

from __future__ import annotations

import argparse
import lzma
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from harness import SCRATCH, corpora, write_record
from in_turn import Claim, local, time_in_turn
from vastmax import search
from vastmax.kernels.word_scan import scan_rows
from vastmax.language_model import SENTENCE_END, LanguageModel, RunFolder
from vastmax.search.approximate import Approximate
from vastmax.search.calibration import recall_of
from vastmax.search.score_table import ScoreTable, table_of

QUESTION = "What does finding the ten best of 349,437 words cost by each index, and what does it miss?"
K = 10
QUERIES = 10_000
COVERED = 5_000
SAMPLES = 2048
ROUNDS = 5
MODELS = {"trained": 6.0, "flat": 0.35}  # minutes
BATCHES = (1, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, minutes in MODELS.items():
        parser.add_argument(
            f"--{name}", type=Path, metavar="RUN", help=f"a run to use; else trained for {minutes} minutes"
        )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    models, claims = {}, []
    given = {name: getattr(arguments, name) for name in MODELS}
    for name, minutes in MODELS.items():
        if given[name] is None and any(given.values()):
            continue
        run = given[name] or trained(SCRATCH / f"search_{name}", minutes)
        models[name], judged = measure(run, name)
        claims += judged
        write_record("search", QUESTION, {"k": K, "models": models, "claims": claims})


def trained(folder: Path, minutes: float, method: str = "sampled-softmax") -> Path:
    if not folder.exists():
        text = str(corpora() / "wikilm.train.txt.xz")
        options = ["--min-count", "1", "--hidden-size", "256", "--held-out", "0", "--threads", "1", "--no-cache"]
        options += ["--method", method]
        command = [sys.executable, "-m", "vastmax", "lm", "train", text, *options]
        subprocess.run([*command, "--minutes", str(minutes), "-o", str(folder)], check=True)
    return folder


def hidden_vectors(folder: RunFolder, model: LanguageModel) -> torch.Tensor:
    """At 10,000 words of the test text, read as twenty streams, in random order."""
    word_ids: list[int] = []
    with lzma.open(corpora() / "wikilm.test.txt.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            word_ids += [*folder.vocabulary.ids(line.split()).tolist(), folder.vocabulary.id(SENTENCE_END)]
            if len(word_ids) >= QUERIES:
                break
    with torch.no_grad():
        hidden, _ = model.encoder(torch.tensor(word_ids[:QUERIES]).view(20, -1))
    queries = hidden.reshape(QUERIES, -1)
    return queries[torch.randperm(QUERIES, generator=torch.Generator().manual_seed(0))].contiguous()


def measure(run: Path, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    folder = RunFolder.open(run)
    model = folder.load_model()
    hidden = hidden_vectors(folder, model)
    with torch.no_grad():
        table = table_of(model.head)
        scores = table.scores(hidden[:200])
        law = scores.log_softmax(1)
    facts: dict[str, Any] = {
        "vocab_size": table.vocab_size,
        "width": table.width,
        "best_probability": float(law.exp().amax(1).mean()),
        "entropy": float(-(law.exp() * law).sum(1).mean()),
    }
    print(name, facts, flush=True)
    indexes, facts["indexes"] = build(model.head, hidden[: QUERIES // 2], every=name == "trained")
    held_out = hidden[QUERIES // 2 :]
    parts = torch.split(hidden, 250)
    true_best = torch.cat(
        [torch.from_numpy(scan_rows(h, table.weight, table.bias, K, threads=1).word_id) for h in parts]
    )
    by_torch = torch.cat([table.scores(part).topk(K, dim=1).indices for part in torch.split(hidden[:2_000], 100)])
    facts["rows_unlike_pytorch"] = int((true_best[:2_000].sort(1).values != by_torch.sort(1).values).any(1).sum())
    facts["exactness"] = exactness(indexes["certified"], table, hidden, true_best)
    for kind, index in indexes.items():
        expected = true_best[QUERIES // 2 :][:1_000]
        found = torch.cat([index.find(part, K).word_id for part in torch.split(held_out[:1_000], 100)])
        shares = recall_of(found, expected)
        first = (found[:, 0] == expected[:, 0]).double().mean()
        facts["indexes"][kind] |= {"recall": float(shares.mean()), "recall_first": float(first)}
        print(kind, facts["indexes"][kind], flush=True)
    facts["log_normaliser"] = intervals(table, held_out, indexes)
    facts["batches"], claims = {}, []
    for batch in BATCHES:
        timings, judged = timed(model.head, table, indexes, held_out, batch, name)
        facts["batches"][str(batch)] = timings
        claims += judged
    return facts, claims


def build(head: Any, queries: torch.Tensor, *, every: bool) -> tuple[dict[str, search.Index], dict[str, Any]]:
    builders: dict[str, Callable[[], search.Index]] = {
        "certified": lambda: search.Certified(head),
        "certified, log Z to 1e-3": lambda: search.Certified(head, tolerance=1e-3),
        "clustered": lambda: search.Clustered(head),
        "screened": lambda: search.Screened(head, queries[1000:4000]),
    }
    if every:
        builders["hashing"] = lambda: search.Hashing(head)
        builders["faiss"] = lambda: search.Faiss(head, factory="IVF1024,Flat")
    indexes, facts = {}, {}
    for kind, builder in builders.items():
        began = time.process_time()
        index = builder()
        facts[kind] = {"build_cpu_seconds": time.process_time() - began, "bytes": index.num_bytes}
        if isinstance(index, Approximate):
            found = index.calibrate(queries[:600], recall=0.99, k=K)
            facts[kind] |= {name: getattr(found, name) for name in ("effort", "reached", "low", "high", "scored_share")}
        indexes[kind] = index
        print(kind, facts[kind], flush=True)
    return indexes, facts


def exactness(
    index: search.Index, table: ScoreTable, hidden: torch.Tensor, true_best: torch.Tensor
) -> dict[str, float | int]:
    """Return how many queries get other words than by scoring every row, and the error of log p of two hundred."""
    different, gap, error = 0, 0.0, 0.0
    for start in range(0, len(hidden), 100):
        part = hidden[start : start + 100]
        found = index.find(part, K)
        expected = true_best[start : start + 100]
        wrong = (found.word_id.sort(dim=1).values != expected.sort(dim=1).values).any(dim=1)
        different += int(wrong.sum())
        if bool(wrong.any()):
            scores = table.scores(part[wrong]).gather(1, expected[wrong])
            gap = max(gap, float((scores - found.score[wrong]).abs().max()))
    for query in torch.split(hidden[:200], 1):
        log_prob, word_id = index.topk(table.layer, query, K)  # type: ignore[arg-type]
        exact = table.scores(query).double().log_softmax(1).gather(1, word_id)
        error = max(error, float((log_prob - exact).abs().max()))
    return {"queries": len(hidden), "different": different, "largest_gap": gap, "log_prob_error": error}


def intervals(table: ScoreTable, hidden: torch.Tensor, indexes: dict[str, search.Index]) -> dict[str, dict[str, float]]:
    """Return, for each way to estimate log Z, the relative error of Z, and how many 95 % intervals cover it."""
    exact = torch.cat(
        [
            torch.from_numpy(scan_rows(part, table.weight, table.bias, 1, threads=1).log_normaliser)  # type: ignore[arg-type]
            for part in torch.split(hidden[:COVERED], 250)
        ]
    )
    ways: dict[str, tuple[search.Index, dict[str, int]]] = {
        "certified, 1,024 samples": (indexes["certified"], {"samples": 1024}),
        "certified, 2,048 samples": (indexes["certified"], {"samples": SAMPLES}),
        "clustered, 1,024 best and 4,096 samples": (indexes["clustered"], {"best": 1024, "samples": 4096}),
    }
    found = {}
    for name, (index, options) in ways.items():
        generator = torch.Generator().manual_seed(1)
        parts = [
            index.log_normaliser(part, generator=generator, **options)  # type: ignore[arg-type]
            for part in torch.split(hidden[:COVERED], 100)
        ]
        estimate, error = (torch.cat(each) for each in zip(*parts, strict=True))
        off = estimate - exact
        found[name] = {
            "queries": len(off),
            "mean_relative_error": float(off.abs().mean()),
            "root_mean_square": float(off.square().mean().sqrt()),
            "coverage": float((off.abs() <= 1.96 * error).double().mean()),
        }
        print(name, found[name], flush=True)
    return found


def timed(
    head: Any, table: ScoreTable, indexes: dict[str, search.Index], hidden: torch.Tensor, batch: int, name: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    at = 0

    def queries() -> torch.Tensor:
        nonlocal at
        at = (at + batch) % (len(hidden) - batch)
        return hidden[at : at + batch]

    cases = {
        "PyTorch": local(lambda: table.scores(queries()).topk(K, dim=1)),
        "rows": local(lambda: scan_rows(queries(), table.weight, table.bias, K, threads=1)),
        "head.topk": local(lambda: head.topk(queries(), K)),
        "head.topk, certified": local(lambda: head.topk(queries(), K, search=indexes["certified"])),
        "head.topk, certified, log Z to 1e-3": local(
            lambda: head.topk(queries(), K, search=indexes["certified, log Z to 1e-3"])
        ),
    }
    cases["log Z, certified, 2,048 samples"] = local(
        lambda: indexes["certified"].log_normaliser(queries(), samples=SAMPLES)
    )
    for kind in ("certified", "clustered", "screened", "hashing", "faiss"):
        if kind in indexes:
            cases[kind] = local(lambda kind=kind: indexes[kind].find(queries(), K))  # type: ignore[misc]
    timings, loads = time_in_turn(cases, rounds=ROUNDS)
    cpu = {kind: timing.cpu_seconds for kind, timing in timings.items()}
    claims = [
        Claim(f"{name}, batch {batch}: {case} against PyTorch", "PyTorch", case, bound, at_least=True)
        for case, bound in (
            ("rows", 2.8 if batch == 1 else 1.0),
            ("certified", 12.0 if batch == 1 else 3.0),
            ("head.topk, certified", 12.0 if batch == 1 else 3.0),
            ("clustered", 25.0 if batch == 1 else 10.0),
        )
    ]
    if batch == 1:
        sampled = "log Z, certified, 2,048 samples"
        claims.append(Claim(f"{name}, batch 1: {sampled} against rows", "rows", sampled, 20.0, at_least=True))
        claims.append(Claim(f"{name}, batch 1: certified against rows", "rows", "certified", 4.5, at_least=True))
    judged = [claim.judge(cpu) for claim in claims]
    for each in judged:
        print(each["claim"], round(each["ratio"]["median"], 2), each["target"], each["met"], flush=True)
    return {
        "milliseconds_per_query": {
            kind: {
                "cpu": 1e3 * timing.record()["cpu_seconds"]["median"] / batch,
                "wall": 1e3 * timing.record()["wall_seconds"]["median"] / batch,
            }
            for kind, timing in timings.items()
        },
        "rounds": {kind: timing.record() for kind, timing in timings.items()},
        "load_average": loads,
    }, judged


if __name__ == "__main__":
    main()
