"""Finding the best words without scoring all of them.

`Certified` finds what scoring every word would find, and proves it for each query. The others look at few words and
find most of the best; how many is calibrated on the user's own queries. All are made from a head, a layer or
`WordVectors`, and are passed as ``head.topk(hidden, k, search=index)``.
"""

from vastmax.search.best_first import BestFirst, TreeReport
from vastmax.search.calibration import Calibration
from vastmax.search.certified import Certified
from vastmax.search.clustered import Clustered
from vastmax.search.faiss_index import Faiss, Hnsw
from vastmax.search.hashing import Hashing
from vastmax.search.index import Best, Index, SearchReport
from vastmax.search.loading import load
from vastmax.search.screened import Screened

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
