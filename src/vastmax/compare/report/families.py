"""The look of methods in charts: a color per family, a stroke and mark per member, so color is never the only clue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vastmax.methods import FAMILIES, RECIPES

Mark = Literal["circle", "square", "triangle", "diamond"]


@dataclass(frozen=True)
class Ink:
    """The color of a family: `light` on white paper, readable as text there, `dark` on dark paper."""

    name: str
    light: str
    dark: str


_COLOURS = {
    # Found by a search for colors that everyone can distinguish best; see the test.
    "all words": ("#1f1b2e", "#f4f1fa"),
    "paths in a tree": ("#135e9f", "#6f99fc"),
    "narrow vectors for rare words": ("#02836d", "#45e6a0"),
    "a sum over samples": ("#ac594d", "#d09150"),
    "words told from noise": ("#672a6d", "#e84694"),
    "log Z held near 0": ("#7a5900", "#fcd01d"),
    "words from their letters": ("#4f5247", "#b6b4b2"),
}
INKS: tuple[Ink, ...] = tuple(Ink(family, *_COLOURS[family]) for family in FAMILIES)
"""The inks of families, in the order of `FAMILIES`."""

OTHER = Ink("others", "#4b5a70", "#9fb0c8")
"""The ink of methods that this version does not know."""

MARKS: tuple[Mark, ...] = ("circle", "square", "triangle", "diamond")
DASHES: tuple[tuple[int, ...], ...] = ((), (7, 3), (2, 3), (9, 3, 2, 3))
"""Lengths of strokes and gaps in pixels; (): a line without gaps."""


@dataclass(frozen=True)
class Look:
    """The look of one method; `family` is an index into `FAMILIES` and `OTHER`."""

    family: int
    mark: Mark
    dash: tuple[int, ...]

    def colour(self, *, dark: bool = False) -> str:
        """Return the color of its family."""
        ink = (*INKS, OTHER)[self.family]
        return ink.dark if dark else ink.light


def looks_of(methods: list[str]) -> dict[str, Look]:
    """Return the look of each method, which is the same in every report for methods of a family."""
    members = {family: [name for name, method in RECIPES.items() if method.family == family] for family in FAMILIES}
    looks, others = {}, 0
    places = {name: (family, member) for family, of in enumerate(FAMILIES) for member, name in enumerate(members[of])}
    for name in methods:
        if name not in places:
            places[name] = (len(FAMILIES), others)
            others += 1
        family, member = places[name]
        looks[name] = Look(family, MARKS[member % len(MARKS)], DASHES[member % len(DASHES)])
    return looks
