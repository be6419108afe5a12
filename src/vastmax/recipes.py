"""The former home of the methods, which live in `vastmax.methods`; kept for code written for version 0.1."""

from __future__ import annotations

import warnings
from typing import Any

from vastmax import methods
from vastmax.methods.work import DEFAULT_NUM_SAMPLES

_MOVED = {"RECIPES": methods.RECIPES, "Recipe": methods.Method, "DEFAULT_NUM_SAMPLES": DEFAULT_NUM_SAMPLES}


def __getattr__(name: str) -> Any:
    builders = {method.build.__name__: method.build for method in methods.RECIPES.values()}
    if name not in _MOVED and name not in builders:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"vastmax.recipes.{name} is deprecated; use vastmax.methods", DeprecationWarning, stacklevel=2)
    return _MOVED[name] if name in _MOVED else builders[name]
