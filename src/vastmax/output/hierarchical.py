"""Hierarchical softmax: a word is reached by the decisions on its path through a tree."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vastmax.arguments import MOST_SIZE, whole
from vastmax.errors import InputError
from vastmax.kernels.hierarchical import TreeArrays
from vastmax.output.base import Output
from vastmax.output.linear.scan import topk_lowest_id_first
from vastmax.output.paths import walk as tree_walk
from vastmax.output.paths.native import native_best_first, native_log_prob
from vastmax.output.paths.several_leaves import best_words
from vastmax.tensors.constants import Constants
from vastmax.tensors.numbers import undefined_rows
from vastmax.tensors.plain_memory import kernel_takes
from vastmax.tensors.random import Rng
from vastmax.tensors.row_sparse import RowSparse
from vastmax.tree import Tree

# Numbers of an (edges, examples) tile when all words are looked at.
_TILE_NUMEL = 2**24

STEADY_WIDTH = 32
"""Width of the hidden vectors at which the first step of a decision in a tree is taken in full.

The first step of Adagrad moves a score by lr·D·rms(h), whatever the gradient: in a wide layer one word makes the
decision, and most nodes of a large tree are met a few times. With (D / 32)² prior visits (see `RowAdagrad`) it moves as
in a layer of that width. Measured in benchmarks/records/tree_methods.json.
"""


class Hierarchical(RowSparse, Constants, Output):
    """p(w | h) as the product of the decisions on the way from the root to w (Morin & Bengio 2005).

        log p(w | h) = Σ over the edges (n → c) on the path to w of log p(c | n, h)

    In a binary tree node n has one vector and one bias, p(right | n) = σ(v_n·h + b_n), right being branch 1. In any
    other tree a node with C children has a vector and a bias for each, and p(child | n) is their softmax; a tree of
    depth one is the plain softmax. A word with several leaves has the sum of their probabilities.

    Never allocates (N, V) to score given words.

    Args:
        hidden_size: D ≥ 1.
        tree: over the vocabulary; see `vastmax.tree`.
        bias: whether decisions have a bias.
        counts: (V,) word counts: the biases start at the log-odds of the decisions under them, so that the untrained
            layer gives unigram probabilities where v·h is small. None: they start at zero.
        sparse_gradients: only the nodes on the paths of a batch get a gradient, as a sparse tensor; False gives the
            dense twin, which costs O(V·D) a step.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        InputError: hidden_size < 1; counts that do not fit the tree, or are given without bias.

    Shape:
        hidden (N, D), target (N,). weight (V − 1, D) and bias (V − 1,) for a binary tree; a row an edge for any other.
        The state also holds a checksum of the tree, so that weights of another tree are refused.

    Cost:
        loss and gradients 3·L·D multiply-adds an example in a binary tree of path length L, 3·ΣC·D in any other; on the
        CPU in float32 by a native kernel. One number a score is kept for the backward pass, and one hidden vector. All
        words: as much as `Dense`. Best words: see `topk`.

    Example:
        >>> import torch
        >>> from vastmax import tree
        >>> layer = Hierarchical(4, tree.huffman([8, 4, 2, 1, 1]))
        >>> round(float(layer.log_prob(torch.ones(1, 4)).detach().exp().sum()), 5)
        1.0
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    path_offsets: Tensor
    path_edges: Tensor
    edge_nodes: Tensor
    child_offsets: Tensor
    edge_children: Tensor
    tree_checksum: Tensor

    def __init__(
        self,
        hidden_size: int,
        tree: Tree,
        *,
        bias: bool = True,
        counts: npt.ArrayLike | None = None,
        sparse_gradients: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden_size = whole("hidden_size", hidden_size, 1, MOST_SIZE)
        if not isinstance(tree, Tree):
            raise InputError(
                f"tree is of type {type(tree).__name__}; expected a vastmax.tree.Tree, such as tree.huffman(counts)"
            )
        if counts is not None and not bias:
            raise InputError("counts set the biases, and bias=False leaves them out: give one or the other")
        self.hidden_size = hidden_size
        self.prior_visits = (hidden_size / STEADY_WIDTH) ** 2
        self.vocab_size = tree.vocab_size
        self.tree = tree
        self.sparse_gradients = sparse_gradients
        num_rows = tree.num_nodes if tree.is_binary else tree.num_edges
        self.weight = nn.Parameter(torch.empty(num_rows, hidden_size, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(num_rows, device=device, dtype=dtype)) if bias else None
        self._first_bias = None if counts is None else torch.from_numpy(_unigram_biases(tree, counts))
        for name in ("path_offsets", "path_edges", "edge_nodes", "child_offsets"):
            self._keep(name, getattr(tree, name))
        self._keep("edge_children", tree.children)  # nn.Module has a `children` of its own
        self.register_buffer("tree_checksum", torch.empty((), dtype=torch.int64, device=self.weight.device))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weight as `nn.Linear` does; set biases to the log-odds of the counts, or to zero."""
        bound = 1 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None and self._first_bias is not None:
            self.bias.copy_(self._first_bias)
        elif self.bias is not None:
            nn.init.zeros_(self.bias)
        self.tree_checksum.fill_(_checksum(self.tree))

    def _keep(self, name: str, array: npt.NDArray[Any]) -> None:
        self.register_constant(name, torch.from_numpy(np.array(array)), device=self.weight.device)

    def remove_bias(self) -> None:
        """See `Output.remove_bias`."""
        self.bias = None

    def extra_repr(self) -> str:
        """Sizes, tree and options."""
        return (
            f"{self.hidden_size}, {self.tree!r}, bias={self.bias is not None}, sparse_gradients={self.sparse_gradients}"
        )

    def exact(self, hidden: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """(log p(target | hidden), 0), both (N,); see `Output.exact`."""
        if self.tree.one_leaf_a_word:
            log_prob = self._leaf_log_prob(hidden, target)
        else:
            example, leaf = self._leaves_of(target)
            each = self._leaf_log_prob(hidden.index_select(0, example), leaf)
            log_prob = tree_walk.log_sum_by(each, example, hidden.shape[0])
        return log_prob, torch.zeros_like(log_prob)

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """See `Output.log_prob`. All words take one matrix product and one addition an edge, level by level."""
        if target is not None:
            return self.exact(hidden, target)[0]
        by_leaf = tree_walk.leaf_log_prob(self._walk(), hidden, self.weight, self.bias)  # (leaves, N)
        if not self.tree.one_leaf_a_word:
            leaf_word = torch.from_numpy(np.array(self.tree.leaf_words)).to(by_leaf.device)
            by_leaf = tree_walk.log_sum_by(by_leaf, leaf_word.long(), self.vocab_size)
        return by_leaf.t().contiguous()

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Output.topk`; of equally probable words the lower id comes first.

        On the CPU in float32 best first: a node's log-probability bounds all leaves below it, so only nodes that may
        hold one of the best are unfolded; see `best_words` for words with several leaves. Elsewhere all words are
        scored, in tiles of examples.
        """
        log_prob, word_id, _ = self.best_first(hidden, k)
        return log_prob, word_id

    @torch.no_grad()
    def best_first(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """What `topk` returns, and how many nodes were opened, (N,).

        Where words have several leaves, the mean over the examples: rounds of the search take the examples that are
        left, and open nodes again.
        """
        none_yet = torch.zeros(hidden.shape[0], dtype=torch.int64)
        if not self._native(hidden):
            return *self._topk_of_all(hidden, k), none_yet + self.tree.num_nodes
        if self.tree.one_leaf_a_word:
            return self._best_leaves(hidden, k)
        total = 0

        def best_leaves(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
            nonlocal total
            log_prob, leaf, opened = self._best_leaves(rows, count)
            total += int(opened.sum())
            return log_prob, leaf

        def of_all(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
            nonlocal total
            total += self.tree.num_nodes * rows.shape[0]
            return self._topk_of_all(rows, count)

        log_prob, word_id = best_words(
            hidden,
            k,
            leaf_words=torch.from_numpy(np.array(self.tree.leaf_words)).long(),
            leaves_a_word=int(np.diff(self.tree.word_offsets).max()),
            best_leaves=best_leaves,
            word_log_prob=lambda rows, word_id: self.exact(rows, word_id)[0],
            brute_force=of_all,
        )
        return log_prob, word_id, none_yet + total // max(1, hidden.shape[0])

    def _best_leaves(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        log_prob, leaf, opened = native_best_first(self._arrays(), hidden, self.weight, self._kernel_bias(), k)
        return log_prob.add_(undefined_rows(hidden)[:, None]), leaf, opened

    def _topk_of_all(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        step = max(1, _TILE_NUMEL // max(1, self.tree.num_edges))
        tiles = [topk_lowest_id_first(self.log_prob(part), k) for part in torch.split(hidden, step)]
        return torch.cat([log_prob for log_prob, _ in tiles]), torch.cat([word_id for _, word_id in tiles])

    @torch.no_grad()
    def sample(self, hidden: Tensor, *, generator: Rng = None) -> Tensor:
        """See `Output.sample`: decision by decision from the root, O(L·D) an example in a binary tree."""
        leaf = tree_walk.sample_leaf(self._walk(), hidden, self.weight, self.bias, generator)
        if self.tree.one_leaf_a_word:
            return leaf
        return torch.from_numpy(np.array(self.tree.leaf_words)).to(leaf.device).long().index_select(0, leaf)

    @torch.no_grad()
    def loss_by_depth(self, hidden: Tensor, target: Tensor) -> Tensor:
        """What the decisions at each depth cost: (max_depth,) nats an example, the root first; they add up to the loss.

        Of a word with several leaves the most probable one counts. A depth that stands out shows where siblings cannot
        be told apart from h: there the tree may be improved.
        """
        example, leaf = self._leaves_of(target)
        if not self.tree.one_leaf_a_word:
            each = self._leaf_log_prob(hidden.index_select(0, example), leaf)
            best = each.new_full((hidden.shape[0],), -torch.inf).scatter_reduce(0, example, each, "amax")
            leaf = leaf.new_zeros(hidden.shape[0]).scatter_reduce(
                0, example, torch.where(each == best[example], leaf, -1), "amax", include_self=False
            )
        decisions = tree_walk.decisions_of(self._walk(), leaf)
        each = tree_walk.decision_log_prob(self._walk(), decisions, hidden, self.weight, self.bias, sparse=False)
        totals = each.new_zeros(self.tree.max_depth).index_add(0, decisions.depth, -each)
        mean: Tensor = totals / max(1, hidden.shape[0])
        return mean

    def _leaf_log_prob(self, hidden: Tensor, leaf: Tensor) -> Tensor:
        if self._native(hidden):
            return native_log_prob(
                self._arrays(), hidden, self.weight, self.bias, leaf, sparse_gradients=self.sparse_gradients
            )
        walk = self._walk()
        decisions = tree_walk.decisions_of(walk, leaf)
        each = tree_walk.decision_log_prob(
            walk, decisions, hidden, self.weight, self.bias, sparse=self.sparse_gradients
        )
        return undefined_rows(hidden).to(each.dtype).index_add(0, decisions.example, each)

    def _leaves_of(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """All leaves of all targets: (example, leaf)."""
        if self.tree.one_leaf_a_word:
            return torch.arange(target.shape[0], device=target.device), target
        offsets = torch.from_numpy(self.tree.word_offsets).to(target.device)
        first, count = offsets[target], offsets[target + 1] - offsets[target]
        return torch.repeat_interleave(count), tree_walk.concatenated_ranges(first, count)

    def _native(self, hidden: Tensor) -> bool:
        """Whether the native kernels take this: float32 on the CPU."""
        return kernel_takes(copied=(hidden, self.weight, self.bias))

    def _walk(self) -> tree_walk.Walk:
        return tree_walk.Walk(
            self.tree, self.path_offsets, self.path_edges, self.edge_nodes, self.child_offsets, self.edge_children
        )

    def _arrays(self) -> TreeArrays:
        return TreeArrays(
            self.path_offsets,
            self.path_edges,
            self.edge_nodes,
            self.child_offsets,
            self.edge_children,
            self.tree.level_offsets,
            self.tree.is_binary,
        )

    def _kernel_bias(self) -> Tensor:
        return self.weight.new_zeros(self.weight.shape[0]) if self.bias is None else self.bias

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        found = state_dict.get(f"{prefix}tree_checksum")
        if found is not None and int(found) != _checksum(self.tree):
            errors: list[str] = rest[-1]
            errors.append(
                f"{prefix}weight was trained on another tree than the one this layer has; rebuild it with that tree"
            )
            return
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _checksum(tree: Tree) -> int:
    checksum = 0
    for array in (tree.children, tree.child_counts, tree.leaf_words):
        checksum = zlib.crc32(array.astype("<i4").tobytes(), checksum)
    return checksum


def _unigram_biases(tree: Tree, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Biases under which every decision is as likely as the counts have it."""
    log_mass = np.log(tree.edge_sums(tree.leaf_weights(counts)))
    if tree.is_binary:
        return log_mass[1::2] - log_mass[::2]
    node_mass = np.add.reduceat(np.exp(log_mass), tree.child_offsets[:-1])
    return log_mass - np.log(node_mass)[tree.edge_nodes]
