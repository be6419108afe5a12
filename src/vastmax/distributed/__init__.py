"""Heads whose parameters are spread over processes, on PyTorch's own distributed engine."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.distributed.forward_methods import register_forward_methods
    from vastmax.distributed.loading import load_head
    from vastmax.distributed.sharded_head import ShardedHead, shard_head

_HOME = {
    "ShardedHead": "sharded_head",
    "load_head": "loading",
    "register_forward_methods": "forward_methods",
    "shard_head": "sharded_head",
}

__all__ = ["ShardedHead", "load_head", "register_forward_methods", "shard_head"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.distributed.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.distributed' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
