"""Figures of the methods over clustered trees: what fan-out and classes cost."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from figures.exact_layers import zipf
from figures.style import INK, METHOD, OTHER, QUIET, label, panels, short_ticks
from vastmax import tree

V = 20_000
FAN_OUTS = [2, 4, 8, 16, 32, 64]


@cache
def clustered() -> tree.Tree:
    """A tree that halves Σ √count at every split; its shape depends on the counts, hardly on the vectors."""
    vectors = np.random.default_rng(1).normal(size=(V, 4)).astype(np.float32)
    return tree.clustered(vectors, split="balanced", counts=np.sqrt(zipf(V)), threads=1)


def fan_out_numbers() -> dict[str, Any]:
    """Expected decisions and scores per word by fan-out, and those of the Huffman tree."""
    counts = zipf(V)
    described = [tree.widened(clustered(), fan_out, counts).describe(counts) for fan_out in FAN_OUTS]
    return {
        "vocab_size": V,
        "fan_out": FAN_OUTS,
        "decisions": [found.expected_depth for found in described],
        "scores": [found.expected_scores for found in described],
        "huffman": tree.huffman(counts).describe(counts).expected_depth,
    }


def fan_out_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `fan_out_numbers`."""
    figure, (axes,) = panels(1, height=4.3)
    x = numbers["fan_out"]
    axes.plot(x, numbers["scores"], "o-", color=OTHER, linewidth=1.8)
    axes.plot(x, numbers["decisions"], "o-", color=METHOD, linewidth=2.6)
    axes.axhline(numbers["huffman"], color=QUIET, linewidth=1.2, linestyle=(0, (4, 2)))
    label(axes, x[-1], numbers["scores"][-1], "scores", OTHER, xytext=(10, 0))
    label(axes, x[-1], numbers["decisions"][-1], "decisions", METHOD, xytext=(10, 0))
    label(axes, x[-1], numbers["huffman"], f"Huffman tree: {numbers['huffman']:.1f}", QUIET, xytext=(10, 8))
    for fan_out, decisions in zip(x, numbers["decisions"], strict=True):
        label(axes, fan_out, decisions, f"{decisions:.1f}", INK, xytext=(0, -14), ha="center")
    axes.set(xscale="log", yscale="log", xlim=(1.7, 260), ylim=(1.5, 200), xlabel="children per node, at most")
    axes.set_xticks(x, [str(fan_out) for fan_out in x])
    axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    axes.set_title(f"What it takes to reach a word, Zipf's law over V = {numbers['vocab_size']:,} words")
    short_ticks(axes, "y")
    return figure


def class_numbers() -> dict[str, Any]:
    """Expected scores per word by the number of classes, cut from a clustered tree and by frequency."""
    counts = zipf(V)
    classes = sorted({*np.unique(np.geomspace(16, 2_000, 12).astype(int)).tolist(), round(V**0.5)})
    trees = {
        "classes of words that are alike": [tree.in_classes(clustered(), C, np.sqrt(counts)) for C in classes],
        "classes by frequency": [tree.frequency_classes(counts, C) for C in classes],
    }
    scores = {name: [found.describe(counts).expected_scores for found in made] for name, made in trees.items()}
    return {"vocab_size": V, "classes": classes, "scores": scores}


def class_figure(numbers: dict[str, Any]) -> Figure:
    """Draw `class_numbers`."""
    figure, (axes,) = panels(1, height=4.3)
    x, size = numbers["classes"], numbers["vocab_size"]
    for (name, values), colour, lift in zip(numbers["scores"].items(), (METHOD, OTHER), (12, -14), strict=True):
        axes.plot(x, values, "o-", color=colour, linewidth=2.6 if colour == METHOD else 1.8, markersize=4)
        label(axes, x[2], values[2], name, colour, xytext=(10, lift))
    usual = round(size**0.5)
    at = x.index(usual)
    own = next(iter(numbers["scores"].values()))
    axes.plot([usual], [own[at]], "o", color=METHOD, markersize=9)
    label(axes, usual, own[at], f"√V = {usual}: {own[at]:,.0f} scores", INK, xytext=(6, 12))
    axes.set(xscale="log", yscale="log", xlabel="C, number of classes", xlim=(12, 3_000))
    axes.set_title(f"Scores computed for a word, Zipf's law over V = {size:,} words")
    short_ticks(axes, "x", "y")
    return figure
