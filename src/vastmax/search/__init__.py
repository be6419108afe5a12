"""Search for the best words without scoring all of them.

`Certified` finds what scoring every word would find, and proves it for each query. The others look at few words and
find most of the best; how many is calibrated on the user's own queries. All are built from a head, a layer or
`WordVectors`, and passed as ``head.topk(hidden, k, search=index)``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vastmax.search.best_first import BestFirst, TreeReport
    from vastmax.search.calibration import Calibration
    from vastmax.search.certified import Certified
    from vastmax.search.clustered import Clustered
    from vastmax.search.faiss_index import Faiss, Hnsw
    from vastmax.search.hashing import Hashing
    from vastmax.search.index import Best, Index, SearchReport
    from vastmax.search.loading import load
    from vastmax.search.screened import Screened

_HOME = {
    "Best": "index",
    "BestFirst": "best_first",
    "Calibration": "calibration",
    "Certified": "certified",
    "Clustered": "clustered",
    "Faiss": "faiss_index",
    "Hashing": "hashing",
    "Hnsw": "faiss_index",
    "Index": "index",
    "Screened": "screened",
    "SearchReport": "index",
    "TreeReport": "best_first",
    "load": "loading",
}
"""Where each name lives. It is imported when it is first used: `facts` needs no torch, and all others do."""

__all__ = [
    "Best",
    "BestFirst",
    "Calibration",
    "Certified",
    "Clustered",
    "Faiss",
    "Hashing",
    "Hnsw",
    "Index",
    "Screened",
    "SearchReport",
    "TreeReport",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
