"""Output layers: hidden vectors to probabilities of words. Imported on first use; needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.output.adaptive import Adaptive
    from vastmax.output.base import FlatOutput, Output, Rows, Search
    from vastmax.output.char_cnn import CharCNN
    from vastmax.output.char_lstm import CharLSTM
    from vastmax.output.dense import Dense
    from vastmax.output.differentiated import Differentiated
    from vastmax.output.given import Given
    from vastmax.output.hierarchical import Hierarchical
    from vastmax.output.product_cost import measure_product_cost

_HOME = {
    "Adaptive": "adaptive",
    "CharCNN": "char_cnn",
    "CharLSTM": "char_lstm",
    "Dense": "dense",
    "Differentiated": "differentiated",
    "FlatOutput": "base",
    "Given": "given",
    "Hierarchical": "hierarchical",
    "Output": "base",
    "Rows": "base",
    "Search": "base",
    "measure_product_cost": "product_cost",
}

__all__ = [
    "Adaptive",
    "CharCNN",
    "CharLSTM",
    "Dense",
    "Differentiated",
    "FlatOutput",
    "Given",
    "Hierarchical",
    "Output",
    "Rows",
    "Search",
    "measure_product_cost",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"vastmax.output.{_HOME[name]}"), name)
    raise AttributeError(f"module 'vastmax.output' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
