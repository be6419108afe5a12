"""Hierarchical softmax in PyTorch operations, for any device and dtype, and the reference of the native kernels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from vastmax.eager import eager
from vastmax.tensors.numbers import at_least_float32, product_dtype, require_law, undefined_rows
from vastmax.tensors.random import Rng
from vastmax.tensors.row_sparse import gather_rows
from vastmax.tensors.tracing import is_traced
from vastmax.tree import Tree

# A node with this many examples or more children has its own matrix product. Other nodes are grouped by their number of
# children and scored together, which copies each row at most three times.
_EXAMPLES_FOR_A_PRODUCT = 4
_CHILDREN_FOR_A_PRODUCT = 256


class Walk(NamedTuple):
    """A tree and its arrays on the device of the parameters; see `vastmax.tree.Tree`."""

    tree: Tree
    path_offsets: Tensor
    path_edges: Tensor
    edge_nodes: Tensor
    child_offsets: Tensor
    children: Tensor
    node_edges: Tensor
    level_edges: list[int]
    """Where the edges of each level begin, and where the last ones end."""


class Decisions(NamedTuple):
    """The decisions on the paths of a batch, example after example."""

    example: Tensor
    """(T,) int64, the example of each decision."""
    depth: Tensor
    """(T,) int64, 0 at the root."""
    edge: Tensor
    """(T,) int64, the edge taken."""


def concatenated_ranges(first: Tensor, count: Tensor) -> Tensor:
    """Return the concatenated ranges first[i] … first[i] + count[i] − 1."""
    end = count.cumsum(0)
    owner = torch.repeat_interleave(count)
    return torch.arange(owner.shape[0], device=first.device) + (first - (end - count))[owner]


def log_sum_by(values: Tensor, group: Tensor, num_groups: int) -> Tensor:
    """Return logsumexp over the rows of `values` (n, …) in each group (n,): (num_groups, …); no group is empty."""
    shape = (num_groups, *values.shape[1:])
    index = group.view(-1, *[1] * (values.ndim - 1)).expand_as(values)
    largest = values.detach().new_full(shape, -torch.inf).scatter_reduce(0, index, values.detach(), "amax")
    total = values.new_zeros(shape).index_add(0, group, (values - largest.index_select(0, group)).exp())
    return largest + total.log()


def decisions_of(walk: Walk, leaf: Tensor) -> Decisions:
    """Return the decisions on the paths to `leaf` (N,)."""
    first = walk.path_offsets[leaf]
    length = walk.path_offsets[leaf + 1] - first
    position = concatenated_ranges(first, length)
    example = torch.repeat_interleave(length)
    return Decisions(example, position - first[example], walk.path_edges[position].long())


@eager  # the number of rows depends on the targets
def decision_log_prob(
    walk: Walk, decisions: Decisions, hidden: Tensor, weight: Tensor, bias: Tensor | None, *, sparse: bool
) -> Tensor:
    """Return log p(edge | its node, hidden), (T,), in `at_least_float32`, with row-sparse gradients if `sparse`."""
    if not decisions.edge.shape[0]:
        return (hidden.sum() * 0).to(at_least_float32(hidden.dtype)).expand(0)
    if walk.tree.is_binary:
        node, branch = decisions.edge >> 1, decisions.edge & 1
        touched, position = torch.unique(node, return_inverse=True)
        rows, biases = _gather(weight, bias, touched, sparse)
        score = _row_dot(hidden.index_select(0, decisions.example), rows.index_select(0, position))
        if biases is not None:
            score = score + biases.index_select(0, position)
        return logsigmoid(score * (2 * branch - 1))
    node = walk.edge_nodes[decisions.edge].long()
    touched, position = torch.unique(node, return_inverse=True)
    first = walk.child_offsets[touched]
    num_children = walk.child_offsets[touched + 1] - first
    rows, biases = _gather(weight, bias, concatenated_ranges(first, num_children), sparse)
    row_offset = num_children.cumsum(0) - num_children
    branch = decisions.edge - first[position]
    parts, places = [], []
    for place, log_prob in _node_log_softmax(
        hidden, decisions.example, position, rows, biases, row_offset, num_children
    ):
        parts.append(log_prob.gather(1, branch[place, None]).squeeze(1))
        places.append(place)
    return torch.cat(parts)[torch.argsort(torch.cat(places))]


def leaf_log_prob(walk: Walk, hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return log p of every leaf, (leaves, N): one matrix product, then one addition per edge, level by level.

    Edges are numbered level by level, so those of a level add to those of the level before.
    """
    dtype = product_dtype(hidden)
    if len(walk.level_edges) == 1:
        return (hidden.sum(dim=1) * 0)[None].to(at_least_float32(dtype))
    score = (weight.to(dtype) @ hidden.to(dtype).t()).to(at_least_float32(dtype))
    if bias is not None:
        score = score + bias[:, None].to(score.dtype)
    at_node = _all_edges(walk, score)
    levels = [at_node[: walk.level_edges[1]]]
    for before, (first, stop) in zip(walk.level_edges[:-2], pairwise(walk.level_edges[1:]), strict=True):
        parent = walk.node_edges.index_select(0, walk.edge_nodes[first:stop]) - before
        above, below = levels[-1].index_select(0, parent), at_node[first:stop]
        levels.append(below + above if is_traced(hidden) or below.requires_grad else below.add_(above))
    reached = torch.cat(levels) if is_traced(hidden) or at_node.requires_grad else at_node
    leaf_edges = walk.path_edges.index_select(0, walk.path_offsets[1:] - 1)
    return reached.index_select(0, leaf_edges) + undefined_rows(hidden)


