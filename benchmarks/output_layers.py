"""Measure the cost of the output layers: every claim about their speed and memory.

    python benchmarks/output_layers.py [--only GROUP …] [--rounds R] [--tensorflow PYTHON] [--record FILE]

N = 1024, D = 256, K = 1024, forward + backward + optimizer step on Zipf-distributed targets, two threads. Each group
runs in its own process, in which its cases are timed alternately in rounds; a claim is the median of the ratios of the
rounds. `--tensorflow` names a Python that has TensorFlow installed; without it, that comparison is skipped with a note.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from grouped import Group, add_arguments, in_process, run_groups, timed
from in_turn import THREADS, Claim, peak_bytes_of

SCRIPT = Path(__file__).resolve()
RECORD = SCRIPT.parent / "records" / "output_layers.json"

GROUPS: dict[str, Group] = {}


def group(function: Group) -> Group:
    GROUPS[function.__name__.replace("_", "-")] = function
    return function


def step_floor(noise_words: int, rows_touched: int) -> dict[str, int]:
    """Return the lower bound of a sampled step: the operations of three products, each number moved once per use.

    The rows used are read, their gradient is written and read, and they are written back; hidden vectors are read and
    their gradient written. The scores need not leave the cache.
    """
    from output_steps import D, N

    return {
        "floating_point_operations": 6 * N * noise_words * D,
        "bytes": 4 * D * (4 * rows_touched + 2 * N),
    }


def rates(result: dict[str, Any], floors: dict[str, dict[str, int]]) -> dict[str, float]:
    """Return the operations of the lower bound per CPU-second for each case, in GFLOP/s: its distance to the floor."""
    return {
        name: floor["floating_point_operations"] / result["cases"][name]["cpu_seconds"]["median"] / 1e9
        for name, floor in floors.items()
    }


@group
def sampled(options: argparse.Namespace) -> dict[str, Any]:
    """SampledSoftmax, NCE, NegativeSampling against their bare products and the full softmax, V = 100k."""
    from output_steps import D, K, bare_products_step, full_softmax_step, head_step, zipf_batches, zipf_counts
    from vastmax.methods import RECIPES

    V = 100_000
    counts, batches = zipf_counts(V), zipf_batches(V)
    cases: dict[str, Any] = {}
    claims = []
    distinct = {}
    floors = {}
    for name in ("sampled-softmax", "nce", "negative-sampling"):
        head = RECIPES[name](D, counts)
        proposal = head.objective.proposal
        assert proposal is not None
        drawn = [len(proposal.draw(batches.target[0], K).word_ids) for _ in range(50)]
        distinct[name] = round(sum(drawn) / len(drawn))
        cases[name] = head_step(head, batches, row_sparse=True)
        cases[f"products of {name}"] = bare_products_step([(distinct[name], D)])
        noise = proposal.draw(batches.target[0], K).word_ids
        floors[name] = step_floor(distinct[name], len(set(noise.tolist()) | set(batches.target[0].tolist())))
        floors[f"products of {name}"] = floors[name]
        claims += [
            Claim(f"{name}: step / bare products with its distinct noise words", name, f"products of {name}", 1.3),
            Claim(f"{name}: full softmax / step", "full softmax", name, 90, at_least=True),
        ]
    cases["products of K words"] = bare_products_step([(K, D)])
    cases["full softmax"] = full_softmax_step(V, batches)
    claims += [
        Claim(f"{name}: step / bare products with K = {K} words", name, "products of K words", 1.3) for name in distinct
    ]
    result = timed(cases, claims, rounds=options.rounds, distinct_noise_words=distinct, vocab_size=V, floors=floors)
    return {**result, "gigaflops_a_cpu_second": rates(result, floors)}


@group
def sampled_by_size(options: argparse.Namespace) -> dict[str, Any]:
    """Return the time of the sampled steps at V = 10M against V = 10k."""
    from output_steps import D, K, head_step, table, zipf_batches, zipf_counts
    from vastmax.head import Head
    from vastmax.objective import NCE, NegativeSampling, SampledSoftmax
    from vastmax.output import Dense
    from vastmax.proposal import Unigram

    cases: dict[str, Any] = {}
    claims = []
    in_play: dict[str, int] = {}
    for V in (10_000, 10_000_000):
        counts, batches = zipf_counts(V), zipf_batches(V)
        weight = table(V, D)  # shared by the three: one such table is 10 GB
        objectives = {
            "sampled-softmax": SampledSoftmax(Unigram(counts, unique=True), K),
            "nce": NCE(Unigram(counts), K),
            "negative-sampling": NegativeSampling(Unigram(counts, 0.75), K),
        }
        for name, objective in objectives.items():
            cases[f"{name}, V = {V}"] = head_step(Head(Dense(weight=weight), objective), batches, row_sparse=True)
            noise = objective.proposal.draw(batches.target[0], K).word_ids
            in_play[f"{name}, V = {V}: distinct noise words"] = len(noise)
            in_play[f"{name}, V = {V}: rows touched"] = len(set(noise.tolist()) | set(batches.target[0].tolist()))
    for name in ("sampled-softmax", "nce", "negative-sampling"):
        large, small = f"{name}, V = 10000000", f"{name}, V = 10000"
        claims.append(Claim(f"{name}: V = 10M / V = 10k", large, small, 1.3))
        # Words drawn twice are merged, and of few words more are: the products themselves are larger at 10M.
        words = [in_play[f"{case}: distinct noise words"] for case in (large, small)]
        claims.append(
            Claim(f"{name}: V = 10M / V = 10k, a distinct noise word", large, small, 1.3, scale=words[1] / words[0])
        )
    return timed(cases, claims, rounds=options.rounds, in_play=in_play)


@group
def hierarchical(options: argparse.Namespace) -> dict[str, Any]:
    """Huffman and two-level trees against the full softmax, and per path node by vocabulary."""
    from output_steps import D, full_softmax_step, head_step, zipf_batches, zipf_counts
    from vastmax import tree
    from vastmax.head import Head
    from vastmax.output.hierarchical import Hierarchical

    cases: dict[str, Any] = {}
    nodes = {}
    for V in (10_000, 100_000, 1_000_000):
        counts, batches = zipf_counts(V), zipf_batches(V)
        huffman = tree.huffman(counts)
        lengths = (huffman.path_offsets[1:] - huffman.path_offsets[:-1]).astype(float)
        nodes[V] = float(sum(lengths[t.numpy()].sum() for t in batches.target) / len(batches.target))
        cases[f"huffman, V = {V}"] = head_step(Head(Hierarchical(D, huffman)), batches, row_sparse=True)
        if V == 100_000:
            two_level = tree.frequency_classes(counts)
            cases["two-level"] = head_step(Head(Hierarchical(D, two_level)), batches, row_sparse=True)
            cases["full softmax"] = full_softmax_step(V, batches)
    claims = [
        Claim("huffman: full softmax / step, V = 100k", "full softmax", "huffman, V = 100000", 500, at_least=True),
        Claim("two-level: full softmax / step, V = 100k", "full softmax", "two-level", 60, at_least=True),
        Claim(
            "huffman: per path node, V = 1M / V = 10k",
            "huffman, V = 1000000",
            "huffman, V = 10000",
            1.3,
            scale=nodes[10_000] / nodes[1_000_000],
        ),
    ]
    return timed(cases, claims, rounds=options.rounds, path_nodes_a_batch={str(V): n for V, n in nodes.items()})


@group
def adaptive(options: argparse.Namespace) -> dict[str, Any]:
    """Adaptive against the full softmax at V = 100k, and against torch's own layer at V = 1M."""
    from torch import nn

    from output_steps import D, full_softmax_step, head_step, torch_adaptive_step, zipf_batches, zipf_counts
    from vastmax.head import Head
    from vastmax.output import Adaptive

    small, large = 100_000, 1_000_000
    batches = zipf_batches(small)
    ours = Adaptive(D, zipf_counts(small))
    cases: dict[str, Any] = {
        "full softmax": full_softmax_step(small, batches),
        "adaptive, V = 100k": head_step(Head(ours), batches, row_sparse=False),
    }
    claims = [Claim("adaptive: full softmax / step, V = 100k", "full softmax", "adaptive, V = 100k", 30, at_least=True)]
    batches = zipf_batches(large)
    facts: dict[str, Any] = {"cutoffs at 100k": ours.cutoffs}
    for label, cutoffs in (("chosen", None), ("round", [2_000, 10_000, 100_000])):
        layer = Adaptive(D, zipf_counts(large), cutoffs)
        theirs = nn.AdaptiveLogSoftmaxWithLoss(D, large, layer.cutoffs)
        cases[f"adaptive, V = 1M, {label} cut-offs"] = head_step(Head(layer), batches, row_sparse=False)
        cases[f"torch's, V = 1M, {label} cut-offs"] = torch_adaptive_step(theirs, batches)
        facts[f"{label} cutoffs at 1M"] = layer.cutoffs
        claims.append(
            Claim(
                f"adaptive: torch's / ours, V = 1M, {label} cut-offs",
                f"torch's, V = 1M, {label} cut-offs",
                f"adaptive, V = 1M, {label} cut-offs",
                2.0,
                at_least=True,
            )
        )
    return timed(cases, claims, rounds=max(3, options.rounds // 2), **facts)


@group
def cross_entropy(options: argparse.Namespace) -> dict[str, Any]:
    """CrossEntropy over Dense against F.cross_entropy over F.linear, V = 100k."""
    from output_steps import D, full_softmax_step, head_step, zipf_batches
    from vastmax.head import Head
    from vastmax.output import Dense

    V = 100_000
    batches = zipf_batches(V)
    cases = {
        "full softmax": full_softmax_step(V, batches),
        "cross-entropy": head_step(Head(Dense(D, V)), batches, row_sparse=False),
    }
    claims = [Claim("cross-entropy: step / F.cross_entropy step, V = 100k", "cross-entropy", "full softmax", 1.0)]
    return timed(cases, claims, rounds=max(3, options.rounds // 2))


@group
def differentiated(options: argparse.Namespace) -> dict[str, Any]:
    """Differentiated against its own matrix products and one softmax, V = 100k."""
    from output_steps import D, bare_products_step, head_step, zipf_batches, zipf_counts
    from vastmax.head import Head
    from vastmax.output import Differentiated

    V, sizes, widths = 100_000, [20_000, 30_000, 50_000], [128, 80, 48]
    cases = {
        "differentiated": head_step(
            Head(Differentiated(D, zipf_counts(V), sizes, widths)), zipf_batches(V), row_sparse=False
        ),
        "products and softmax": bare_products_step(list(zip(sizes, widths, strict=True)), softmax=True),
    }
    claims = [
        Claim("differentiated: step / (its products + one softmax)", "differentiated", "products and softmax", 1.25)
    ]
    return timed(cases, claims, rounds=max(3, options.rounds // 2), block_sizes=sizes, block_widths=widths)


@group
def best_words(options: argparse.Namespace) -> dict[str, Any]:
    """Return the ten best words, exactly, against torch.topk over all scores, V = 349k."""
    import torch

    from output_steps import D, table, zipf_batches
    from vastmax.head import Head
    from vastmax.output import Dense

    V = 349_000
    weight = table(V, D)
    head = Head(Dense(weight=weight, bias=False)).eval()
    hidden = zipf_batches(V).hidden[0]

    @torch.no_grad()
    def brute_force() -> object:
        return torch.topk(hidden @ weight.T, 10)

    cases = {"exact tiles": lambda: head.topk(hidden, 10), "torch.topk": brute_force}
    claims = [
        Claim("exact tiles, ten best words: time / torch.topk(hidden @ weight.T)", "exact tiles", "torch.topk", 1.1)
    ]
    return timed(cases, claims, rounds=max(3, options.rounds // 2))


@group
def tensorflow(options: argparse.Namespace) -> dict[str, Any]:
    """SampledSoftmax and NCE against TensorFlow's own losses with its sparse SGD."""
    from output_steps import D, K, N, head_step, table, zipf_batches
    from vastmax.head import Head
    from vastmax.objective import NCE, SampledSoftmax
    from vastmax.output import Dense
    from vastmax.proposal import LogUniform

    if options.tensorflow is None:
        return {"skipped": "no --tensorflow PYTHON was given", "cases": {}, "claims": []}
    from tensorflow_worker import TensorFlowWorker

    cases: dict[str, Any] = {}
    claims = []
    version = ""
    for V in (100_000, 1_000_000):
        batches = zipf_batches(V)
        for name, objective in (("sampled-softmax", SampledSoftmax), ("nce", NCE)):
            head = Head(Dense(weight=table(V, D)), objective(LogUniform(V, unique=True), K))
            cases[f"{name}, V = {V}"] = head_step(head, batches, row_sparse=True)
            worker = TensorFlowWorker(options.tensorflow, name, V, N, D, K, THREADS)
            version = worker.version
            cases[f"TensorFlow's {name}, V = {V}"] = worker
            claims.append(
                Claim(
                    f"{name}: TensorFlow's / ours, V = {V}",
                    f"TensorFlow's {name}, V = {V}",
                    f"{name}, V = {V}",
                    1.3,
                    at_least=True,
                )
            )
    return timed(cases, claims, rounds=options.rounds, tensorflow_version=version)


def _memory_case(name: str) -> int:
    """Peak bytes of one step above what was there before it, parameters included in the latter."""
    import torch
    from torch import nn

    from output_steps import (
        D,
        full_softmax_step,
        head_step,
        table,
        torch_adaptive_step,
        zipf_batches,
        zipf_counts,
    )
    from vastmax.head import Head
    from vastmax.output import Adaptive, Dense

    torch.set_num_threads(THREADS)
    head_step(Head(Dense(D, 50)), zipf_batches(50, num_batches=1), row_sparse=False)()  # loads what a first step loads
    if name in ("full softmax", "cross-entropy"):
        V = 100_000
        batches = zipf_batches(V, num_batches=1)
        if name == "full softmax":
            return peak_bytes_of(full_softmax_step(V, batches))
        return peak_bytes_of(head_step(Head(Dense(D, V)), batches, row_sparse=False))
    if name.startswith("adaptive") or name.startswith("torch's"):
        V = 1_000_000
        batches = zipf_batches(V, num_batches=1)
        layer = Adaptive(D, zipf_counts(V), [2_000, 10_000, 100_000] if "round" in name else None)
        if name.startswith("adaptive"):
            return peak_bytes_of(head_step(Head(layer), batches, row_sparse=False))
        theirs = nn.AdaptiveLogSoftmaxWithLoss(D, V, layer.cutoffs)
        return peak_bytes_of(torch_adaptive_step(theirs, batches))
    V = 349_000
    weight = table(V, D)
    hidden = zipf_batches(V, num_batches=1).hidden[0]
    head = Head(Dense(weight=weight, bias=False)).eval()
    with torch.no_grad():
        if name == "exact tiles":
            return peak_bytes_of(lambda: head.topk(hidden, 10))
        return peak_bytes_of(lambda: torch.topk(hidden @ weight.T, 10))


@group
def memory(options: argparse.Namespace) -> dict[str, Any]:
    """Peak resident memory of one step above the parameters, each in a process of its own."""
    names = [
        "full softmax",
        "cross-entropy",
        "torch's adaptive, chosen cut-offs",
        "adaptive, chosen cut-offs",
        "torch's adaptive, round cut-offs",
        "adaptive, round cut-offs",
        "torch.topk",
        "exact tiles",
    ]
    peaks = {name: [float(in_process(SCRIPT, "--memory-case", name)) for _ in range(3)] for name in names}
    claims = [
        Claim("cross-entropy: peak memory / F.cross_entropy, V = 100k", "cross-entropy", "full softmax", 0.12),
        *(
            Claim(
                f"adaptive: peak memory / torch's, V = 1M, {label} cut-offs",
                f"adaptive, {label} cut-offs",
                f"torch's adaptive, {label} cut-offs",
                0.25,
            )
            for label in ("chosen", "round")
        ),
        Claim("exact tiles: peak memory / torch.topk, V = 349k", "exact tiles", "torch.topk", 0.05),
    ]
    return {"peak_bytes": peaks, "cases": {}, "claims": [claim.judge(peaks) for claim in claims]}


def _passed_on(options: argparse.Namespace) -> list[str]:
    return [] if options.tensorflow is None else ["--tensorflow", options.tensorflow]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, GROUPS, RECORD)
    parser.add_argument("--tensorflow", default=None, help="a Python that has TensorFlow")
    parser.add_argument("--memory-case", default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_case is not None:
        print(json.dumps(_memory_case(options.memory_case)))
        return
    run_groups(GROUPS, options, SCRIPT, _passed_on(options))


if __name__ == "__main__":
    main()
