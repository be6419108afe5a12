"""Keeping `torch.compile` out of what it cannot express."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def eager(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, which a compiled model calls as it is, between two compiled graphs.

    Noise draws decide how many rows are gathered, and sparse gradients have no form in a graph. The decorator
    PyTorch has for this imports the whole compiler, CPU-seconds of it, when a class is defined; here that happens only
    where a program has imported it already.
    """
    uncompiled: list[Callable[P, R]] = []

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if "torch._dynamo" not in sys.modules:
            return function(*args, **kwargs)
        if not uncompiled:
            uncompiled.append(torch.compiler.disable(function))  # type: ignore[no-untyped-call]
        return uncompiled[0](*args, **kwargs)

    return call