@eager
def sample_leaf(walk: Walk, hidden: Tensor, weight: Tensor, bias: Tensor | None, generator: Rng) -> Tensor:
    """Return one leaf per example, (N,) int64, drawn decision by decision."""
    N = hidden.shape[0]
    leaf = torch.zeros(N, dtype=torch.int64, device=hidden.device)
    if not walk.tree.num_nodes:
        return leaf
    example = torch.arange(N, device=hidden.device)
    node = torch.zeros_like(example)
    draw_device = hidden.device if generator is None else generator.device
    while example.shape[0]:
        uniform = torch.rand(example.shape[0], generator=generator, device=draw_device, dtype=torch.float64)
        uniform = uniform.to(hidden.device)
        if walk.tree.is_binary:
            score = _row_dot(hidden.index_select(0, example), weight.index_select(0, node))
            if bias is not None:
                score = score + bias.index_select(0, node)
            require_law(score)
            edge = 2 * node + (uniform < score.double().sigmoid())
        else:
            edge = torch.empty_like(node)
            touched, position = torch.unique(node, return_inverse=True)
            first = walk.child_offsets[touched]
            num_children = walk.child_offsets[touched + 1] - first
            rows, biases = _gather(weight, bias, concatenated_ranges(first, num_children), False)
            row_offset = num_children.cumsum(0) - num_children
            for place, log_prob in _node_log_softmax(hidden, example, position, rows, biases, row_offset, num_children):
                cumulative = log_prob.double().exp().cumsum(1)
                require_law(cumulative[:, -1])
                threshold = uniform[place, None] * cumulative[:, -1:]
                branch = torch.searchsorted(cumulative, threshold, right=True).squeeze(1)
                edge[place] = first[position[place]] + branch.clamp(max=log_prob.shape[1] - 1)
        child = walk.children[edge].long()
        arrived = child < 0
        leaf[example[arrived]] = ~child[arrived]
        example, node = example[~arrived], child[~arrived]
    return leaf


def _gather(weight: Tensor, bias: Tensor | None, row: Tensor, sparse: bool) -> tuple[Tensor, Tensor | None]:
    return (
        gather_rows(weight, row, sparse=sparse),
        None if bias is None else gather_rows(bias, row, sparse=sparse),
    )


def _row_dot(a: Tensor, b: Tensor) -> Tensor:
    """Return a[i]·b[i] of numbers rounded to the product dtype, summed in the score dtype."""
    dtype = product_dtype(a)
    wide = at_least_float32(dtype)
    return (a.to(dtype).to(wide) * b.to(dtype).to(wide)).sum(dim=-1)


def _node_log_softmax(
    hidden: Tensor,
    example: Tensor,
    position: Tensor,
    rows: Tensor,
    biases: Tensor | None,
    row_offset: Tensor,
    num_children: Tensor,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield decisions in batches of equal width: (their indices (t,), log-probabilities of the children (t, C)).

    Args:
        hidden: (N, D).
        example: (T,) the example of each decision.
        position: (T,) the node of each decision, as an index into `row_offset`.
        rows: (R, D) the rows of the children of these nodes.
        biases: (R,), or None.
        row_offset: (U,) the first row of each node.
        num_children: (U,).
    """
    dtype = product_dtype(hidden)
    order = torch.argsort(position, stable=True)
    num_examples = torch.bincount(position, minlength=row_offset.shape[0])
    by_product = (num_examples >= _EXAMPLES_FOR_A_PRODUCT) | (num_children > _CHILDREN_FOR_A_PRODUCT)
    begin = num_examples.cumsum(0) - num_examples
    table = torch.stack([begin, num_examples, row_offset, num_children], dim=1)
    for start, count, offset, width in table[by_product].tolist():
        place = order[start : start + count]
        block = slice(offset, offset + width)
        scores = hidden.index_select(0, example[place]).to(dtype) @ rows[block].to(dtype).t()
        yield place, _log_softmax(scores, None if biases is None else biases[block])
    alone = ~by_product[position]
    for width in torch.unique(num_children[~by_product]).tolist():
        (place,) = (alone & (num_children[position] == width)).nonzero(as_tuple=True)
        index = row_offset[position[place], None] + torch.arange(width, device=rows.device)
        scores = torch.einsum("td,tcd->tc", hidden.index_select(0, example[place]).to(dtype), rows[index].to(dtype))
        yield place, _log_softmax(scores, None if biases is None else biases[index])


def _log_softmax(scores: Tensor, bias: Tensor | None) -> Tensor:
    scores = scores.to(at_least_float32(scores.dtype))
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    return scores.log_softmax(dim=1)


def _all_edges(walk: Walk, score: Tensor) -> Tensor:
    """Return log p of every edge at its node, (E, N), from the scores of all rows."""
    if walk.tree.is_binary:
        return torch.stack([logsigmoid(-score), logsigmoid(score)], dim=1).view(2 * score.shape[0], score.shape[1])
    if is_traced(score):
        return score - log_sum_by(score, walk.edge_nodes.long(), len(walk.child_offsets) - 1)[walk.edge_nodes]
    # Nodes are grouped by their number of children: there are at most about sqrt(2 E) such groups.
    parts, edges = [], []
    num_children = walk.child_offsets.diff()
    for width in torch.unique(num_children).tolist():
        (node,) = (num_children == width).nonzero(as_tuple=True)
        edge = (walk.child_offsets[node, None] + torch.arange(width, device=score.device)).view(-1)
        block = score.index_select(0, edge).view(node.shape[0], width, score.shape[1])
        parts.append(block.log_softmax(dim=1).view(edge.shape[0], score.shape[1]))
        edges.append(edge)
    return torch.cat(parts).index_select(0, torch.argsort(torch.cat(edges)))
