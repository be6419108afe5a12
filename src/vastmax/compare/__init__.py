"""Which approximation should I use? Every method raced on the user's own text, a report of it, advice beforehand."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.compare.advice import Advice, advise

_HOME = {
    "Advice": "advice",
    "advise": "advice",
}

__all__ = ["Advice", "advise"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
