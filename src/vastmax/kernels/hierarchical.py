"""The door to the kernels of hierarchical softmax: float32 arrays on the CPU, of numpy or torch, used in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vastmax.kernels import _native
from vastmax.kernels.targets import choose_target

Array = Any
"""A C-contiguous numpy array or torch tensor on the CPU; the kernels refuse other dtypes than those named."""


class Plan(Protocol):
    """What a batch has to decide; made by `TreeArrays.plan`."""

    num_slopes: int
    """Numbers that a forward pass keeps for the backward pass: one a score."""
    rows: NDArray[np.int64]
    """(R,) the rows of weight and bias that get a gradient, ascending: nodes of a binary tree, edges of any other."""


@dataclass(frozen=True)
class TreeArrays:
    """A tree as the kernels read it; see `vastmax.tree.Tree` for what the arrays hold.

    `binary` trees have a row of weights a node, others a row an edge.
    """

    path_offsets: Array  # int64 (leaves + 1,)
    path_edges: Array  # int32 (decisions,)
    edge_nodes: Array  # int32 (E,)
    child_offsets: Array  # int64 (M + 1,)
    children: Array  # int32 (E,)
    level_offsets: Array  # int64 (levels + 1,)
    binary: bool

    def plan(self, leaves: Array, *, grouped: bool) -> Plan:
        """What a batch of leaves, int64 (N,), has to decide.

        `grouped`: also sort it by node, which the backward pass and trees that are not binary need.
        """
        plan: Plan = _native.hierarchical_plan(
            leaves,
            self.path_offsets,
            self.path_edges,
            self.edge_nodes,
            self.child_offsets,
            self.level_offsets,
            self.binary,
            grouped or not self.binary,
        )
        return plan

    def forward(
        self,
        plan: Plan,
        leaves: Array,
        hidden: Array,
        weight: Array,
        bias: Array,
        *,
        log_prob: Array,
        slope: Array | None,
        hidden_slope: Array | None,
        threads: int,
        target: str | None = None,
    ) -> None:
        """Write log p(leaf | hidden), and its derivatives by the scores and by hidden.

        Args:
            plan: of `leaves`.
            leaves: int64 (N,).
            hidden: (N, D).
            weight: (rows, D).
            bias: (rows,).
            log_prob: (N,) to be overwritten.
            slope: (plan.num_slopes,) to be overwritten: d log p / d score; may be None in a binary tree.
            hidden_slope: (N, D) to be overwritten: d log p / d hidden; None when it is not wanted.
            threads: at most so many; short work takes fewer.
            target: an instruction set, see `vastmax.kernels.skipgram.available_targets`.
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
        hidden: Array,
        *,
        slope: Array,
        upstream: Array,
        hidden_slope: Array | None,
        hidden_gradient: Array | None,
        weight_gradient: Array,
        bias_gradient: Array,
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
        hidden: Array,
        weight: Array,
        bias: Array,
        *,
        log_prob: Array,
        leaves: Array,
        num_expanded: Array,
        threads: int,
        target: str | None = None,
    ) -> None:
        """Write the k best leaves of each example, best first, equals by ascending id.

        Args:
            hidden: (N, D).
            weight: (rows, D).
            bias: (rows,).
            log_prob: (N, k) to be overwritten.
            leaves: int64 (N, k) to be overwritten.
            num_expanded: int64 (N,) to be overwritten: nodes whose children were scored.
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
