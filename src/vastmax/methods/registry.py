"""The methods by name: every file of this room that holds a `METHOD`, and those that callers register."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import vastmax.methods as room
from vastmax.errors import InputError
from vastmax.methods.method import FAMILIES, Method

RECIPES: dict[str, Method] = {}
"""All methods by name, by family; each is called as `RECIPES[name](hidden_size, vocabulary)`, or by its `build` with
options."""


def register(method: Method) -> None:
    """Enter a method of your own: commands, races, advice and reports then know it like the others.

    Args:
        method: with a name that is not taken.

    Raises:
        InputError: there is a method of this name already.
    """
    if method.name in RECIPES:
        raise InputError(f"there is a method {method.name!r} already; choose another name")
    RECIPES[method.name] = method
    in_order = sorted(RECIPES.values(), key=lambda each: (FAMILIES.index(each.family), each.family_rank))
    RECIPES.clear()
    RECIPES.update((each.name, each) for each in in_order)


for _module in iter_modules(room.__path__):
    _found = getattr(import_module(f"{room.__name__}.{_module.name}"), "METHOD", None)
    if _found is not None:
        register(_found)
