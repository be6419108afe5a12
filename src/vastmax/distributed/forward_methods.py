"""Every question to a head after `fully_shard`, not only its loss."""

from __future__ import annotations

from torch.distributed.fsdp import FSDPModule, register_fsdp_forward_method

from vastmax.errors import InputError
from vastmax.head import Head

FORWARD_METHODS = ("diagnose", "log_normaliser", "log_prob", "logits", "sample", "topk")


def register_forward_methods(head: Head) -> None:
    """Let `topk`, `log_prob`, `logits`, `sample`, `log_normaliser` and `diagnose` gather the parameters they need.

    FSDP2 gathers a module's parameters when the module is called, and knows of no other method. Afterward each of these
    methods does what the call of the head does: it gathers the parameters and lets go of them. So every process of the
    group has to ask, each about hidden vectors of its own.

    Args:
        head: a head that `torch.distributed.fsdp.fully_shard` was applied to, by itself and not only as a part of a
            model.

    Raises:
        InputError: not a head, or one that was not sharded.

    Cost: the gather of all the head's parameters in each call.

    Example:
        >>> import torch
        >>> from vastmax import Head, output
        >>> register_forward_methods(Head(output.Dense(8, 100)))
        Traceback (most recent call last):
            ...
        vastmax.errors.InputError: this head is not sharded: call fully_shard(head) first
    """
    if not isinstance(head, Head):
        raise InputError(f"head is of type {type(head).__name__}; expected a vastmax.Head")
    if not isinstance(head, FSDPModule):
        raise InputError("this head is not sharded: call fully_shard(head) first")
    for name in FORWARD_METHODS:
        register_fsdp_forward_method(head, name)
