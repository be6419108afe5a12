"""A flat map of the frequent words, as a PNG: words used alike lie near each other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vastmax.atomic import replacing
from vastmax.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure

    from vastmax.embedding.word_vectors import WordVectors

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 12.0, 9.0, 150
SMALLEST_TEXT, LARGEST_TEXT = 7.5, 15.0  # points: the rarest and the most frequent word shown
COLOUR_MAP = "plasma"
DARKEST_SHARE, LIGHTEST_SHARE = 0.0, 0.78  # of the colour map: its yellow end cannot be read on white


LONGEST_NAME = 32  # letters; longer words are cut off with an ellipsis
_GAP = 2.6  # points between a dot and its name
PLACES = (
    (_GAP, 0.0, "left", "center"),
    (-_GAP, 0.0, "right", "center"),
    (0.0, _GAP, "center", "bottom"),
    (0.0, -_GAP, "center", "top"),
)
"""Where a name may stand beside its dot, in order of preference: offset in points, alignment."""


@dataclass(frozen=True)
class Projection:
    """Words laid out by principal components."""

    coordinates: NDArray[np.float64]
    """(n, num_components), in units of the first component's standard deviation."""
    explained: NDArray[np.float64]
    """(num_components,) the share of the variance that each component holds."""


def principal_components(vectors: NDArray[np.float32], num_components: int) -> Projection:
    """Project unit-length rows on their main directions.

    Equals centring `vectors / |vectors|` and taking `U·S` of its singular value decomposition. The sign of a component
    is arbitrary; here its largest coordinate is positive, so that the same vectors always give the same picture.

    Args:
        vectors: (n, D), n ≥ 1; rows of zeros stay at zero.
        num_components: at most min(n, D) of them can differ from zero; further ones are zero.

    Cost: O(n·D·min(n, D)) time and three (n, D) float64 arrays.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(norms > 0, norms, 1.0)
    rows -= rows.mean(axis=0)
    left, singular, _ = np.linalg.svd(rows, full_matrices=False)
    coordinates = np.zeros((len(rows), num_components))
    kept = min(num_components, len(singular))
    coordinates[:, :kept] = left[:, :kept] * singular[:kept]
    farthest = np.abs(coordinates).argmax(axis=0)
    signs = np.sign(coordinates[farthest, np.arange(num_components)])
    coordinates *= np.where(signs == 0, 1.0, signs)
    variance = singular**2
    explained = np.zeros(num_components)
    if variance.sum() > 0:
        explained[:kept] = variance[:kept] / variance.sum()
        coordinates /= coordinates[:, 0].std()
    return Projection(coordinates, explained)


def draw_map(vectors: WordVectors, path: str | os.PathLike[str], *, num_words: int = 500, skip: int = 0) -> list[str]:
    """Draw the frequent words on their first two principal components and write a PNG.

    Every word is a dot. A word's name is written where it covers no name written before, the most frequent first, so
    names never overlap and some dots have none. Colour is the third component: neighbours on paper that differ in
    colour are not neighbours in truth.

    Args:
        vectors: their words in the order of their counts, most frequent first.
        path: the PNG to write; it is written beside its place and renamed.
        num_words: how many words are shown, 1 or more.
        skip: leave out so many of the most frequent words, which are mostly "the", "of" and their like.

    Returns:
        The words whose names are on the map.

    Raises:
        InputError: nothing to show.
    """
    if num_words < 1 or not 0 <= skip < len(vectors):
        raise InputError(
            f"num_words is {num_words} and skip is {skip}; with {len(vectors):,} words, num_words must be 1 or more "
            f"and skip from 0 to {len(vectors) - 1:,}"
        )
    words = vectors.index_to_key[skip : skip + num_words]
    projection = principal_components(np.asarray(vectors.vectors[skip : skip + num_words]), 3)
    title = f"Words {skip + 1:,} to {skip + len(words):,} of {len(vectors):,}, by frequency"
    figure, names = _draw(words, projection, title)
    with replacing(os.fspath(path)) as beside:
        figure.savefig(beside, format="png")
    return names


def _draw(words: Sequence[str], projection: Projection, title: str) -> tuple[Figure, list[str]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH)
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.89))
    x, y, depth = projection.coordinates.T
    colours = _colours(depth)
    axes.scatter(x, y, s=6, c=colours, alpha=0.55, linewidths=0)
    axes.set_axis_off()
    axes.margins(0.04)
    shares = projection.explained
    figure.text(0.03, 0.957, title, size=16, weight="bold", parse_math=False)
    figure.text(
        0.03,
        0.93,
        "A dot is a word; a name is left out where it would cover another. Across and up: principal components 1 and 2 "
        f"({shares[0]:.1%} and {shares[1]:.1%} of the variance). Colour: component 3 ({shares[2]:.1%}).",
        size=9,
        color="0.35",
    )
    return figure, _write_names(axes, renderer, words, x, y, colours)


def _colours(depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGBA by rank rather than by value, so that one far word does not leave all others the same colour."""
    from matplotlib import colormaps

    ranks = depth.argsort().argsort() / max(1, len(depth) - 1)
    return np.asarray(colormaps[COLOUR_MAP](DARKEST_SHARE + (LIGHTEST_SHARE - DARKEST_SHARE) * ranks))


def _write_names(
    axes: Axes,
    renderer: RendererBase,
    words: Sequence[str],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    colours: NDArray[np.float64],
) -> list[str]:
    """Write names in order of frequency at the first of four places beside their dot that is free."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white", alpha=0.8)]
    axes.autoscale_view()
    page = axes.bbox
    taken = np.empty((len(words), 4))  # left, bottom, right, top in dots of the picture
    written: list[str] = []
    sizes = np.geomspace(LARGEST_TEXT, SMALLEST_TEXT, len(words))
    for i, word in enumerate(words):
        for right, up, horizontal, vertical in PLACES:
            name = axes.annotate(
                word if len(word) <= LONGEST_NAME else word[: LONGEST_NAME - 1] + "…",
                (x[i], y[i]),
                xytext=(right, up),
                textcoords="offset points",
                size=sizes[i],
                color=colours[i],
                ha=horizontal,
                va=vertical,
                parse_math=False,  # "$" is a letter like any other
                path_effects=halo,
            )
            box = name.get_window_extent(renderer).padded(1.5)
            others = taken[: len(written)]
            free = (
                (others[:, 0] >= box.x1)
                | (others[:, 2] <= box.x0)
                | (others[:, 1] >= box.y1)
                | (others[:, 3] <= box.y0)
            ).all()
            on_page = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
            if free and on_page:
                taken[len(written)] = box.extents
                written.append(word)
                break
            name.remove()
    return written
