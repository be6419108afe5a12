"""Output layers: hidden vectors to probabilities of words. Imported when first used; this room needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.output.base import FlatOutput, Output, Rows, Search
    from vastmax.output.dense import Dense

_HOME = {
    "Dense": "dense",
    "FlatOutput": "base",
    "Output": "base",
    "Rows": "base",
    "Search": "base",
}

__all__ = ["Dense", "FlatOutput", "Output", "Rows", "Search"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.output.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.output' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
