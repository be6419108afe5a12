"""Random configurations of the kernels of hierarchical softmax."""

from __future__ import annotations

import numpy as np
from tools.kernel_fuzz.draw import Draw, must_refuse
from tools.kernel_fuzz.word_vectors import DEEPEST, chain

from vastmax import tree
from vastmax.kernels.hierarchical import TreeArrays

WORK = 5e5


def draw_tree(draw: Draw) -> tree.Tree:
    """Return a tree of one word to some thousands, binary or not, up to `DEEPEST` levels deep."""
    V = draw.whole(1, draw.choice([3, 40, 400, 4000]))
    counts = np.maximum(1, (draw.rng.pareto(1.0, V) * 20).clip(0, 1e9).astype(np.int64))
    kinds = ["balanced", "random", "huffman", "classes"] if V > 1 else ["balanced"]
    if 2 <= V <= DEEPEST + 1:
        kinds += ["chain", "flat"]
    kind = draw.choice(kinds)
    draw.note(V=V, tree=kind)
    if kind == "balanced":
        return tree.balanced(V)
    if kind == "random":
        return tree.random(V, seed=1)
    if kind == "huffman":
        return tree.huffman(counts)
    if kind == "chain":
        return chain(V)
    if kind == "flat":
        return tree.Tree.from_links(~np.arange(V), np.array([V]))
    return tree.frequency_classes(counts, draw.whole(2, min(V, 60)))


def arrays_of(t: tree.Tree) -> dict[str, np.ndarray | bool]:
    """Return the arrays of a `TreeArrays`."""
    names = ("path_offsets", "path_edges", "edge_nodes", "child_offsets", "children", "level_offsets")
    return {**{name: getattr(t, name) for name in names}, "binary": t.is_binary}


def hierarchical(draw: Draw) -> None:
    """A batch forward and backward, and the best leaves."""
    t = draw_tree(draw)
    D = draw.whole(1, 300)
    longest = int(np.diff(t.path_offsets).max()) if len(t.path_offsets) > 1 else 0
    children = 1 if t.is_binary else int(np.diff(t.child_offsets).max())
    N = draw.whole(0, max(1, min(600, int(WORK / (D * max(longest, 1) * children)))))
    threads = draw.choice([1, 2, 3, 4])
    draw.note(D=D, N=N, threads=threads)
    rows = t.num_nodes if t.is_binary else t.num_edges
    hidden, weight, bias = draw.floats(N, D), draw.floats(rows, D), draw.floats(rows)
    fields = arrays_of(t)
    arrays, leaves = TreeArrays(**fields), draw.ids(0, t.num_leaves, N)
    grouped = draw.chance(0.8)
    plan = arrays.plan(leaves, grouped=grouped)
    slope = draw.empty(plan.num_slopes) if grouped or not t.is_binary or draw.chance(0.5) else None
    hidden_slope = draw.empty(N, D) if draw.chance(0.8) else None
    log_prob = draw.empty(N)

    def forward(arrays: TreeArrays, leaves: np.ndarray) -> None:
        arrays.forward(
            plan,
            leaves,
            hidden,
            weight,
            bias,
            log_prob=log_prob,
            slope=slope,
            hidden_slope=hidden_slope,
            threads=threads,
        )

    forward(arrays, leaves)
    if slope is not None and (grouped or not t.is_binary):
        arrays.backward(
            plan, hidden, slope=slope, upstream=draw.floats(N), hidden_slope=hidden_slope, threads=threads,
            hidden_gradient=None if hidden_slope is None else draw.empty(N, D),
            weight_gradient=draw.empty(len(plan.rows), D), bias_gradient=draw.empty(len(plan.rows)),
        )  # fmt: skip
    k = draw.whole(1, min(t.num_leaves, 20))
    found = min(N, 5)

    def best(arrays: TreeArrays) -> None:
        arrays.best_first(
            draw.floats(found, D), weight, bias, log_prob=draw.empty(found, k), threads=threads,
            leaves=draw.empty(found, k, dtype=np.int64), num_expanded=draw.empty(found, dtype=np.int64),
        )  # fmt: skip

    best(arrays)
    if N and t.num_nodes and draw.chance(0.3):
        wrong_leaves = draw.wrong_ids(leaves, t.num_leaves)
        must_refuse("a leaf out of range", lambda: arrays.plan(wrong_leaves, grouped=grouped))
        limit = 2 * t.num_nodes if t.is_binary else t.num_edges
        everything = np.arange(t.num_leaves)
        wrong_edges = TreeArrays(**{**fields, "path_edges": draw.wrong_ids(t.path_edges, limit)})
        must_refuse("an edge out of range", lambda: wrong_edges.plan(everything, grouped=True))
        if t.is_binary:
            must_refuse("a leaf that is not the plan's", lambda: forward(arrays, wrong_leaves))
        if found:
            upwards = TreeArrays(**{**fields, "children": np.zeros_like(t.children)})
            must_refuse("children above their parents", lambda: best(upwards))
