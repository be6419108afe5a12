"""Optimizers, clipping and parameter groups for models with row-sparse gradients.

A step costs O(rows touched), never O(V). Dense gradients are accepted, too, and touch every row.
"""

from __future__ import annotations

from vastmax.optim.clipping import clip_grad_norm_
from vastmax.optim.joined import JoinedOptimizer
from vastmax.optim.parameter_groups import ParameterGroups, parameter_groups
from vastmax.optim.row_adagrad import RowAdagrad
from vastmax.optim.row_adam import RowAdam
from vastmax.optim.row_optimizer import RowOptimizer
from vastmax.optim.row_sgd import RowSGD

__all__ = [
    "JoinedOptimizer",
    "ParameterGroups",
    "RowAdagrad",
    "RowAdam",
    "RowOptimizer",
    "RowSGD",
    "clip_grad_norm_",
    "parameter_groups",
]
