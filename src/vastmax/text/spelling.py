"""Known words that are spelled like an unknown one, for the error message."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import islice

# Words are in count order: whoever mistypes most likely means one of these. So many take about 0.2 s.
_SEARCHED = 300_000
# The cheap measure (letters in common) keeps this many for the exact one.
_SHORT_LIST = 60
# Below this ratio of matching letters a suggestion puzzles more than it helps ("cat" for "car" has 0.67).
_ALIKE = 0.6


def nearest_spellings(word: str, known: Iterable[str], topn: int = 3) -> list[str]:
    """Return the `topn` known words with the most similar spelling, best first; fewer, or none, if few are similar.

    Equals ranking all of `known` by `difflib.SequenceMatcher.ratio()`, but only words of about the same length that
    share many pairs of adjacent letters get there. Case does not count. Ties go to the word that comes first.

    Args:
        word: what was looked for.
        known: words, most frequent first; the first 300,000 are searched.
        topn: the most suggestions to return.

    Example:
        >>> nearest_spellings("quen", ["the", "queen", "quern", "king"])
        ['queen', 'quern']
    """
    wanted = word.lower()
    slack = max(2, len(wanted) // 4)
    pairs = _letter_pairs(wanted)

    def shared(candidate: str) -> float:
        others = _letter_pairs(candidate.lower())
        return 2 * len(pairs & others) / (len(pairs) + len(others))

    near = (known_word for known_word in islice(known, _SEARCHED) if abs(len(known_word) - len(wanted)) <= slack)
    matcher = SequenceMatcher(a="", b=wanted, autojunk=False)
    ranked: list[tuple[float, str]] = []
    for candidate in heapq.nlargest(_SHORT_LIST, near, key=shared):
        matcher.set_seq1(candidate.lower())
        ratio = matcher.ratio()
        if ratio >= _ALIKE:
            ranked.append((ratio, candidate))
    ranked.sort(key=lambda pair: -pair[0])
    return [candidate for _, candidate in ranked[:topn]]


def _letter_pairs(word: str) -> set[str]:
    """Return pairs of adjacent letters, with spaces marking both ends, so a word of one letter has two pairs."""
    framed = f" {word} "
    return {framed[at : at + 2] for at in range(len(framed) - 1)}
