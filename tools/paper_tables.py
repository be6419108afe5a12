"""Generate the tables of docs/reproductions.md: our results, from records, next to the published ones."""

from __future__ import annotations

import math
from typing import Any

PUBLISHED_MNIH_TEH = {
    "ml": 163.5,
    **{f"nce-unigram-{k}": figure for k, figure in ((1, 192.5), (5, 172.6), (25, 163.1), (100, 159.1))},
    **{f"nce-uniform-{k}": figure for k, figure in ((1, 291.0), (5, 233.7), (25, 195.1), (100, 173.2))},
}
"""Test perplexities of Mnih & Teh (2012), table 1."""

PUBLISHED_CHEN = {
    "softmax": 123.8,
    "d-softmax": 121.1,
    "target-sampling": 124.2,
    "hsm-weighted-k-means": 138.2,
    "nce": 143.1,
    "weak-normalisation": 124.4,
    "weak-normalisation-squared": 122.1,
}
"""Test perplexities on Penn Treebank of Chen, Grangier & Auli (2015), table 2; HSM is their best clustering."""


CHEN_VARIANTS = ("target-sampling-others", "nce-own")
"""Runs of the same study that explain the rank of a method in the paper."""

_TRIED = {"ml": "maximum likelihood", "nce-unigram-25": "NCE-25"}


def mnih_teh(record: dict[str, Any]) -> str:
    """Return perplexity and cost per step of each run, then the claims."""
    steps, ratios = record["speed"]["steps"], record["speed"]["ratio_of_ml"]
    lines = [
        "| training | noise words | test perplexity, ours | × ML | published | × ML | CPU-ms per step "
        "| ML's step / it |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ml = next(run["test_perplexity"] for run in record["runs"] if run["name"] == "ml")
    for run in main_runs(record):
        name, facts = run["name"], run["facts"]
        label = "maximum likelihood" if name == "ml" else f"NCE, {facts['noise']} noise"
        ratio = f"{ratios[name]['median']:.1f}" if name in ratios else "1"
        lines.append(
            f"| {label} | {facts.get('K', '')} | {run['test_perplexity']:.1f} | {run['test_perplexity'] / ml:.2f} "
            f"| {PUBLISHED_MNIH_TEH[name]} | {PUBLISHED_MNIH_TEH[name] / PUBLISHED_MNIH_TEH['ml']:.2f} "
            f"| {1000 * steps[name]['cpu_seconds']['median']:.1f} | {ratio} |"
        )
    lines += ["", *_claims([*record["claims"], _speed_claim(record["speed"]["claim"])]), ""]
    lines += ["| also tested | validation perplexity | test perplexity |", "|---|---|---|"]
    for run in record["runs"]:
        tried = run["facts"].get("change")
        if tried is not None or run["name"] in _TRIED:
            label = _TRIED.get(run["name"]) or f"{_TRIED[run['facts']['trial_of']]}: {tried}"
            lines.append(f"| {label} | {run['best_validation_perplexity']:.1f} | {run['test_perplexity']:.1f} |")
    return "\n".join(lines)


def chen(record: dict[str, Any]) -> str:
    """Return the perplexity of each method at equal time, then the claims."""
    lines = [
        "| method | test perplexity, ours | published | at embedding_lr | at other rates | epochs "
        "| training words per CPU-second |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in main_runs(record):
        facts = run["facts"]
        other = " / ".join(
            f"{rate['test_perplexity']:.1f} ({rate['embedding_lr']:g})"
            for rate in run["rates"]
            if rate["embedding_lr"] != run["settings"]["embedding_lr"]
        )
        label = facts["method"] + (f", classes: {facts['classes']}" if "classes" in facts else "")
        words = run["epochs"] * record["text"]["training_words"] / run["training_cpu_seconds"]
        lines.append(
            f"| {label} | {run['test_perplexity']:.1f} | {PUBLISHED_CHEN.get(run['name'], '–')} "
            f"| {run['settings']['embedding_lr']:g} | {other} | {run['epochs']:.1f} | {words:,.0f} |"
        )
    return "\n".join([*lines, "", *_claims(record["claims"])])


def wikilm(record: dict[str, Any]) -> str:
    """Return speed and perplexity of each method relative to the softmax, then the claims."""
    methods = [method for method in record["race"]["methods"] if method["status"] == "finished"]
    softmax = next(method for method in methods if method["method"] == "softmax")
    lines = [
        "| method | training words per CPU-second | × softmax | perplexity | × softmax | of words ranked 10,000 on |",
        "|---|---|---|---|---|---|",
    ]
    for method in methods:
        rare = [band for band in method["bands"] if band["first_rank"] == 10_000]
        of_rare = f"{math.exp(rare[0]['nats']):,.0f}" if rare else "–"
        speed, perplexity = method["training_words_per_second"], method["perplexity"]
        lines.append(
            f"| {method['method']} | {speed:,.0f} | {speed / softmax['training_words_per_second']:.1f} "
            f"| {perplexity:.0f} | {perplexity / softmax['perplexity']:.2f} | {of_rare} |"
        )
    facts = record["race"]["text"]
    lines += [
        "",
        f"{facts['vocabulary_size']:,} words, {facts['training_words']:,} to train on, perplexity of "
        f"{facts['validation_words']:,} held-out words; that of the unigrams is {facts['unigram_perplexity']:,.0f}. "
        f"{record['race']['settings']['training']['minutes']:g} CPU-minutes of training each.",
        "",
    ]
    return "\n".join([*lines, *_claims(record["claims"])])


def loop_overhead(record: dict[str, Any]) -> str:
    """Return the overhead of the loop per step."""
    lines = ["| one step of 1,024 words | CPU-ms | share of the loop |", "|---|---|---|"]
    for name, case in record["results"].items():
        low, high = case["share_of_loop"]["quartiles"]
        lines.append(
            f"| {name} | {1000 * case['trainer']['cpu_seconds']['median']:.1f} "
            f"| {100 * case['share_of_loop']['median']:.1f} % ({100 * low:.1f} to {100 * high:.1f}) |"
        )
    return "\n".join(lines)


def main_runs(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the runs that are not trials of learning rates."""
    return [run for run in record["runs"] if "trial_of" not in run["facts"]]


def _claims(claims: list[dict[str, Any]]) -> list[str]:
    lines = ["| expected | found | |", "|---|---|---|"]
    for claim in claims:
        found = claim["found"]
        text = " → ".join(f"{x:.1f}" for x in found) if isinstance(found, list) else f"{found:.4g}"
        lines.append(f"| {claim['claim']}: {claim['target']} | {text} | {'yes' if claim['met'] else '**no**'} |")
    return lines


def _speed_claim(claim: dict[str, Any]) -> dict[str, Any]:
    return {**claim, "found": claim["ratio"]["median"]}


TABLES = {
    "loop_overhead": loop_overhead,
    "paper_mnih_teh_2012": mnih_teh,
    "paper_chen_2015": chen,
    "paper_wikilm": wikilm,
}
