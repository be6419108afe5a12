"""Figures of the exact models: the plain softmax, trees, classes, differentiated and adaptive softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from figures.style import FAINT, FOURTH, INK, METHOD, OTHER, QUIET, THIRD, label, panels, short_ticks
from figures.tiny_model import documentation_counts
from vastmax import tree
from vastmax.distribution.code_length import balanced_depths
from vastmax.distribution.cutoffs import best_cutoffs, step_seconds
from vastmax.distribution.entropy import entropy_bits
from vastmax.output import Differentiated

WIDTH = 256
BATCH, SAMPLES = 1024, 1024
BLOCK_COLOURS = (METHOD, THIRD, OTHER)


def zipf(vocab_size: int) -> NDArray[np.float64]:
    """Counts 10⁷/rank: Zipf's law, the same every time."""
    return 1e7 / np.arange(1, vocab_size + 1)


def softmax_numbers() -> dict[str, Any]:
    """Return forward multiply-adds per training word by V, and the share of a text by number of words."""
    sizes = [1_000, 10_000, 100_000, 1_000_000]
    curves: dict[str, list[float]] = {name: [] for name in ("softmax", "adaptive", "two-level", "Huffman tree")}
    for V in sizes:
        counts = zipf(V)
        curves["softmax"].append(WIDTH * V)
        curves["two-level"].append(WIDTH * tree.frequency_classes(counts).describe(counts).expected_scores)
        curves["Huffman tree"].append(WIDTH * tree.huffman(counts).describe(counts).expected_scores)
        edges = [*best_cutoffs(counts, batch_size=BATCH), V]
        mass = np.diff(np.cumsum(counts)[np.array(edges) - 1] / counts.sum())
        cost = float(WIDTH * (edges[0] + len(edges) - 1))
        for i, (size, p) in enumerate(zip(np.diff(edges), mass, strict=True), start=1):
            width = WIDTH // 4**i
            cost += p * width * (size + WIDTH)
        curves["adaptive"].append(cost)
    counts = documentation_counts()
    covered = np.cumsum(counts) / counts.sum()
    halfway = [int(np.searchsorted(covered, share)) + 1 for share in (0.5, 0.9, 0.99)]
    ranks = np.unique([*np.geomspace(1, len(counts), 60).astype(int), *halfway])
    return {
        "sizes": sizes,
        "multiply_adds": {**curves, f"{SAMPLES:,} sampled words": [WIDTH * SAMPLES] * len(sizes)},
        "rank": ranks.tolist(),
        "covered": covered[ranks - 1].tolist(),
        "vocab_size": len(counts),
    }


def softmax_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `softmax_numbers`."""
    figure, (cost, share) = panels()
    colours = (METHOD, OTHER, THIRD, FOURTH, QUIET)
    for (name, values), colour in zip(numbers["multiply_adds"].items(), colours, strict=True):
        cost.plot(numbers["sizes"], values, "o-", color=colour, linewidth=2.6 if name == "softmax" else 1.6)
        lift = {"two-level": 9, f"{SAMPLES:,} sampled words": -5}.get(name, 0)
        label(cost, numbers["sizes"][-1], values[-1], name, colour, xytext=(8, lift), bbox=None)
    cost.set(xscale="log", yscale="log", xlabel="V, words in the vocabulary", xlim=(700, 8e7))
    cost.set_xticks(numbers["sizes"])
    cost.tick_params(axis="x", which="minor", bottom=False)
    cost.set_title(f"Multiply-adds per training word (D = {WIDTH})")
    short_ticks(cost, "x", "y")
    x, y, V = np.array(numbers["rank"]), np.array(numbers["covered"]), numbers["vocab_size"]
    share.plot(x, 100 * y, color=METHOD, linewidth=2.6)
    share.fill_between(x, 100 * y, color=METHOD, alpha=0.08, linewidth=0)
    for part in (0.5, 0.9, 0.99):
        k = int(x[np.searchsorted(y, part)])
        share.plot([k], [100 * part], "o", color=METHOD, markersize=7)
        label(share, k, 100 * part, f"{100 * part:.0f} %: {k:,} words", INK, xytext=(-9, 7), ha="right")
    share.set(xscale="log", ylim=(0, 108), xlim=(1, V), xlabel=f"most frequent words, of {V:,}")
    share.set_title("Share of the text, %")
    share.set_xticks([1, 10, 100, 1_000, 10_000])
    short_ticks(share, "x")
    return figure


def hierarchical_numbers() -> dict[str, Any]:
    """Path lengths by rank in a Huffman tree over the words of Python's documentation."""
    counts = documentation_counts()
    huffman = tree.huffman(counts)
    p = counts / counts.sum()
    depths, balanced = np.asarray(huffman.leaf_depths)[np.argsort(huffman.leaf_words)], balanced_depths(len(counts))
    ranks = np.unique(np.geomspace(1, len(counts), 160).astype(int))
    return {
        "rank": ranks.tolist(),
        "huffman": depths[ranks - 1].tolist(),
        "balanced": balanced[ranks - 1].tolist(),
        "information": (-np.log2(p[ranks - 1])).tolist(),
        "entropy": entropy_bits(counts),
        "expected": float(p @ depths),
        "expected_balanced": float(p @ balanced),
        "vocab_size": len(counts),
    }


