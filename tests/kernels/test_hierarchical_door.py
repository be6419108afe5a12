"""The door to the kernels of hierarchical softmax: numpy arrays will do, and what does not fit is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reference_trees import log_probs
from vastmax import tree
from vastmax.kernels.hierarchical import TreeArrays
from vastmax.tree import Tree

TREES = {"binary": tree.huffman(1000 / np.arange(1, 41)), "wide": tree.frequency_classes(1000 / np.arange(1, 41), 4)}
N, D = 6, 5


def arrays_of(t: Tree) -> TreeArrays:
    return TreeArrays(
        t.path_offsets, t.path_edges, t.edge_nodes, t.child_offsets, t.children, t.level_offsets, t.is_binary
    )


class Batch:
    """The arrays of one call, by name; `change` replaces one before it is made."""

    def __init__(self, t: Tree) -> None:
        rng = np.random.default_rng(0)
        rows = t.num_nodes if t.is_binary else t.num_edges
        self.arrays = arrays_of(t)
        self.leaves = rng.integers(t.num_leaves, size=N)
        self.plan = self.arrays.plan(self.leaves, grouped=True)
        touched = len(self.plan.rows)
        self.inputs = {
            "hidden": rng.normal(size=(N, D)).astype(np.float32),
            "weight": rng.normal(size=(rows, D)).astype(np.float32),
            "bias": rng.normal(size=rows).astype(np.float32),
            "log_prob": np.empty(N, np.float32),
            "slope": np.empty(self.plan.num_slopes, np.float32),
            "hidden_slope": np.empty((N, D), np.float32),
            "upstream": np.ones(N, np.float32),
            "hidden_gradient": np.empty((N, D), np.float32),
            "weight_gradient": np.empty((touched, D), np.float32),
            "bias_gradient": np.empty(touched, np.float32),
        }

    def forward(self, target: str = "baseline", **changes: object) -> None:
        names = ("log_prob", "slope", "hidden_slope")
        use = {**self.inputs, **changes}
        first = (use["hidden"], use["weight"], use["bias"])
        outputs = {name: use[name] for name in names}
        self.arrays.forward(self.plan, self.leaves, *first, **outputs, threads=1, target=target)

    def backward(self, target: str = "baseline", **changes: object) -> None:
        names = ("slope", "upstream", "hidden_slope", "hidden_gradient", "weight_gradient", "bias_gradient")
        use = {**self.inputs, **changes}
        self.arrays.backward(self.plan, use["hidden"], **{name: use[name] for name in names}, threads=1, target=target)


@pytest.mark.parametrize("kind", TREES)
def test_numpy_arrays_in_place(kind: str, target: str) -> None:
    t = TREES[kind]
    batch = Batch(t)
    batch.forward(target)
    batch.backward(target)
    parameters = [batch.inputs[name].astype(np.float64) for name in ("weight", "bias")]

    def loss(hidden: np.ndarray) -> float:
        each = [log_probs(t.children, t.child_counts, t.leaf_words, *parameters, h) for h in hidden]
        return sum(log_p[leaf] for log_p, leaf in zip(each, batch.leaves, strict=True))

    hidden = batch.inputs["hidden"].astype(np.float64)
    assert batch.inputs["log_prob"].sum() == pytest.approx(loss(hidden), rel=1e-5)
    step = 1e-6 * np.eye(N * D).reshape(-1, N, D)
    numerical = np.array([(loss(hidden + s) - loss(hidden - s)) / 2e-6 for s in step]).reshape(N, D)
    np.testing.assert_allclose(batch.inputs["hidden_gradient"], numerical, atol=1e-4)


@pytest.mark.parametrize("kind", TREES)
@pytest.mark.parametrize(
    "name", ["hidden", "weight", "bias", "log_prob", "slope", "hidden_slope", "weight_gradient", "upstream"]
)
@pytest.mark.parametrize("wrong", ["dtype", "rows", "layout"])
def test_arrays_that_do_not_fit_are_refused(kind: str, name: str, wrong: str) -> None:
    batch = Batch(TREES[kind])
    array = batch.inputs[name]
    if wrong == "dtype":  # converted silently it would be written in vain
        changed = array.astype(np.float64)
    elif wrong == "rows":
        changed = array[:-1].copy()
    else:
        changed = np.stack([array, array], axis=-1)[..., 0]
        assert not changed.flags.c_contiguous
    call = batch.backward if name in ("weight_gradient", "upstream") else batch.forward
    with pytest.raises((TypeError, ValueError)):
        call(**{name: changed})


def test_leaves_and_targets_that_do_not_exist() -> None:
    batch = Batch(TREES["binary"])
    for leaf in (-1, 40):
        with pytest.raises(ValueError, match="a leaf is not in the tree"):
            batch.arrays.plan(np.array([0, leaf]), grouped=True)
    with pytest.raises(ValueError, match="'sse9' is not compiled in"):
        batch.forward("sse9")


def test_the_plan_names_the_touched_rows() -> None:
    t = TREES["binary"]
    plan = arrays_of(t).plan(np.array([3, 9, 9]), grouped=True)
    assert list(plan.rows) == sorted({*t.path(3).nodes, *t.path(9).nodes})
    assert plan.num_slopes == len(t.path(3).nodes) + 2 * len(t.path(9).nodes)


@pytest.mark.parametrize("kind", TREES)
def test_a_tree_that_leads_out_of_its_arrays_is_refused(kind: str) -> None:
    t, batch = TREES[kind], Batch(TREES[kind])
    edges = t.path_edges.copy()
    edges[t.path_offsets[7]] = 2**30
    everything = np.arange(t.num_leaves)
    with pytest.raises(ValueError, match="an edge is not in the tree"):
        replace(batch.arrays, path_edges=edges).plan(everything, grouped=True)
    with pytest.raises(ValueError, match="paths do not fit"):
        replace(batch.arrays, path_offsets=t.path_offsets + 2**40).plan(everything, grouped=True)
    for leaf in (-1, t.num_leaves, 2**40):
        with pytest.raises(ValueError, match="a leaf is not in the tree"):
            batch.arrays.plan(np.full(N, leaf), grouped=False)


def test_leaves_and_trees_that_are_not_those_of_the_plan_are_refused() -> None:
    binary, wide = Batch(TREES["binary"]), Batch(TREES["wide"])
    binary.leaves = np.full(N, 2**40)
    with pytest.raises(ValueError, match="a leaf is not in the tree"):
        binary.forward()
    binary.leaves = np.full(N, 39)
    with pytest.raises(ValueError, match="the plan is of another batch"):
        binary.forward()
    offsets = TREES["wide"].child_offsets.copy()
    offsets[1] += 1
    wide.arrays = replace(wide.arrays, child_offsets=offsets)
    for call in (wide.forward, wide.backward):
        with pytest.raises(ValueError, match="the plan is of another tree"):
            call()


@pytest.mark.parametrize("kind", TREES)
def test_a_search_does_not_leave_the_tree(kind: str) -> None:
    t, batch = TREES[kind], Batch(TREES[kind])

    def search(children: np.ndarray, k: int = 3) -> None:
        replace(batch.arrays, children=children).best_first(
            batch.inputs["hidden"], batch.inputs["weight"], batch.inputs["bias"], log_prob=np.empty((N, k), np.float32),
            leaves=np.empty((N, k), np.int64), num_expanded=np.empty(N, np.int64), threads=2,
        )  # fmt: skip

    search(t.children)
    for child in (0, t.num_nodes, 2**31 - 1):  # above its parent, beyond the last one
        with pytest.raises(ValueError, match="a child is not in the tree"):
            search(np.full_like(t.children, child))
