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
    Family("all words", "#1f1b2e", "#f4f1fa", ("softmax",)),
    Family("paths in a tree", "#0060b0", "#5cb3ff", ("hierarchical-softmax", "two-level")),
    Family("narrow vectors for rare words", "#00785a", "#2fd0a0", ("adaptive", "differentiated")),
    Family(
        "a sum over samples",
        "#c04400",
        "#ff9a57",
        ("sampled-softmax", "target-sampling", "importance-sampling", "adaptive-importance-sampling"),
    ),
    Family("words told from noise", "#a8327c", "#f08fcb", ("nce", "negative-sampling")),
    Family("log Z held near 0", "#7a6400", "#e5cf5a", ("self-normalised", "infrequent-normalisation")),
    Family("words from their letters", "#6b6678", "#a29cb3", ("cnn-softmax", "char-lstm")),
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
