"""How methods look in charts: a colour a family, a stroke and a mark a member, so that colour alone never decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["circle", "square", "triangle", "diamond"]


@dataclass(frozen=True)
class Family:
    """Methods that share an idea.

    Attributes:
        name: of the idea.
        light: colour on white paper; readable as text there.
        dark: colour on dark paper.
        members: names in `RECIPES`, the best known first.
    """

    name: str
    light: str
    dark: str
    members: tuple[str, ...]


FAMILIES: tuple[Family, ...] = (
    # Colours found by a search for those that are farthest apart to every eye; see the test.
    Family("all words", "#1f1b2e", "#f4f1fa", ("softmax",)),
    Family("paths in a tree", "#135e9f", "#6f99fc", ("hierarchical-softmax", "two-level")),
    Family("narrow vectors for rare words", "#02836d", "#45e6a0", ("adaptive", "differentiated")),
    Family(
        "a sum over samples",
        "#ac594d",
        "#d09150",
        ("sampled-softmax", "target-sampling", "importance-sampling", "adaptive-importance-sampling"),
    ),
    Family("words told from noise", "#672a6d", "#e84694", ("nce", "negative-sampling")),
    Family("log Z held near 0", "#7a5900", "#fcd01d", ("self-normalised", "infrequent-normalisation")),
    Family("words from their letters", "#4f5247", "#b6b4b2", ("cnn-softmax", "char-lstm")),
)

OTHER = Family("others", "#4b5a70", "#9fb0c8", ())
"""Where methods go that no family names: recipes of one's own."""

MARKS: tuple[Mark, ...] = ("circle", "square", "triangle", "diamond")
DASHES: tuple[tuple[int, ...], ...] = ((), (7, 3), (2, 3), (9, 3, 2, 3))
"""Lengths of strokes and gaps in pixels; () a line without gaps."""


@dataclass(frozen=True)
class Look:
    """Of one method: `family` counts `FAMILIES`, and `OTHER` after them."""

    family: int
    mark: Mark
    dash: tuple[int, ...]

    def colour(self, *, dark: bool = False) -> str:
        """Of its family."""
        family = (*FAMILIES, OTHER)[self.family]
        return family.dark if dark else family.light


def looks_of(methods: list[str]) -> dict[str, Look]:
    """How each method is drawn; a method of a family looks the same in every report."""
    looks, others = {}, 0
    places = {name: (family, member) for family, of in enumerate(FAMILIES) for member, name in enumerate(of.members)}
    for name in methods:
        if name not in places:
            places[name] = (len(FAMILIES), others)
            others += 1
        family, member = places[name]
        looks[name] = Look(family, MARKS[member % len(MARKS)], DASHES[member % len(DASHES)])
    return looks
