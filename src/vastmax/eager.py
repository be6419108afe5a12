"""Keeping `torch.compile` out of what it cannot express."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from vastmax.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")


def eager(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function`, which a compiled model calls as it is, between two compiled graphs."""
    return eager_unless(_never)(function)


def eager_unless(traceable: Callable[..., bool]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator: a compiled model calls the function as it is, unless `traceable(…)` of its arguments.

    Graphs cannot express what depends on numbers, such as how many rows a batch touches. The decorator PyTorch has for
    this imports the whole compiler, CPU-seconds of it, when a class is defined; here that happens only where a program
    has imported it already.

    The decorated function raises an InputError where a model is exported and `traceable` says no: there is nothing
    between the graphs then.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        uncompiled: list[Callable[P, R]] = []

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if "torch._dynamo" not in sys.modules:
                return function(*args, **kwargs)
            if torch.compiler.is_compiling() and traceable(*args, **kwargs):
                return function(*args, **kwargs)
            if torch.compiler.is_exporting():
                raise InputError(
                    f"{function.__qualname__} depends on the numbers it is given here, which a graph cannot express: "
                    "export the scores of all words, head.logits(hidden), or see the guide on torch.compile and export"
                )
            if not uncompiled:
                uncompiled.append(torch.compiler.disable(function))  # type: ignore[no-untyped-call]
            return uncompiled[0](*args, **kwargs)

        return call

    return decorate


def _never(*args: object, **kwargs: object) -> bool:
    return False
