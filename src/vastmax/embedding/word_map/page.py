"""A map as a page for a browser: one HTML file with words, style and script, and no external requests."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.word_map.layout import Layout
from vastmax.embedding.word_map.near import ABSENT, nearest_words
from vastmax.html_page import page_of, source
from vastmax.progress import Progress

if TYPE_CHECKING:
    from vastmax.embedding.word_vectors import WordVectors

PACKAGE = "vastmax.embedding.word_map"
NEIGHBOURS = 10
PROGRAM = ("data.js", "camera.js", "labels.js", "drawing.js", "gestures.js", "search.js", "details.js", "main.js")
"""Parts of the program in the order in which they stand in the page; each uses those before it."""


def page(vectors: WordVectors, layout: Layout, title: str, *, skip: int, progress: Progress) -> str:
    """Return the complete page; `skip` words are more frequent than the first one on the map."""
    return page_of(
        PACKAGE,
        "page.html",
        style=source(PACKAGE, "page.css"),
        program=source(PACKAGE, *PROGRAM),
        data=_data(vectors, layout, skip, progress),
        title=title,
        meaning=f"{layout.meaning_of_places} {layout.meaning_of_shades}",
    )


def _data(vectors: WordVectors, layout: Layout, skip: int, progress: Progress) -> dict[str, Any]:
    near = nearest_words(vectors, min(NEIGHBOURS, len(vectors) - 1), progress)
    places = _fitted(layout.places)
    return {
        "words": vectors.index_to_key,
        "counts": None if vectors.counts is None else vectors.counts.tolist(),
        "skipped": skip,
        "x": _base64(places[:, 0], "<f4"),
        "y": _base64(places[:, 1], "<f4"),
        "shades": _base64(np.round(255 * layout.shades), "u1"),
        "neighboursEach": near.word_ids.shape[1],
        "neighbours": _base64(np.where(near.word_ids == ABSENT, 2**32 - 1, near.word_ids), "<u4"),
        "percentCosines": _base64(np.round(100 * near.cosines), "i1"),
    }


def _fitted(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions centered and scaled, equally in both directions, to the square from −1 to 1; y points up."""
    low, high = places.min(axis=0), places.max(axis=0)
    reach = float((high - low).max()) / 2
    fitted: NDArray[np.float64] = (places - (low + high) / 2) / (reach if reach > 0 else 1.0)
    return fitted


def _base64(numbers: NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers, dtype=kind).tobytes()).decode("ascii")
