"""Finding the best words without scoring all of them.

`Certified` finds what scoring every word would find, and proves it for each query.
"""

from vastmax.search.certified import Certified
from vastmax.search.index import Best, Index, SearchReport
from vastmax.search.loading import load

__all__ = ["Best", "Certified", "Index", "SearchReport", "load"]