def hierarchical_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `hierarchical_numbers`."""
    figure, (axes,) = panels(1, height=4.3)
    x, V = numbers["rank"], numbers["vocab_size"]
    axes.plot(x, numbers["balanced"], color=OTHER, drawstyle="steps-mid", linewidth=1.6)
    axes.plot(x, numbers["information"], color=QUIET, linewidth=1.4, linestyle=(0, (4, 2)))
    axes.plot(x, numbers["huffman"], "o", color=METHOD, markersize=3.6)
    label(axes, 1.15, numbers["balanced"][0], "balanced tree", OTHER, xytext=(0, 11))
    label(axes, x[30], numbers["information"][30], "−log₂ p(w), an ideal code", QUIET, xytext=(26, -16))
    label(axes, x[12], numbers["huffman"][12], "Huffman tree", METHOD, xytext=(-12, 16), ha="right")
    at = V * 1.25
    for value, name, colour, lift in (
        (numbers["expected_balanced"], "mean, balanced", OTHER, 0),
        (numbers["expected"], "mean, Huffman", METHOD, 8),
        (numbers["entropy"], "entropy", QUIET, -8),
    ):
        axes.plot([1, at], [value, value], color=colour, linewidth=0.9, alpha=0.7)
        label(axes, at, value, f"{name} {value:.2f}", colour, xytext=(4, lift), bbox=None)
    axes.set(xscale="log", xlim=(1, V * 15), ylim=(0, 21), yticks=range(0, 21, 4), xlabel="rank of the word")
    axes.set_title(f"Decisions on the path to a word; means by count (V = {V:,})")
    short_ticks(axes, "x")
    axes.set_xticks([1, 10, 100, 1_000, 10_000])
    axes.tick_params(axis="x", which="minor", bottom=False)
    return figure


def two_level_numbers() -> dict[str, Any]:
    """Return expected scores per word by the number of classes, V = 10,000."""
    V = 10_000
    classes = np.unique(np.geomspace(4, 2_500, 40).astype(int)).tolist()
    classes = sorted({*classes, 100})
    laws = {"equal sizes, words alike": np.ones(V), "equal √count, Zipf's law": zipf(V)}
    scores = {
        name: [tree.frequency_classes(counts, C).describe(counts).expected_scores for C in classes]
        for name, counts in laws.items()
    }
    by_count = "equal count, Zipf's law"
    scores[by_count] = [
        tree.frequency_classes(zipf(V), C, mass="count").describe(zipf(V)).expected_scores for C in classes
    ]
    return {"vocab_size": V, "classes": classes, "scores": scores}


def two_level_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `two_level_numbers`."""
    figure, (axes,) = panels(1, height=4.3)
    x, V = np.array(numbers["classes"]), numbers["vocab_size"]
    root = int(V**0.5)
    axes.axvline(root, color=FAINT, linewidth=6, zorder=0)
    axes.axhline(V, color=QUIET, linewidth=1.2, linestyle=(0, (4, 2)))
    label(axes, 1.3, V, f"plain softmax: {V:,}", QUIET, xytext=(0, -11))
    # Where each name stands: at a number of classes, so many points away.
    places = {OTHER: (9, (16, 10), "left"), METHOD: (9, (-10, -12), "right"), THIRD: (300, (16, -22), "left")}
    marks = {OTHER: (10, 10, "left"), METHOD: (-8, -10, "right"), THIRD: (4, -12, "left")}
    for (name, values), colour in zip(numbers["scores"].items(), places, strict=True):
        best = int(np.argmin(values))
        axes.plot(x, values, color=colour, linewidth=2.6 if colour == METHOD else 1.8)
        axes.plot(x[best], values[best], "o", color=colour, markersize=7)
        right, up, side = marks[colour]
        label(axes, x[best], values[best], f"{values[best]:.0f} at {x[best]}", colour, xytext=(right, up), ha=side)
        at, offset, side = places[colour]
        index = int(np.searchsorted(x, at))
        label(axes, x[index], values[index], name, colour, xytext=offset, ha=side)
    label(axes, root, 60, f"√V = {root}", INK, xytext=(6, 0))
    axes.set(xscale="log", yscale="log", xlabel="C, number of classes", xlim=(1, 3_000), ylim=(50, 14_000))
    axes.set_title(f"Scores per word, by division of V = {V:,} words into classes")
    short_ticks(axes, "x", "y")
    return figure


