"""Backward passes without second derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from vastmax.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")

_ALL_WORDS = (
    "use -head.log_prob(hidden).gather(-1, target[..., None]) as the loss, which can be differentiated any number of "
    "times"
)


def first_derivative_only(backward: Callable[P, R], *, otherwise: str = _ALL_WORDS) -> Callable[P, R]:
    """Return the `backward` of an autograd.Function that raises InputError for create_graph=True.

    PyTorch's `once_differentiable` does not: it silently omits the second derivative if the incoming gradient is a
    constant, as in `loss.backward(create_graph=True)`.

    Args:
        backward: the function to decorate.
        otherwise: an alternative for the user, for the message.
    """

    @functools.wraps(backward)
    def once(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.is_grad_enabled():  # true in a backward pass with create_graph=True
            raise InputError(
                "create_graph=True needs second derivatives, but this loss has only first ones: leave it out, or "
                f"{otherwise}"
            )
        return backward(*args, **kwargs)

    return once
