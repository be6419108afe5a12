"""Hierarchical softmax: decisions on the path through a tree determine a word."""

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
from vastmax.output.linear.tiles import spans
from vastmax.output.paths import walk as tree_walk
from vastmax.output.paths.native import native_best_first, native_log_prob
from vastmax.output.paths.operators import traced_best_first, traced_log_prob
from vastmax.output.paths.several_leaves import best_words
from vastmax.tensors.constants import Constants
from vastmax.tensors.numbers import at_least_float32, product_dtype, undefined_rows
from vastmax.tensors.plain_memory import kernel_takes
from vastmax.tensors.random import Rng
from vastmax.tensors.row_sparse import RowSparse
from vastmax.tensors.tracing import is_traced, is_transformed_here
from vastmax.tree import Tree

# Size of an (edges, examples) tile in queries over all words.
_TILE_NUMEL = 2**24

STEADY_WIDTH = 32
"""Size of the hidden vectors up to which the first step of Adagrad is not damped.

The first step moves a score by lr·D·rms(h), whatever the gradient: in a wide layer, one word makes the decision, and
most nodes of a large tree are visited only a few times. With (D / 32)² prior visits (see `RowAdagrad`), it moves as in
a layer of that size. Measured in benchmarks/records/tree_methods.json.
"""


