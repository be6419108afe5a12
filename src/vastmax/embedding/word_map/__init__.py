"""A flat map of the frequent words, with similar words near each other: an interactive page or an image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vastmax import extras
from vastmax.arguments import whole
from vastmax.atomic import replacing
from vastmax.embedding.word_map.layout import Method, check_layout_method, lay_out
from vastmax.errors import InputError
from vastmax.progress import Progress, Silent

if TYPE_CHECKING:
    from vastmax.embedding.word_vectors import WordVectors

__all__ = ["Method", "check_layout_method", "draw_map", "map_suffix"]

SUFFIXES = (".html", ".png")
NUM_WORDS = 5_000
"""Words on a map: a page shows as many without a moment's wait; t-SNE lays them out in a minute."""

_MOST_SEED = 2**32 - 1
"""The largest seed that scikit-learn takes."""


def draw_map(
    vectors: WordVectors,
    path: str | os.PathLike[str],
    *,
    num_words: int = NUM_WORDS,
    skip: int = 0,
    method: Method = "pca",
    seed: int = 1,
    title: str | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Draw the frequent words on a plane, as a page for a browser or as an image, and write the file.

    Every word is a dot. Names are written from the most frequent word down, if there is room, so that none covers
    another; on a page, more names appear as you zoom in. The page is one file that needs no network: it can
    be searched, and shows each word's count and its nearest words among those on the map (by cosine of the vectors, not
    by distance on the plane). Color shows a third component: words that are near each other on the plane but differ
    in color are not really neighbors.

    Args:
        vectors: the vectors, with words in count order, most frequent first.
        path: the file to write, `.html` or `.png`; it is written under a temporary name and renamed.
        num_words: the maximum number of words shown, 1 or more.
        skip: omit this many of the most frequent words, which are mostly words such as "the" and "of".
        method: "pca", the plane along which the vectors differ most; or "tsne" (van der Maaten & Hinton 2008), which
            preserves neighborhoods but not distances, and needs scikit-learn.
        seed: for "tsne".
        title: the heading; None: a description of the words.
        progress: reports the long parts of the work.

    Returns:
        The words that are on the map, in their order.

    Raises:
        InputError: nothing to show, another suffix or method, a vector that is not finite, scikit-learn or (for
            .png) matplotlib missing.

    Cost: a page compares each word with each other, 2·n²·D operations; "pca" needs O(n·D·min(n, D)), "tsne" about a
    thousand times O(n·log n).
    """
    writer = _checked_writer(vectors, path, num_words, skip, seed, method)
    progress = Silent() if progress is None else progress
    shown = _frequent(vectors, num_words, skip)
    layout = lay_out(shown, method, seed=seed, progress=progress)
    if title is None:
        title = f"Words {skip + 1:,} to {skip + len(shown):,} of {len(vectors):,}, by frequency"
    with replacing(path) as beside:
        if writer == ".png":
            from vastmax.embedding.word_map.picture import save_picture

            save_picture(beside, shown.index_to_key, layout, title)
        else:
            from vastmax.embedding.word_map.page import page

            beside.write_text(page(shown, layout, title, skip=skip, progress=progress), encoding="utf-8", newline="\n")
    return shown.index_to_key


def map_suffix(path: str | os.PathLike[str]) -> str:
    """Return the extension of a map, `.html` or `.png`; raise InputError for others, or for .png without matplotlib."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"cannot draw a map to {os.fspath(path)}: its name must end in {' or '.join(SUFFIXES)}, "
            f"not in {repr(suffix) if suffix else 'nothing'}"
        )
    if suffix == ".png":
        extras.require("a map as a picture (.html does without)", "matplotlib")
    return suffix


def _checked_writer(
    vectors: WordVectors, path: str | os.PathLike[str], num_words: int, skip: int, seed: int, method: str
) -> str:
    suffix = map_suffix(path)
    check_layout_method(method)
    whole("seed", seed, 0, _MOST_SEED)
    whole("num_words", num_words, 1, None)
    whole("skip", skip, 0, len(vectors) - 1, why=f"there are {len(vectors):,} words")
    return suffix


def _frequent(vectors: WordVectors, num_words: int, skip: int) -> WordVectors:
    """Return the words on the map, after checking that their vectors are finite."""
    from vastmax.embedding.word_vectors import WordVectors

    def part(first: int) -> WordVectors:
        kept = slice(first, skip + num_words)
        counts = None if vectors.counts is None else vectors.counts[kept]
        return WordVectors(vectors.index_to_key[kept], vectors.vectors[kept], counts=counts)

    whole = part(0)  # the skipped words too, so that a complaint names the row in the file
    whole.source = vectors.source
    _ = whole.norms
    return part(skip)
