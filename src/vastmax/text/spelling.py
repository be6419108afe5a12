"""Which known words an unknown one may have been meant as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_LETTERS = "abcdefghijklmnopqrstuvwxyz'-"
_SHORT_FOR_TWO_EDITS = 4  # two edits turn a word of four letters into nearly any other


def nearest_spellings(word: str, ids: Mapping[str, int], *, limit: int = 3) -> list[str]:
    """Up to `limit` words of `ids` close to `word`, best first: other case, then one edit away, then two.

    An edit inserts, drops or changes a letter, or swaps two neighbours; among words equally far the lower id, which is
    the more frequent word, comes first. Cost: one look-up for each possible edit, whatever the size of the vocabulary;
    two edits are tried only when nothing is nearer.
    """
    found: list[str] = []

    def add(candidates: Iterator[str] | set[str]) -> None:
        known = {candidate for candidate in candidates if candidate in ids and candidate != word}
        found.extend(sorted(known.difference(found), key=ids.__getitem__))

    add({word.lower(), word.upper(), word.capitalize(), word.title(), word.strip(), word.strip(".,;:!?\"'()")})
    letters = "".join(sorted(set(_LETTERS) | set(word.lower()))) if word.isascii() else "".join(sorted(set(word)))
    if not found:
        add(_edits(word, letters))
        if word != word.lower():
            add(_edits(word.lower(), letters))
    if not found and _SHORT_FOR_TWO_EDITS < len(word) <= 20:
        add(twice for once in set(_edits(word, letters)) for twice in _edits(once, letters))
    return found[:limit]


def _edits(word: str, letters: str) -> Iterator[str]:
    for i in range(len(word) + 1):
        head, tail = word[:i], word[i:]
        if tail:
            yield head + tail[1:]
            for letter in letters:
                yield head + letter + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in letters:
            yield head + letter + tail
