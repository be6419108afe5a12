"""The methods of the literature, one file each: builder, cost, published figures, when to take it.

No torch is imported until a head is built.
"""

from vastmax.methods.method import FAMILIES, Method, Published, WhenToTake
from vastmax.methods.registry import RECIPES, register

__all__ = ["FAMILIES", "RECIPES", "Method", "Published", "WhenToTake", "register"]
