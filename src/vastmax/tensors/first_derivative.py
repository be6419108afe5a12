"""Backward passes that have no derivative themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from vastmax.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

_ALL_WORDS = (
    "use -head.log_prob(hidden).gather(-1, target[..., None]) as the loss, whose (N, V) numbers can be differentiated "
    "any number of times"
)


def first_derivative_only(backward: Callable[P, R], *, otherwise: str = _ALL_WORDS) -> Callable[P, R]:
    """Return the `backward` of an autograd.Function that refuses to be part of a graph (create_graph=True).

    PyTorch's `once_differentiable` does not: it lets the second derivative pass as missing wherever the incoming
    gradient is a constant, as it is in `loss.backward(create_graph=True)`.

    Args:
        backward: to be decorated.
        otherwise: what the user may do in place of it, for the message.
    """

    @functools.wraps(backward)
    def once(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.is_grad_enabled():  # which is what create_graph=True means within a backward pass
            raise InputError(
                "create_graph=True asks for second derivatives, and this loss has first ones only: leave it out, or "
                f"{otherwise}"
            )
        return backward(*args, **kwargs)

    return once
