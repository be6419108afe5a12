"""Generate the tables of docs/concepts/methods/ from the registry and from records, for tools/bench_tables.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vastmax.methods import RECIPES

RECORDS = Path(__file__).resolve().parents[1] / "benchmarks" / "records"


def measured(record: dict[str, Any], recipe: str) -> str:
    """Return the measured cost of a step of a recipe, from `output_layers` and related records."""
    return MEASURED[recipe](record)


def recipes_table(record: object = None) -> str:
    """Return a table with one row per method of the registry, linked to its page."""
    rows = [f"| [`{name}`]({name}.md) | {method.summary} | {method.source} |" for name, method in RECIPES.items()]
    return "\n".join(["| recipe | what it is | source |", "|---|---|---|", *rows])


def published_table(record: object = None) -> str:
    """Return a table of published claims for each method of the registry."""
    names = (
        "method", "Chen et al. 2015", "own paper", "cheaper training step", "cheaper to score a given word",
        "cheaper to find the best word", "small V", "large V", "parameters",
    )  # fmt: skip
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for name, method in RECIPES.items():
        row = method.published
        cells = (
            row.speed_up_chen, row.speed_up_paper, row.cheaper_training, row.cheaper_scoring, row.cheaper_search,
            row.small_vocabulary, row.large_vocabulary, row.parameters,
        )  # fmt: skip
        lines.append(f"| [{method.title}]({name}.md) | {' | '.join(cell or '–' for cell in cells)} |")
    return "\n".join(lines)


REGISTRY_TABLES = {"recipes": recipes_table, "published": published_table}
"""Tables that come from `vastmax.methods`, not from a record."""


def _group(record: dict[str, Any], group: str) -> dict[str, Any]:
    found: dict[str, Any] = record["groups"][group]
    return found


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _milliseconds(group: dict[str, Any], case: str) -> str:
    value = 1e3 * group["cases"][case]["cpu_seconds"]["median"]
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _claim(group: dict[str, Any], beginning: str) -> dict[str, Any]:
    (found,) = (claim for claim in group["claims"] if claim["claim"].startswith(beginning))
    return dict(found)


def _ratio(group: dict[str, Any], beginning: str) -> str:
    value = _claim(group, beginning)["ratio"]["median"]
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"


def _step(group: dict[str, Any], case: str, claim: str) -> str:
    """Return the sentence for a method that was timed alternately with the full softmax."""
    return (
        f"Here, V = 100,000: {_milliseconds(group, case)} CPU-ms per step, {_milliseconds(group, 'full softmax')} with "
        f"PyTorch's full softmax in the same run: {_ratio(group, claim)} times fewer."
    )


STEP = "A step is forward, backward and optimizer, N = 1024, D = 256"
SETTING = f"{STEP}, targets under Zipf's law."
SAMPLED = f"{STEP}, K = 1024, targets under Zipf's law."
OF_TEXT = f"{STEP}, K = 1024, words of Wikipedia."


def _softmax(record: dict[str, Any]) -> str:
    time, memory = _group(record, "cross-entropy"), _group(record, "memory")
    return (
        f"Here, V = 100,000: {_milliseconds(time, 'cross-entropy')} CPU-ms per step, against "
        f"{_milliseconds(time, 'full softmax')} of PyTorch's `F.cross_entropy` over all scores, with "
        f"{_ratio(memory, 'cross-entropy: peak memory')} of its memory. {SETTING}"
    )


def _in_turn(group: str, case: str, claim: str, setting: str = SETTING) -> Callable[[dict[str, Any]], str]:
    return lambda record: f"{_step(_group(record, group), case, claim)} {setting}"


def _differentiated(record: dict[str, Any]) -> str:
    group = _group(record, "differentiated")
    sizes = ", ".join(f"{size:,}" for size in group["block_sizes"])
    widths = ", ".join(map(str, group["block_widths"]))
    return (
        f"Here, V = 100,000 in blocks of {sizes} words, {widths} numbers wide: "
        f"{_milliseconds(group, 'differentiated')} CPU-ms per step, {_ratio(group, 'differentiated: step')} "
        f"of what its matrix products and one softmax take in PyTorch. {SETTING}"
    )


def _adaptive(record: dict[str, Any]) -> str:
    group = _group(record, "adaptive")
    chosen, round_ones = (_ratio(group, f"adaptive: torch's / ours, V = 1M, {kind}") for kind in ("chosen", "round"))
    return (
        f"{_step(group, 'adaptive, V = 100k', 'adaptive: full softmax / step')} PyTorch's own adaptive layer takes "
        f"{chosen} times the CPU-time of this one at V = 1,000,000 with the cut-offs chosen here, {round_ones} times "
        f"with round ones. {SETTING}"
    )


def _cnn_softmax(record: dict[str, Any]) -> str:
    group = _group(_read("character_models"), "char-cnn")
    claim, share = _claim(group, "CharCNN: step"), group["parameter_share"]
    return (
        f"Here, V = {group['vocab_size']:,}: {claim['ratio']['median']:.1f} times the CPU-time of a sampled step with "
        f"a table of vectors (the target was at most {claim['target'].removeprefix('<= ')}"
        f"{'' if claim['met'] else ': missed'}); {100 * share['of_dense']:.0f} % of its parameters at "
        f"D = {share['hidden_size']}. {OF_TEXT}"
    )


def _importance(record: dict[str, Any]) -> str:
    group = _group(_read("sampling_proposals"), "importance-sampling")
    return (
        f"Here, V = {group['vocab_size']:,} and no example falling back: "
        f"{_milliseconds(group, 'importance-sampling')} CPU-ms per step, "
        f"{_ratio(group, 'importance sampling: step')} of sampled softmax's. {OF_TEXT}"
    )


def _adaptive_importance(record: dict[str, Any]) -> str:
    group = _group(_read("sampling_proposals"), "importance-sampling")
    claim = _claim(group, "AdaptiveBigram: step")
    return (
        f"Here, V = {group['vocab_size']:,} and {group['pairs']:,} pairs: a step takes "
        f"{claim['ratio']['median']:.2f} times the CPU-time of one with unigrams (the target was at most "
        f"{claim['target'].removeprefix('<= ')}{'' if claim['met'] else ': missed'}). {OF_TEXT}"
    )


def _target_sampling(record: dict[str, Any]) -> str:
    group = _group(_read("sampling_proposals"), "target-partition")
    return (
        f"Here, V = 349,000 and |V′| = {group['words']:,}: {_milliseconds(group, 'target-sampling')} CPU-ms per step, "
        f"{_milliseconds(group, 'full softmax')} with PyTorch's full softmax in the same run: "
        f"{_ratio(group, 'target sampling: full softmax')} times fewer. {SETTING}"
    )


MEASURED: dict[str, Callable[[dict[str, Any]], str]] = {
    "softmax": _softmax,
    "hierarchical-softmax": _in_turn("hierarchical", "huffman, V = 100000", "huffman: full softmax / step"),
    "two-level": _in_turn("hierarchical", "two-level", "two-level: full softmax / step"),
    "differentiated": _differentiated,
    "adaptive": _adaptive,
    "cnn-softmax": _cnn_softmax,
    "importance-sampling": _importance,
    "adaptive-importance-sampling": _adaptive_importance,
    "target-sampling": _target_sampling,
    **{
        name: _in_turn("sampled", name, f"{name}: full softmax / step", SAMPLED)
        for name in ("sampled-softmax", "nce", "negative-sampling")
    },
}
"""By recipe; only those with a record."""


def fixed_ngrams(record: dict[str, Any]) -> str:
    """Return a table of training runs by proposal and batch size."""
    settings = record["settings"]
    lines = [
        "| proposal | N | ESS | ESS < 10 or J < 0 | gap to the exact loss | validation perplexity | CPU-seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in record["results"]:
        figures, found = "– | – | –", row["held_out"]
        if found is not None:
            figures = f"{found['ess_mean']:.0f} | {100 * found['fallback_share']:.1f} % | {found['gap']:+.3f}"
        lines.append(
            f"| {row['case']} | {row['batch_size']:,} | {figures} | {row['valid_perplexity']:.0f} "
            f"| {row['training_cpu_seconds']:.0f} |"
        )
    lines += [
        "",
        f"Penn Treebank, its first {settings['tokens']:,} words, {settings['epochs']} epochs; a feed-forward model "
        f"with D = {settings['hidden_size']}, K = {settings['num_samples']}, no guard by ESS, so that the proposal "
        "alone makes the difference; ESS, what a guard would have caught, and the gap are means on held-out text "
        f"after the last epoch. Bigram: λ = {settings['bigram'][0]:g}; trigram: {settings['trigram'][0]:g} of bigrams "
        f"and {settings['trigram'][1]:g} of trigrams; late: from the middle of training on.",
    ]
    return "\n".join(lines)


def tree_methods(record: dict[str, Any]) -> str:
    """Perplexity and words read of trees and samplers, by budget; means over the seeds there are."""
    lines = ["| | processor minutes | perplexity | words read | seeds |", "|---|---|---|---|---|"]
    budgets = sorted({(run["minutes"], run["building_counted"]) for run in record["runs"]}, reverse=True)
    for minutes, counted in budgets:
        runs = [run for run in record["runs"] if (run["minutes"], run["building_counted"]) == (minutes, counted)]
        found: dict[str, list[dict[str, Any]]] = {}
        for run in runs:
            found.setdefault(run["title"], []).append(run)
        means = {title: sum(run["perplexity"] for run in of) / len(of) for title, of in found.items()}
        for title in sorted(found, key=means.__getitem__):
            words = sum(run["words"] for run in found[title]) / len(found[title])
            budget = f"{minutes:g}" if counted else f"{minutes:g}, the tree made before"
            lines.append(f"| {title} | {budget} | {means[title]:.1f} | {words / 1e6:.2f} M | {len(found[title])} |")
    machine = record["machine"]
    return "\n".join(
        [
            *lines,
            "",
            f"English Wikipedia, all {record['vocabulary_size']:,} words, LSTM with D = {record['hidden_size']}, one "
            f"thread of {machine['processor']}; perplexity of {record['validation_words']:,} held-out words.",
        ]
    )
