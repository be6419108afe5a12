"""The combinations of the literature, by name: what the command line, the comparison, docs and tests iterate over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from vastmax.errors import InputError
from vastmax.head import Head

BuildHead = Callable[..., Head]
_Build = TypeVar("_Build", bound=BuildHead)


@dataclass(frozen=True)
class Recipe:
    """One way to build a head.

    Attributes:
        name: as in `RECIPES`.
        summary: one line: what it does, and when to take it.
        source: where it was published.
        needs: what it needs beyond counts: "words" (a `Vocabulary`), or "context:NAME" (an entry of `context` in every
            training call).
        build: the typed function behind it, with the recipe's options as keyword arguments.
    """

    name: str
    summary: str
    source: str
    needs: frozenset[str]
    build: BuildHead

    def __call__(self, hidden_size: int, vocabulary: Any) -> Head:
        """The head with default options.

        Args:
            hidden_size: D, the width of the hidden vectors.
            vocabulary: a `Vocabulary`, or counts (V,) in id order where words are not needed.

        Raises:
            InputError: the recipe needs words and got counts alone.
        """
        if "words" in self.needs and not hasattr(vocabulary, "words"):
            raise InputError(f"recipe {self.name!r} spells words out: pass a Vocabulary, not counts alone")
        return self.build(hidden_size, vocabulary)


RECIPES: dict[str, Recipe] = {}


def recipe(name: str, *, summary: str, source: str, needs: frozenset[str] = frozenset()) -> Callable[[_Build], _Build]:
    """Enter the decorated function into `RECIPES`; it stays what it is, a typed function with options."""

    def enter(build: _Build) -> _Build:
        RECIPES[name] = Recipe(name, summary, source, needs, build)
        return build

    return enter
