"""Word vectors: training at native speed, the vectors themselves, their file formats and their evaluation. No torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.embedding.analogies import AnalogyResult
    from vastmax.embedding.pairs import PairResult
    from vastmax.embedding.report import DivergenceError, EpochReport
    from vastmax.embedding.subword_rows import SubwordRows
    from vastmax.embedding.subword_vectors import SubwordVectors
    from vastmax.embedding.subwords import Subwords
    from vastmax.embedding.train import train_embeddings
    from vastmax.embedding.word_map import draw_map
    from vastmax.embedding.word_vectors import WordVectors
    from vastmax.training.loop import StopTraining

_HOME = {
    "AnalogyResult": "vastmax.embedding.analogies",
    "DivergenceError": "vastmax.embedding.report",
    "EpochReport": "vastmax.embedding.report",
    "PairResult": "vastmax.embedding.pairs",
    "StopTraining": "vastmax.training.loop",
    "SubwordRows": "vastmax.embedding.subword_rows",
    "SubwordVectors": "vastmax.embedding.subword_vectors",
    "Subwords": "vastmax.embedding.subwords",
    "WordVectors": "vastmax.embedding.word_vectors",
    "draw_map": "vastmax.embedding.word_map",
    "train_embeddings": "vastmax.embedding.train",
}

__all__ = [
    "AnalogyResult",
    "DivergenceError",
    "EpochReport",
    "PairResult",
    "StopTraining",
    "SubwordRows",
    "SubwordVectors",
    "Subwords",
    "WordVectors",
    "draw_map",
    "train_embeddings",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'vastmax.embedding' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
