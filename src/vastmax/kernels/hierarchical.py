"""Kernels of hierarchical softmax: float32 arrays on the CPU, used in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target

Plan = _native.HierarchicalPlan
"""The decisions of a batch, from `TreeArrays.plan`. `num_slopes` numbers, one per score, are saved for the backward
pass; `rows`, (R,), are the rows of weight and bias with a gradient: nodes of a binary tree, edges of others."""


@dataclass(frozen=True)
class TreeArrays:
    """The arrays of a tree for the kernels; see `vastmax.tree.Tree`.

    `binary` trees have a row of weights per node, others a row per edge.
    """

    path_offsets: Column[np.int64]  # (leaves + 1,)
    path_edges: Column[np.int32]  # (decisions,)
    edge_nodes: Column[np.int32]  # (E,)
    child_offsets: Column[np.int64]  # (M + 1,)
    children: Column[np.int32]  # (E,)
    level_offsets: Column[np.int64]  # (levels + 1,)
    binary: bool

    def plan(self, leaves: Column[np.int64], *, grouped: bool) -> Plan:
        """Return the decisions of a batch of leaves, (N,).

        With `grouped`, they are also sorted by node, for the backward pass and for trees that are not binary.
        """
        return _native.hierarchical_plan(
            leaves,
            self.path_offsets,
            self.path_edges,
            self.edge_nodes,
            self.child_offsets,
            self.level_offsets,
            self.binary,
            grouped or not self.binary,
        )

    def forward(
        self,
        plan: Plan,
        leaves: Column[np.int64],
        hidden: Matrix[np.float32],
        weight: Matrix[np.float32],
        bias: Column[np.float32],
        *,
        log_prob: Column[np.float32],
        slope: Column[np.float32] | None,
        hidden_slope: Matrix[np.float32] | None,
        threads: int,
        target: str | None = None,
    ) -> None:
        """Compute log p(leaf | hidden) and its derivatives by the scores and by hidden.

        Args:
            plan: the plan of `leaves`.
            leaves: (N,).
            hidden: (N, D).
            weight: (rows, D).
            bias: (rows,).
            log_prob: (N,) output.
            slope: (plan.num_slopes,) output: d log p / d score; may be None in a binary tree.
            hidden_slope: (N, D) output: d log p / d hidden; None if it is not needed.
            threads: the maximum number; short work uses fewer.
            target: an instruction set, see `vastmax.kernels.machine.available_targets`.
        """
        _native.hierarchical_forward(
            target or choose_target(),
            plan,
            hidden,
            weight,
            bias,
            leaves,
            self.path_offsets,
            self.path_edges,
            self.child_offsets,
            log_prob,
            slope,
            hidden_slope,
            threads,
        )

    def backward(
        self,
        plan: Plan,
        hidden: Matrix[np.float32],
        *,
        slope: Column[np.float32],
        upstream: Column[np.float32],
        hidden_slope: Matrix[np.float32] | None,
        hidden_gradient: Matrix[np.float32] | None,
        weight_gradient: Matrix[np.float32],
        bias_gradient: Column[np.float32],
        threads: int,
        target: str | None = None,
    ) -> None:
        """Compute the gradients from `upstream` = d loss / d log p, (N,).

        Args:
            plan: as in `forward`, with `grouped`.
            hidden: as in `forward`.
            slope: from `forward`.
            upstream: (N,).
            hidden_slope: from `forward`, or None without `hidden_gradient`.
            hidden_gradient: (N, D) output, or None.
            weight_gradient: (R, D) output, one row for each of `plan.rows`.
            bias_gradient: (R,) output.
            threads: the maximum number.
            target: an instruction set.
        """
        _native.hierarchical_backward(
            target or choose_target(),
            plan,
            hidden,
            self.child_offsets,
            slope,
            upstream,
            hidden_slope,
            hidden_gradient,
            weight_gradient,
            bias_gradient,
            threads,
        )

    def best_first(
        self,
        hidden: Matrix[np.float32],
        weight: Matrix[np.float32],
        bias: Column[np.float32],
        *,
        log_prob: Matrix[np.float32],
        leaves: Matrix[np.int64],
        num_expanded: Column[np.int64],
        threads: int,
        target: str | None = None,
    ) -> None:
        """Compute the k best leaves of each example, best first, with ties in the order of ids.

        Args:
            hidden: (N, D).
            weight: (rows, D).
            bias: (rows,).
            log_prob: (N, k) output.
            leaves: (N, k) output.
            num_expanded: (N,) output: the number of nodes whose children were scored.
            threads: the maximum number.
            target: an instruction set.
        """
        _native.hierarchical_best_first(
            target or choose_target(),
            hidden,
            weight,
            bias,
            self.binary,
            self.child_offsets,
            self.children,
            log_prob,
            leaves,
            num_expanded,
            threads,
        )
