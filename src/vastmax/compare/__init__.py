"""Which approximation should I use? Every method raced on the user's own text, a report of it, advice beforehand.

Imported when first used; the race needs torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.compare.folder import RaceFolder
    from vastmax.compare.race import run_race
    from vastmax.compare.results import Band, MethodResult, Point, Race
    from vastmax.compare.settings import RaceSettings

_HOME = {
    "Band": "results",
    "MethodResult": "results",
    "Point": "results",
    "Race": "results",
    "RaceFolder": "folder",
    "RaceSettings": "settings",
    "run_race": "race",
}

__all__ = ["Band", "MethodResult", "Point", "Race", "RaceFolder", "RaceSettings", "run_race"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.compare.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.compare' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
