"""Conversion of a user's arguments to one hidden row and one valid target per example, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.output.base import Output
from vastmax.proposal.base import Context
from vastmax.tensors.numbers import at_least_float32
from vastmax.tensors.plain_memory import require_whole
from vastmax.tensors.tracing import is_traced, refuse_script


def checked_hidden(hidden: Tensor, output: Output) -> Tensor:
    """Return `hidden` (…, D), for the layer `output`, as (N, D).

    Raises:
        InputError: not a tensor with data; a size other than D; not floating point; a dtype (outside autocast) or
            device different from that of the layer; a sharded layer.
    """
    refuse_script()
    hidden_size, parameter = output.hidden_size, next(output.parameters(), None)
    if type(hidden) is not Tensor:
        _check_kind("hidden", hidden, "torch.as_tensor(hidden)")
    if hidden.layout is not torch.strided or hidden.is_nested:
        raise _layout_error("hidden", hidden)
    if hidden.ndim < 1 or hidden.shape[-1] != hidden_size:
        raise InputError(
            f"hidden has shape {tuple(hidden.shape)}; expected (…, {hidden_size}), the hidden_size of the output layer"
        )
    if not hidden.is_floating_point():
        raise InputError(f"hidden has dtype {hidden.dtype}; expected floating point")
    if parameter is not None:
        if not output.is_sharded:
            require_whole(parameter)
        if parameter.is_meta:
            raise InputError(
                "the output layer is on the meta device, which has no data: allocate memory with "
                "head.to_empty(device=…), then load its state"
            )
        if hidden.device != parameter.device:
            raise InputError(
                f"hidden is on {hidden.device} but the output layer on {parameter.device}: move one of them"
            )
        if hidden.dtype != parameter.dtype and not torch.is_autocast_enabled(hidden.device.type):
            raise InputError(
                f"hidden has dtype {hidden.dtype} but the output layer {parameter.dtype}: convert one of them, or use "
                "torch.autocast"
            )
    return hidden.reshape(-1, hidden_size)


_FROM_ONE_HOT = "for one-hot rows or probabilities, use target.argmax(-1), the ids of the most likely words"
_FEWEST_ONE_HOT = 3
"""From this many words on, rows of zeros and ones cannot be distinct word ids."""


def _check_kind(name: str, value: object, conversion: str) -> None:
    if not isinstance(value, Tensor):
        raise InputError(f"{name} is of type {type(value).__name__}; expected a torch.Tensor: pass {conversion}")
    require_whole(value)
    if type(value).__name__ == "FakeTensor" and not is_traced():
        raise InputError(f"{name} is a FakeTensor, which has no data: call the head outside of FakeTensorMode")


def _layout_error(name: str, tensor: Tensor) -> InputError:
    kind = "a nested tensor" if tensor.is_nested else f"of layout {tensor.layout}"
    fix = "to_padded_tensor(0.0)" if tensor.is_nested else "to_dense()"
    return InputError(f"{name} is {kind}; expected a dense tensor: pass {name}.{fix}")


def _refuse_one_hot(target: Tensor, counted: Tensor, vocab_size: int) -> None:
    """Raise InputError if `target` (n, V) contains only zeros and ones, which as word ids would be repeated."""
    if target.shape[1] != vocab_size or vocab_size < _FEWEST_ONE_HOT or target.shape[0] == 0:
        return
    if bool(((target >> 1 == 0) | ~counted).all()):
        raise InputError(
            f"target has shape {tuple(target.shape)}, with one entry for each of the {vocab_size} words, and contains "
            f"only 0 and 1; expected word ids: {_FROM_ONE_HOT}"
        )


def _checked_target(hidden: Tensor, target: Tensor) -> Tensor:
    if type(target) is not Tensor:
        _check_kind("target", target, "torch.as_tensor(target)")
    if target.layout is not torch.strided or target.is_nested:
        raise _layout_error("target", target)
    leading = hidden.shape[:-1]
    if target.shape != leading and not (target.ndim == hidden.ndim and target.shape[:-1] == leading):
        raise InputError(
            f"target has shape {tuple(target.shape)} for hidden {tuple(hidden.shape)}; expected {tuple(leading)} "
            f"or {(*leading, 'M')}"
        )
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise InputError(
            f"target has dtype {target.dtype}; expected word ids (int64)"
            + (f": {_FROM_ONE_HOT}" if target.ndim == hidden.ndim else "")
        )
    if target.device != hidden.device:
        raise InputError(f"target is on {target.device} but hidden on {hidden.device}: move one of them")
    return target.long()


def checked_words(hidden: Tensor, word_ids: Tensor, *, vocab_size: int) -> Tensor:
    """Return checked `word_ids`, (…) or (…, M) for `hidden` (…, D), as (N, M).

    Raises:
        InputError: a wrong shape, dtype or device; an id out of range (with its index and value); M = 0.
    """
    word_ids = _checked_target(hidden, word_ids)
    flat = word_ids.reshape(hidden.shape[:-1].numel(), *word_ids.shape[hidden.ndim - 1 :])
    traced = is_traced(hidden)
    wrong = (flat < 0) | (flat >= vocab_size)
    if not traced and wrong.any():
        _raise_out_of_range(word_ids, wrong.reshape(word_ids.shape), vocab_size, None)
    if flat.ndim == 1:
        return flat[:, None].contiguous()
    if flat.shape[1] == 0:
        raise InputError(f"target has shape {tuple(word_ids.shape)}, no words; pass at least one per example")
    if not traced:
        _refuse_one_hot(flat, torch.ones_like(flat, dtype=torch.bool), vocab_size)
    return flat.contiguous()


@dataclass(frozen=True)
class Examples:
    """Examples, each with a valid target.

    Attributes:
        hidden: (n, D).
        target: (n,) in [0, V), contiguous, because PyTorch warns when it searches for strided values.
        leading: the leading shape of `hidden`.
        example: (n,) the index of each in the flattened leading shape; None if all are there in order.
        share: (n,) the weight 1/m of a target in an example with m targets; None if each has one.
    """

    hidden: Tensor
    target: Tensor
    leading: torch.Size
    example: Tensor | None = None
    share: Tensor | None = None

    @classmethod
    def check(
        cls,
        hidden: Tensor,
        target: Tensor,
        output: Output,
        *,
        ignore_index: int | None,
    ) -> Examples:
        """Check `hidden` (…, D) and `target` (…) or (…, M) for the layer `output`, and drop ignored targets.

        Raises:
            InputError: see `checked_hidden`; a target with a wrong shape, dtype or device; one out of range (with its
                index and value).
        """
        flat_hidden = checked_hidden(hidden, output)
        target = _checked_target(hidden, target)
        vocab_size = output.vocab_size
        leading = hidden.shape[:-1]
        num_examples = flat_hidden.shape[0]
        flat_target = target.reshape(num_examples, *target.shape[hidden.ndim - 1 :])
        if is_traced(hidden, *output.parameters()):
            return cls._weighed(flat_hidden, flat_target, leading, ignore_index)
        if flat_target.ndim == 1 and _all_within(flat_target, vocab_size, ignore_index):
            return cls(flat_hidden, flat_target.contiguous(), leading)
        counted = (
            torch.ones_like(flat_target, dtype=torch.bool) if ignore_index is None else flat_target != ignore_index
        )
        wrong = ((flat_target < 0) | (flat_target >= vocab_size)) & counted
        if wrong.any():
            _raise_out_of_range(target, wrong.reshape(target.shape), vocab_size, ignore_index)
        if flat_target.ndim == 2:
            _refuse_one_hot(flat_target, counted, vocab_size)
            example, _ = counted.nonzero(as_tuple=True)
            per_example = counted.sum(dim=1).to(at_least_float32(hidden.dtype))
            share = per_example.index_select(0, example).reciprocal()
            return cls(flat_hidden.index_select(0, example), flat_target[counted], leading, example, share)
        (example,) = counted.nonzero(as_tuple=True)
        return cls(flat_hidden.index_select(0, example), flat_target.index_select(0, example), leading, example)

    @classmethod
    def _weighed(
        cls, flat_hidden: Tensor, flat_target: Tensor, leading: torch.Size, ignore_index: int | None
    ) -> Examples:
        """Return all examples of a graph: what is ignored has the target 0, a hidden vector of zeros, and no weight.

        How many examples are not ignored depends on the targets, which a graph must not look at.
        """
        num_words = flat_target.shape[1] if flat_target.ndim == 2 else 1
        words = flat_target.reshape(-1, num_words)
        counted = torch.ones_like(words, dtype=torch.bool) if ignore_index is None else words != ignore_index
        example = None
        if num_words > 1:
            example = torch.arange(len(flat_hidden), device=flat_hidden.device).repeat_interleave(num_words)
            flat_hidden = flat_hidden.repeat_interleave(num_words, dim=0)
        share = counted.to(at_least_float32(flat_hidden.dtype)) / counted.sum(dim=1, keepdim=True).clamp(min=1)
        counted = counted.reshape(-1)
        return cls(
            torch.where(counted[:, None], flat_hidden, torch.zeros_like(flat_hidden)),
            torch.where(counted, flat_target.reshape(-1), 0),
            leading,
            example,
            share.reshape(-1),
        )

    def matching(self, context: Context, per_example: frozenset[str] = frozenset()) -> Context:
        """Return `context` with its per-example tensors flattened and filtered like the targets.

        These are the tensors with the leading shape, and those named in `per_example` whose shape begins with it.
        """
        if not context:
            return context
        return {
            name: self.per_example(value) if self._is_per_example(value, name in per_example) else value
            for name, value in context.items()
        }

    def _is_per_example(self, value: Any, named: bool) -> bool:
        if not isinstance(value, Tensor) or not self.leading:
            return False
        return value.shape == self.leading or (named and value.shape[: len(self.leading)] == self.leading)

    def per_example(self, value: Tensor) -> Tensor:
        """Return `value` (leading shape, …) as (n, …), filtered like the targets."""
        flat = value.reshape(self.leading.numel(), *value.shape[len(self.leading) :]).contiguous()
        return flat if self.example is None else flat.index_select(0, self.example)

    def scatter(self, loss: Tensor) -> Tensor:
        """Return `loss` (n,) in the leading shape, 0 where ignored, summed over several targets."""
        if self.example is None:
            return loss.reshape(self.leading)
        return loss.new_zeros(self.leading.numel()).index_add(0, self.example, loss).reshape(self.leading)

    def total_weight(self, weight: Tensor | None, example_weight: Tensor | None = None) -> Tensor | int:
        """Return the divisor of a mean: the number of examples that are not ignored, or the sum of their weights."""
        factors = [
            None if weight is None else weight.index_select(0, self.target),
            self.share,
            None if example_weight is None else self.per_example(example_weight),
        ]
        present = [factor for factor in factors if factor is not None]
        if not present:
            return self.target.shape[0]
        total = math.prod(present[1:], start=present[0]).sum()
        return torch.where(total == 0, 1, total) if is_traced(total) else total


def _all_within(target: Tensor, vocab_size: int, ignore_index: int | None) -> bool:
    """Return whether nothing is out of range or ignored, the common case, with one pass and one GPU synchronization."""
    if target.shape[0] == 0 or (ignore_index is not None and 0 <= ignore_index < vocab_size):
        return False
    smallest, largest = torch.stack(torch.aminmax(target)).tolist()
    return bool(smallest >= 0 and largest < vocab_size)


def checked_context(context: Context, needs: frozenset[str]) -> None:
    """Raise InputError if `context` lacks a name in `needs` or is not a mapping."""
    if context is not None and not isinstance(context, Mapping):
        raise InputError(f"context is a {type(context).__name__}; expected a dict from names to tensors")
    missing = sorted(needs - set(context or ()))
    if missing:
        given = sorted(context or ()) or "nothing"
        raise InputError(
            f"context contains {given}, but the objective's proposal needs {missing}: call head(hidden, target, "
            f"context={{{missing[0]!r}: …}})"
        )


def _raise_out_of_range(target: Tensor, wrong: Tensor, vocab_size: int, ignore_index: int | None) -> None:
    where = tuple(wrong.nonzero()[0].tolist())
    index = ", ".join(map(str, where))
    excuse = "" if ignore_index is None else f" or ignore_index={ignore_index}"
    raise InputError(f"target[{index}] is {int(target[where])}; expected a word id in [0, {vocab_size}){excuse}")