class Hierarchical(RowSparse, Constants, Output):
    """p(w | h) as the product of the decisions on the path from the root to w (Morin & Bengio 2005).

        log p(w | h) = Σ over the edges (n → c) on the path to w of log p(c | n, h)

    In a binary tree, node n has one vector and one bias, and p(right | n) = σ(v_n·h + b_n); right is branch 1. In any
    other tree, a node with C children has a vector and a bias per child, and p(child | n) is their softmax; a tree of
    depth one is the plain softmax. A word with several leaves has the sum of their probabilities.

    (N, V) is never allocated to score given words.

    Args:
        hidden_size: D ≥ 1.
        tree: a tree over the vocabulary; see `vastmax.tree`.
        bias: whether decisions have a bias.
        counts: (V,) word counts: the biases start at the log-odds of the decisions under them, so the untrained layer
            gives unigram probabilities if v·h is small. None: they start at zero.
        sparse_gradients: only the nodes on the paths of a batch get a gradient, as a sparse tensor; False makes it
            dense, at a cost of O(V·D) per step.
        device: the device of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        InputError: hidden_size < 1; counts do not fit the tree, or are given without bias.

    Shape:
        hidden (N, D), target (N,). weight (V − 1, D) and bias (V − 1,) for a binary tree; one row per edge for others.
        The state contains a checksum of the tree, so the weights of another tree are rejected.

    Cost:
        loss and gradients take 3·L·D multiply-adds per example in a binary tree with path length L, and 3·ΣC·D in
        others; on the CPU in float32 in a native kernel. One number per score and one hidden vector are saved for the
        backward pass. All words: as much as `Dense`. Best words: see `topk`.

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
    node_edges: Tensor
    level_offsets: Tensor
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
            raise InputError("counts set the biases, but bias=False leaves them out: pass one or the other")
        self.hidden_size = hidden_size
        self.prior_visits = (hidden_size / STEADY_WIDTH) ** 2
        self.vocab_size = tree.vocab_size
        self.tree = tree
        self.sparse_gradients = sparse_gradients
        num_rows = tree.num_nodes if tree.is_binary else tree.num_edges
        self.weight = nn.Parameter(torch.empty(num_rows, hidden_size, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(num_rows, device=device, dtype=dtype)) if bias else None
        self._first_bias = None if counts is None else torch.from_numpy(_unigram_biases(tree, counts))
        self.is_binary, self.one_leaf_a_word = tree.is_binary, tree.one_leaf_a_word  # a graph cannot ask the tree
        self.level_edges = tree.child_offsets[tree.level_offsets].tolist()
        for name in ("path_offsets", "path_edges", "edge_nodes", "child_offsets", "node_edges", "level_offsets"):
            self._keep(name, getattr(tree, name))
        self._keep("edge_children", tree.children)  # nn.Module.children is taken
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
        """Return (log p(target | hidden), 0), both (N,); see `Output.exact`."""
        if self.one_leaf_a_word:
            log_prob = self._leaf_log_prob(hidden, target)
        else:
            example, leaf = self._leaves_of(target)
            each = self._leaf_log_prob(hidden.index_select(0, example), leaf)
            log_prob = tree_walk.log_sum_by(each, example, hidden.shape[0])
        return log_prob, torch.zeros_like(log_prob)

    def log_prob(self, hidden: Tensor, target: Tensor | None = None) -> Tensor:
        """See `Output.log_prob`. All words take one matrix product and one addition per edge, level by level."""
        if target is not None:
            return self.exact(hidden, target)[0]
        step = max(1, _TILE_NUMEL // max(1, self.level_edges[-1]))
        if torch.is_grad_enabled() or is_traced(hidden) or len(hidden) <= step:
            return self._all_log_prob(hidden).t().contiguous()
        every = hidden.new_empty(len(hidden), self.vocab_size, dtype=at_least_float32(product_dtype(hidden)))
        for examples in spans(len(hidden), step):
            every[examples] = self._all_log_prob(hidden[examples]).t()
        return every

    def _all_log_prob(self, hidden: Tensor) -> Tensor:
        """log p of all words, (V, N)."""
        by_leaf = tree_walk.leaf_log_prob(self._walk(), hidden, self.weight, self.bias)  # (leaves, N)
        if self.one_leaf_a_word:
            return by_leaf
        leaf_word = torch.from_numpy(np.array(self.tree.leaf_words)).to(by_leaf.device)
        return tree_walk.log_sum_by(by_leaf, leaf_word.long(), self.vocab_size)

    @property
    def traces_scores(self) -> bool:
        """See `Output.traces_scores`: where no word has several leaves."""
        return self.one_leaf_a_word

    @property
    def traces_exact(self) -> bool:
        """See `Output.traces_exact`: where a kernel is an operator, and no gradient would be sparse.

        PyTorch's compiler takes no sparse tensors.
        """
        gives_sparse = self.sparse_gradients and torch.is_grad_enabled() and torch.compiler.is_compiling()
        return self._has_operators and not gives_sparse

    @property
    def _has_operators(self) -> bool:
        return self.one_leaf_a_word and self.weight.dtype is torch.float32 and self.weight.device.type == "cpu"

    @torch.no_grad()
    def topk(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Output.topk`; ties are in the order of ids.

        On the CPU in float32, the search is best first: the log-probability of a node bounds those of the leaves below
        it, so only nodes that may contain one of the best are expanded; see `best_words` for words with several leaves.
        Elsewhere, all words are scored, in tiles of examples.
        """
        if is_traced(hidden):
            if self._has_operators and not is_transformed_here(hidden):
                return traced_best_first(self._arrays(), hidden, self.weight, self._kernel_bias(), k)
            log_prob, word_id = self.log_prob(hidden).topk(k, dim=1)
            return log_prob, word_id
        log_prob, word_id, _ = self.best_first(hidden, k)
        return log_prob, word_id

    @torch.no_grad()
    def best_first(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the result of `topk` and the number of expanded nodes, (N,), or their mean if words repeat."""
        none_yet = torch.zeros(hidden.shape[0], dtype=torch.int64)
        if not self._native(hidden):
            return *self._topk_of_all(hidden, k), none_yet + self.tree.num_nodes
        if self.one_leaf_a_word:
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
        """See `Output.sample`; draws decisions from the root, at O(L·D) per example in a binary tree."""
        leaf = tree_walk.sample_leaf(self._walk(), hidden, self.weight, self.bias, generator)
        if self.one_leaf_a_word:
            return leaf
        return torch.from_numpy(np.array(self.tree.leaf_words)).to(leaf.device).long().index_select(0, leaf)

    @torch.no_grad()
    def loss_by_depth(self, hidden: Tensor, target: Tensor) -> Tensor:
        """Return the loss by depth: (max_depth,) nats per example, the root first. Their sum is the loss.

        For a word with several leaves, the most probable one counts. At a depth with a large loss, h does not
        distinguish siblings: the tree may be improved there.
        """
        example, leaf = self._leaves_of(target)
        if not self.one_leaf_a_word:
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
        if is_transformed_here(hidden, self.weight):
            return self._all_log_prob(hidden).t().gather(1, leaf[:, None])[:, 0]
        if is_traced() and self.traces_exact:
            return traced_log_prob(self._arrays(), hidden, self.weight, self._kernel_bias(), leaf)
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
        """Return all leaves of all targets: (example, leaf)."""
        if self.one_leaf_a_word:
            return torch.arange(target.shape[0], device=target.device), target
        offsets = torch.from_numpy(self.tree.word_offsets).to(target.device)
        first, count = offsets[target], offsets[target + 1] - offsets[target]
        return torch.repeat_interleave(count), tree_walk.concatenated_ranges(first, count)

    def _native(self, hidden: Tensor) -> bool:
        """Return whether the native kernels support this: float32 on the CPU."""
        return kernel_takes(copied=(hidden, self.weight, self.bias))

    def _walk(self) -> tree_walk.Walk:
        return tree_walk.Walk(
            self.tree,
            self.path_offsets,
            self.path_edges,
            self.edge_nodes,
            self.child_offsets,
            self.edge_children,
            self.node_edges,
            self.level_edges,
        )

    def _arrays(self) -> TreeArrays:
        return TreeArrays(
            self.path_offsets,
            self.path_edges,
            self.edge_nodes,
            self.child_offsets,
            self.edge_children,
            self.level_offsets,
            self.is_binary,
        )

    def _kernel_bias(self) -> Tensor:
        return self.weight.new_zeros(self.weight.shape[0]) if self.bias is None else self.bias

    def check_tree(self) -> None:
        """Check that parameters loaded without `load_state_dict` were trained on the tree of this layer.

        Raises:
            InputError: their checksum is that of another tree.
        """
        if int(self.tree_checksum) != _checksum(self.tree):
            raise InputError(
                f"the weights of {type(self).__name__} were trained on another tree than the one this layer has: "
                "rebuild it with that tree, from the same counts"
            )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        found = state_dict.get(f"{prefix}tree_checksum")
        if found is not None and int(found) != _checksum(self.tree):
            errors: list[str] = rest[-1]
            errors.append(
                f"{prefix}weight was trained with another tree than that of this layer; build the layer with that tree"
            )
            return
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _checksum(tree: Tree) -> int:
    checksum = 0
    for array in (tree.children, tree.child_counts, tree.leaf_words):
        checksum = zlib.crc32(array.astype("<i4").tobytes(), checksum)
    return checksum


def _unigram_biases(tree: Tree, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return biases that give every decision its probability under the counts."""
    log_mass = np.log(tree.edge_sums(tree.leaf_weights(counts)))
    if tree.is_binary:
        return log_mass[1::2] - log_mass[::2]
    node_mass = np.add.reduceat(np.exp(log_mass), tree.child_offsets[:-1])
    return log_mass - np.log(node_mass)[tree.edge_nodes]
