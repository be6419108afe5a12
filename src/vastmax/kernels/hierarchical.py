"""The door to the kernels of hierarchical softmax: float32 arrays on the CPU, of numpy or torch, used in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vastmax.kernels import _native
from vastmax.kernels.arrays import Column, Matrix
from vastmax.kernels.machine import choose_target

Plan = _native.HierarchicalPlan
"""What a batch has to decide; made by `TreeArrays.plan`. `num_slopes` numbers are kept for the backward pass, one per
score; `rows`, (R,), are the rows of weight and bias that get a gradient: nodes of a binary tree, edges of any other."""


@dataclass(frozen=True)
class TreeArrays:
    """A tree as the kernels read it; see `vastmax.tree.Tree` for what the arrays hold.

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
        """Return what a batch of leaves, (N,), has to decide.

        `grouped`: also sort it by node, which the backward pass and trees that are not binary need.
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
        """Write log p(leaf | hidden), and its derivatives by the scores and by hidden.

        Args:
            plan: of `leaves`.
            leaves: (N,).
            hidden: (N, D).
            weight: (rows, D).
            bias: (rows,).
            log_prob: (N,) to be overwritten.
            slope: (plan.num_slopes,) to be overwritten: d log p / d score; may be None in a binary tree.
            hidden_slope: (N, D) to be overwritten: d log p / d hidden; None when it is not wanted.
            threads: at most so many; short work takes fewer.
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
        """Write the gradients from `upstream` = d loss / d log p, (N,).

        Args:
            plan: as in `forward`, made with `grouped`.
            hidden: as in `forward`.
            slope: what `forward` wrote.
            upstream: (N,).
            hidden_slope: what `forward` wrote, or None when `hidden_gradient` is not wanted.
            hidden_gradient: (N, D) to be overwritten, or None.
            weight_gradient: (R, D) to be overwritten, a row for each of `plan.rows`.
            bias_gradient: (R,) to be overwritten.
            threads: at most so many.
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
        """Write the k best leaves of each example, best first, equals by ascending id.

        Args:
            hidden: (N, D).
            weight: (rows, D).
            bias: (rows,).
            log_prob: (N, k) to be overwritten.
            leaves: (N, k) to be overwritten.
            num_expanded: (N,) to be overwritten: nodes whose children were scored.
            threads: at most so many.
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
