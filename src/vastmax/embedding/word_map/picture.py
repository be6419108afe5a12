"""A map as a PNG, with as many names as fit."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.word_map.layout import Layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 12.0, 9.0, 150
SMALLEST_TEXT, LARGEST_TEXT = 7.5, 15.0  # points: the rarest and the most frequent word shown
STEEPNESS = 40  # text shrinks with the logarithm of the rank, as counts do, from about this rank on
SIZES = 16  # how many sizes of text there are: each new one makes matplotlib read its font again
COLOUR_MAP = "plasma"
DARKEST_SHARE, LIGHTEST_SHARE = 0.0, 0.78  # of the colour map: its yellow end cannot be read on white

LONGEST_NAME = 32  # letters; longer words are cut off with an ellipsis
_GAP = 2.6  # points between a dot and its name
_ROOM = 1.5  # dots of the picture kept free around a name
PLACES = (
    (_GAP, 0.0, "left", "center"),
    (-_GAP, 0.0, "right", "center"),
    (0.0, _GAP, "center", "bottom"),
    (0.0, -_GAP, "center", "top"),
)
"""Places of a name beside its dot, in order of preference: offset in points, alignment."""


def save_picture(path: str | os.PathLike[str], words: Sequence[str], layout: Layout, title: str) -> list[str]:
    """Write the PNG, and return the words whose names are on it."""
    with warnings.catch_warnings():
        # A letter that the font lacks becomes a box. matplotlib would say so once a letter and a place.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support", category=UserWarning)
        figure, names = draw(words, layout, title)
        figure.savefig(path, format="png")
    return names


def draw(words: Sequence[str], layout: Layout, title: str) -> tuple[Figure, list[str]]:
    """Return the figure, and the words whose names are on it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH)
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.89))
    x, y = layout.places.T
    colours = _colours(layout.shades)
    axes.scatter(x, y, s=6, c=colours, alpha=0.55, linewidths=0)
    axes.set_axis_off()
    axes.margins(0.04)
    figure.text(0.03, 0.957, title, size=16, weight="bold", parse_math=False)
    legend = f"{layout.meaning_of_places} {layout.meaning_of_shades} A name is left out where it would cover another."
    figure.text(0.03, 0.93, legend, size=9, color="0.35")
    return figure, _write_names(axes, renderer, words, layout.places, colours)


def _colours(shades: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return RGBA colors, (n, 4)."""
    from matplotlib import colormaps

    return np.asarray(colormaps[COLOUR_MAP](DARKEST_SHARE + (LIGHTEST_SHARE - DARKEST_SHARE) * shades))


def _write_names(
    axes: Axes,
    renderer: RendererAgg,
    words: Sequence[str],
    places: NDArray[np.float64],
    colours: NDArray[np.float64],
) -> list[str]:
    """Write names in order of frequency, each at the first free of four positions next to its dot."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white", alpha=0.8)]
    axes.autoscale_view()
    page = np.array(axes.bbox.extents)
    dots = axes.transData.transform(places)
    fonts = [FontProperties(size=size) for size in np.geomspace(LARGEST_TEXT, SMALLEST_TEXT, SIZES)]
    # A line of text is as high as these letters at least, whatever it says.
    lines = [_measure(renderer, "lp", font) for font in fonts]
    taken = np.empty((len(words), 4))  # left, bottom, right, top in dots of the picture
    written: list[str] = []
    for i, word in enumerate(words):
        name = "".join(c if c.isprintable() else " " for c in word)
        name = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
        size = int(SIZES * math.log1p(i / STEEPNESS) / math.log1p(len(words) / STEEPNESS))
        if not name.strip():
            continue
        width, *own = _measure(renderer, name, fonts[size])
        height, below = (max(one, other) for one, other in zip(own, lines[size][1:], strict=True))
        for right, up, horizontal, vertical in PLACES:
            box = _box(dots[i], width, height, right, up, horizontal, vertical)
            others = taken[: len(written)]
            free = (
                (others[:, 0] >= box[2])
                | (others[:, 2] <= box[0])
                | (others[:, 1] >= box[3])
                | (others[:, 3] <= box[1])
            ).all()
            if free and (box[:2] >= page[:2]).all() and (box[2:] <= page[2:]).all():
                axes.annotate(
                    name,
                    (box[0] + _ROOM, box[1] + _ROOM + below),
                    xycoords="figure pixels",
                    fontproperties=fonts[size],
                    color=colours[i],
                    parse_math=False,  # "$" is a letter like any other
                    path_effects=halo,
                )
                taken[len(written)] = box
                written.append(word)
                break
    return written


def _measure(renderer: RendererAgg, name: str, font: FontProperties) -> tuple[float, float, float]:
    """Return width, height and descent in pixels."""
    size: tuple[float, float, float] = renderer.get_text_width_height_descent(  # type: ignore[no-untyped-call]
        name, font, ismath=False
    )
    return size


def _box(
    dot: NDArray[np.float64], width: float, height: float, right: float, up: float, horizontal: str, vertical: str
) -> NDArray[np.float64]:
    """Return left, bottom, right, top of a name next to its dot, and of the space around it, in pixels."""
    per_point = DOTS_PER_INCH / 72
    left = dot[0] + right * per_point - {"left": 0.0, "center": 0.5, "right": 1.0}[horizontal] * width
    bottom = dot[1] + up * per_point - {"bottom": 0.0, "center": 0.5, "top": 1.0}[vertical] * height
    return np.array([left - _ROOM, bottom - _ROOM, left + width + _ROOM, bottom + height + _ROOM])
