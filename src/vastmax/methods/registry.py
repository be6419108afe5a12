"""The methods by name: every file of this room that holds a `METHOD`, and those that callers register."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from vastmax.errors import InputError
from vastmax.methods.method import FAMILIES, Method


class UnknownRecipeError(InputError, KeyError):
    """A name that `RECIPES` does not hold."""


class _Recipes(dict[str, Method]):
    def __missing__(self, name: object) -> Method:
        spelled = str(name).lower().replace("_", "-").replace(" ", "-")
        near = get_close_matches(spelled, self, n=1)
        hint = f"did you mean {near[0]!r}? There are" if near else "expected one of"
        raise UnknownRecipeError(f"no recipe is called {name!r}; {hint} {', '.join(sorted(self))}")


RECIPES: dict[str, Method] = _Recipes()
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


_ROOM = __name__.rpartition(".")[0]
for _module in iter_modules(sys.modules[_ROOM].__path__):
    _found = getattr(import_module(f"{_ROOM}.{_module.name}"), "METHOD", None)
    if _found is not None:
        register(_found)
