"""The comparison of methods on the user's own text, its report, and advice beforehand.

Imported when first used. The race needs torch, advice from counts does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.compare.advice import Advice, advise, calibrated_machine
    from vastmax.compare.folder import RaceFolder
    from vastmax.compare.race import run_race
    from vastmax.compare.report import Recommendation, recommend, report_from, write_report
    from vastmax.compare.results import Band, MethodResult, Point, Race
    from vastmax.compare.settings import RaceSettings

_HOME = {
    "Advice": "advice",
    "Band": "results",
    "MethodResult": "results",
    "Point": "results",
    "Race": "results",
    "RaceFolder": "folder",
    "RaceSettings": "settings",
    "Recommendation": "report",
    "advise": "advice",
    "calibrated_machine": "advice",
    "recommend": "report",
    "report_from": "report",
    "run_race": "race",
    "write_report": "report",
}

__all__ = [
    "Advice",
    "Band",
    "MethodResult",
    "Point",
    "Race",
    "RaceFolder",
    "RaceSettings",
    "Recommendation",
    "advise",
    "calibrated_machine",
    "recommend",
    "report_from",
    "run_race",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
