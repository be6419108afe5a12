"""Finding the best words without scoring all of them.

`Certified` finds what scoring every word would find, and proves it for each query.
"""

from vastmax.search.certified import Certified, SearchReport, load

__all__ = ["Certified", "SearchReport", "load"]
