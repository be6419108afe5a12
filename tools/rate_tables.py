"""Generate the table of learning rates and initial biases in docs/guides/language-models.md from its record."""

from __future__ import annotations

from typing import Any

_TEXTS = {"ptb": "Penn Treebank", "wikilm": "Wikipedia"}
_ALIKE = ("text", "epochs", "method", "start")


def default_rates(record: dict[str, Any]) -> str:
    """Return the perplexity of every run, with one row for runs that differ only in the learning rate."""
    rates = sorted({run["facts"]["rate"] for run in record["runs"]})
    rows: dict[tuple[Any, ...], dict[float, float]] = {}
    for run in record["runs"]:
        key = tuple(run["facts"][name] for name in _ALIKE)
        rows.setdefault(key, {})[run["facts"]["rate"]] = run["best_validation_perplexity"]
    methods = [key[2] for key in rows]
    lines = [
        "| text | epochs | method | initial biases | " + " | ".join(f"{rate:g}" for rate in rates) + " |",
        "|---" * (4 + len(rates)) + "|",
    ]
    for key in sorted(rows, key=lambda key: (list(_TEXTS).index(key[0]), key[1], methods.index(key[2]), key[3])):
        text, epochs, method, start = key
        found = [f"{rows[key][rate]:.0f}" if rate in rows[key] else "" for rate in rates]
        lines.append(f"| {_TEXTS[text]} | {epochs} | {method} | {start} | {' | '.join(found)} |")
    sizes = [
        f"{_TEXTS[text]}: {facts['training_words']:,} words to train on, {facts['vocabulary_size']:,} different ones, "
        f"unigram perplexity {facts['unigram_perplexity']:,.0f}"
        for text, facts in record["texts"].items()
    ]
    seconds = [run["training_cpu_seconds"] for run in record["runs"]]
    lines += ["", f"{'. '.join(sizes)}. {len(seconds)} runs of {min(seconds):.0f} to {max(seconds):.0f} CPU-seconds."]
    return "\n".join(lines)


TABLES = {"default_rates": default_rates}