def differentiated_numbers() -> dict[str, Any]:
    """Widths and shares of the default blocks, V = 20,000."""
    counts = zipf(20_000)
    layer = Differentiated(WIDTH, counts)
    edges = np.cumsum([0, *layer.block_sizes])
    sizes, widths = np.array(layer.block_sizes), np.array(layer.block_widths)
    mass = np.add.reduceat(counts, edges[:-1]) / counts.sum()
    return {
        "sizes": sizes.tolist(),
        "widths": widths.tolist(),
        "tokens": mass.tolist(),
        "weights": (sizes * widths / (sizes * widths).sum()).tolist(),
        "of_dense": float((sizes * widths).sum() / (sizes.sum() * WIDTH)),
    }


def differentiated_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `differentiated_numbers`."""
    figure, (blocks, shares) = panels(widths=(1, 1.1))
    edges = np.cumsum([0, *numbers["sizes"]]) + 1.0
    blocks.plot([1, edges[-1]], [WIDTH, WIDTH], color=QUIET, linewidth=1.4, linestyle=(0, (4, 2)))
    label(blocks, 1.2, WIDTH, f"plain softmax: {WIDTH}", QUIET, xytext=(0, -10))
    for k, colour in enumerate(BLOCK_COLOURS):
        left, right, width = edges[k], edges[k + 1], numbers["widths"][k]
        blocks.fill_between([left, right], width, color=colour, alpha=0.28, linewidth=0)
        blocks.plot([left, right], [width, width], color=colour, linewidth=2.6)
        words = f"{width}\n{numbers['sizes'][k]:,} words"
        label(
            blocks, float(np.sqrt(left * right)), width, words, INK, ha="center", va="bottom", xytext=(0, 5), bbox=None
        )
    blocks.set(xscale="log", xlim=(1, edges[-1]), ylim=(0, WIDTH * 1.06), xlabel="rank of the word")
    blocks.set_title("Vector size")
    short_ticks(blocks, "x")
    sizes = np.array(numbers["sizes"])
    rows = {
        "words": sizes / sizes.sum(),
        "tokens": np.array(numbers["tokens"]),
        "weights\nplain": sizes / sizes.sum(),
        "weights\nhere": np.array(numbers["weights"]) * numbers["of_dense"],
    }
    for row, (name, parts) in enumerate(rows.items()):
        left = 0.0
        for part, colour in zip(100 * parts, BLOCK_COLOURS, strict=True):
            shares.barh(row, part, left=left, color=colour, alpha=0.75, height=0.6, edgecolor="white", linewidth=0.8)
            if part > 8:
                label(shares, left + part / 2, row, f"{part:.0f} %", "white", ha="center", bbox=None, weight="bold")
            left += part
        if name.endswith("here"):
            label(shares, left, row, f"{100 * parts.sum():.0f} % of V·D", INK, xytext=(6, 0))
    shares.set_yticks(range(len(rows)), rows)
    shares.invert_yaxis()
    shares.grid(axis="y", visible=False)
    shares.set(xlim=(0, 100), xlabel="%")
    shares.set_title("Shares of each block")
    return figure


def adaptive_numbers() -> dict[str, Any]:
    """Return cutoffs for the counts, and the expected cost per step by the first cutoff."""
    V = 100_000
    counts = zipf(V)
    chosen = best_cutoffs(counts, batch_size=BATCH)
    plain = step_seconds(counts, [], batch_size=BATCH)
    first = np.unique(np.geomspace(50, 90_000, 70).astype(int)).tolist()
    one = [step_seconds(counts, [c], batch_size=BATCH) / plain for c in first]
    others = [c for c in first if c < chosen[1]]
    all_of_them = [step_seconds(counts, [c, *chosen[1:]], batch_size=BATCH) / plain for c in others]
    edges = [0, *chosen, V]
    total = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    return {
        "vocab_size": V,
        "cutoffs": chosen,
        "tokens": np.diff(total[edges]).tolist(),
        "widths": [WIDTH // 4**i for i in range(len(edges) - 1)],
        "one": {"cutoff": first, "cost": one},
        "chosen": {"cutoff": others, "cost": all_of_them},
        "best": step_seconds(counts, chosen, batch_size=BATCH) / plain,
    }


def adaptive_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `adaptive_numbers`."""
    figure, (cut, cost) = panels()
    V = numbers["vocab_size"]
    rank = np.geomspace(1, V, 200)
    share = (1 / rank) / (1 / np.arange(1, V + 1)).sum()
    edges = [1, *numbers["cutoffs"], V]
    for k, colour in enumerate((METHOD, THIRD, OTHER, FOURTH)[: len(edges) - 1]):
        inside = (rank >= edges[k]) & (rank <= edges[k + 1])
        cut.fill_between(rank[inside], share[inside], 1e-8, color=colour, alpha=0.28, linewidth=0)
        middle = float(np.sqrt(edges[k] * edges[k + 1]))
        says = f"{100 * numbers['tokens'][k]:.0f} %, width {numbers['widths'][k]}"
        if k == 0:
            label(cut, middle, 2e-6, f"head: {says}", INK, ha="center", bbox=None)
        else:
            label(cut, middle, 0.16, f"cluster {k}: {says}", INK, ha="center", va="top", rotation=90, bbox=None)
    cut.plot(rank, share, color=INK, linewidth=1.8)
    for c in numbers["cutoffs"]:
        cut.axvline(c, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
    cut.set(xscale="log", yscale="log", xlim=(1, V), ylim=(1e-7, 0.2), xlabel="rank of the word")
    cut.set_title("Share of the text, with cutoffs " + ", ".join(f"{c:,}" for c in numbers["cutoffs"]))
    short_ticks(cut, "x")
    for name, colour, words in (("one", OTHER, "one cluster"), ("chosen", METHOD, "three, the others as chosen")):
        x, y = numbers[name]["cutoff"], 100 * np.array(numbers[name]["cost"])
        cost.plot(x, y, color=colour, linewidth=2.4 if name == "chosen" else 1.8)
        best = int(np.argmin(y))
        cost.plot(x[best], y[best], "o", color=colour, markersize=7)
        label(cost, x[best], y[best], f"{words}: {y[best]:.1f} %", colour, xytext=(0, -14), ha="center")
    cost.set(xscale="log", yscale="log", xlabel="c₁, the first cut-off", ylim=(6, 110))
    cost.set_title("Expected cost per step, % of the full softmax")
    short_ticks(cost, "x", "y")
    return figure
