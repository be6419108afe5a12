"""A picture of a tree, or of the top of a large one, as SVG: the root on the left, one row per leaf."""

from __future__ import annotations

import heapq
import os
import unicodedata
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vastmax.atomic import replacing
from vastmax.errors import InputError
from vastmax.html_page import escaped
from vastmax.tree.structure import Structure

# Pixels; text is 13 px high, and a character of it about 7.3 wide.
_ROW, _MARGIN, _CHARACTER, _MIN_COLUMN, _NODE_RADIUS = 22, 24, 7.3, 58, 3.5
_LONGEST_NAME = 36  # characters of a word or label before it is truncated
_WIDEST_NODE = 12  # children of one node before the rest share a row
_EXAMPLES = 3  # words named for a subtree that is not expanded
_INK, _FAINT, _LINE, _PAPER = "#1f2937", "#6b7280", "#a9bcd9", "#ffffff"


@dataclass
class _Item:
    """A part of the picture: an inner node with its children, or a row of text."""

    depth: int
    share: float  # of all words, or of their mass: determines the line width
    branch: str = ""  # the text on the line
    label: str = ""
    is_word: bool = False
    children: list[_Item] = field(default_factory=list)
    y: float = 0.0


def draw(
    tree: Structure,
    path: str | os.PathLike[str] | None = None,
    *,
    counts: npt.ArrayLike | None = None,
    max_rows: int = 40,
    title: str | None = None,
) -> str:
    """Draw a tree as SVG, expanding the heaviest parts first; a row of text stands for what does not fit.

    Args:
        tree: any tree; words are named if it knows them, otherwise numbered.
        path: a file to write the picture to, in addition.
        counts: (V,) word counts, which determine the line widths and the nodes to expand; if None, the number of leaves
            does.
        max_rows: about how many rows the picture has, at least 2.
        title: a line above it.

    Returns:
        The SVG text.

    Raises:
        InputError: max_rows < 2, or counts do not fit the tree.
    """
    if max_rows < 2:
        raise InputError(f"max_rows is {max_rows}; a picture needs at least 2 rows")
    leaf_mass = np.ones(tree.num_leaves) if counts is None else tree.leaf_weights(counts)
    root = _unfold(tree, leaf_mass / leaf_mass.sum(), max_rows)
    rows = _place(root)
    svg = _svg(root, rows, title)
    if path is not None:
        with replacing(path) as beside:
            beside.write_text(svg, encoding="utf-8")
    return svg


def _unfold(tree: Structure, leaf_share: npt.NDArray[np.float64], max_rows: int) -> _Item:
    """Choose what to show: expand the heaviest node as long as there are rows for its children."""
    if not tree.num_nodes:
        return _Item(0, 1.0, label=_word_name(tree, 0), is_word=True)
    share, size = tree.edge_sums(leaf_share), tree.edge_sums(np.ones(tree.num_leaves))
    root = _Item(0, 1.0, label=tree.labels[0] if tree.labels else "")
    folded = [(-1.0, 0, root)]
    rows = 1
    while folded:
        _, node, item = heapq.heappop(folded)
        first, stop = int(tree.child_offsets[node]), int(tree.child_offsets[node + 1])
        shown = min(stop - first, _WIDEST_NODE, max(2, max_rows - rows + 1))
        if node and rows - 1 + shown > max_rows:
            edge = int(tree.node_edges[node])
            item.label = _folded_name(tree, edge, share, int(size[edge]))
            continue
        for branch, edge in enumerate(range(first, first + shown)):
            child = int(tree.children[edge])
            part = _Item(item.depth + 1, float(share[edge]), branch=str(branch) if tree.is_binary else "")
            item.children.append(part)
            if child < 0:
                part.label, part.is_word = _word_name(tree, int(tree.leaf_words[~child])), True
            else:
                part.label = _cut(tree.labels[child]) if tree.labels else ""
                heapq.heappush(folded, (-part.share, child, part))
        hidden = slice(first + shown, stop)
        if hidden.start < stop:
            more, num_words = stop - hidden.start, int(size[hidden].sum())
            rest = f"{more:,} more words" if num_words == more else f"{more:,} more children with {num_words:,} words"
            item.children.append(_Item(item.depth + 1, float(share[hidden].sum()), label=f"… and {rest}"))
        rows += len(item.children) - 1
    return root


def _word_name(tree: Structure, word_id: int) -> str:
    return _cut(tree.words[word_id]) if tree.words is not None else f"word {word_id}"


def _folded_name(tree: Structure, edge: int, share: npt.NDArray[np.float64], num_leaves: int) -> str:
    """Return a name such as "topic: 312 words: the, of, and …", with the heaviest leaves as examples."""
    examples = heaviest_words(tree, edge, share, _EXAMPLES)
    label = _cut(tree.labels[int(tree.children[edge])]) if tree.labels else ""
    more = " …" if num_leaves > len(examples) else ""
    unit = "words" if tree.one_leaf_a_word else "leaves"
    return f"{label + ': ' if label else ''}{num_leaves:,} {unit}: {', '.join(examples)}{more}"


def heaviest_words(tree: Structure, edge: int, share: npt.NDArray[np.float64], number: int) -> list[str]:
    """Return the names of the heaviest words below an edge, given the weight `share` (E,) of each edge."""
    examples: list[str] = []
    open_edges = [(-float(share[edge]), edge)]
    while open_edges and len(examples) < number:
        _, edge_now = heapq.heappop(open_edges)
        child = int(tree.children[edge_now])
        if child < 0:
            name = _word_name(tree, int(tree.leaf_words[~child]))
            if name not in examples:  # a word may have several leaves here
                examples.append(name)
            continue
        for below in range(int(tree.child_offsets[child]), int(tree.child_offsets[child + 1])):
            heapq.heappush(open_edges, (-float(share[below]), below))
    return examples


def _cut(name: str) -> str:
    printable = "".join(c if c.isprintable() else "�" for c in name)
    return printable if len(printable) <= _LONGEST_NAME else printable[: _LONGEST_NAME - 1] + "…"


def _place(root: _Item) -> int:
    """Set the height of every item, parents in the middle of their children; return the number of rows."""
    rows = 0
    stack = [(root, False)]
    while stack:
        item, children_placed = stack.pop()
        if not item.children:
            item.y = rows * _ROW
            rows += 1
        elif children_placed:
            item.y = (item.children[0].y + item.children[-1].y) / 2
        else:
            stack.append((item, True))
            stack.extend((child, False) for child in reversed(item.children))
    return rows


def _width(text: str) -> float:
    return _CHARACTER * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _svg(root: _Item, rows: int, title: str | None) -> str:
    items = [root]
    for item in items:
        items.extend(item.children)
    # One column per depth, as wide as the longest label of an inner node in it.
    columns = [0.0] * (max(item.depth for item in items) + 1)
    for item in items:
        if item.children:
            columns[item.depth] = max(columns[item.depth], _MIN_COLUMN, _width(item.label) + 44)
    x = [_MARGIN + sum(columns[:depth]) for depth in range(len(columns))]
    top = _MARGIN + (2 * _ROW if title else 0) + 8
    text_end = max(x[item.depth] + _width(item.label) + 16 for item in items if not item.children)
    width = max(text_end, _MARGIN + _width(title or "") * 1.25) + _MARGIN
    height = top + (rows - 1) * _ROW + _MARGIN + 8
    lines: list[str] = []
    marks: list[str] = []
    for item in items:
        x0, y0 = x[item.depth], top + item.y
        for child in item.children:
            x1, y1 = x[child.depth], top + child.y
            fork = x0 + (_width(item.label) + 4 if item.label else 0)  # lines diverge at the end of the label
            bend = (x1 - fork) * 0.55
            lines.append(
                f'<path d="M{x0:.1f} {y0:.1f}H{fork:.1f}'
                f'C{fork + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}" '
                f'stroke-width="{1 + 7 * child.share**0.5:.2f}"/>'
            )
            if child.branch:
                marks.append(_text(x1 - 13, y1 - 5, child.branch, _FAINT, 10))
        if item.children:
            marks.append(f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="{_NODE_RADIUS}" fill="{_INK}"/>')
            if item.label:
                marks.append(_text(x0 + 6, y0 - 7, item.label, _INK, 13, bold=True))
        else:
            marks.append(_text(x0 + 7, y0 + 4.5, item.label, _INK if item.is_word else _FAINT, 13))
    heading = [_text(_MARGIN, _MARGIN + 14, title, _INK, 16, bold=True)] if title else []
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif">',
            f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
            *heading,
            f'<g fill="none" stroke="{_LINE}">',
            *lines,
            "</g>",
            *marks,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str, color: str, size: int, *, bold: bool = False) -> str:
    # A rim in the background color keeps words readable in front of lines.
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{weight} fill="{color}" stroke="{_PAPER}" '
        f'stroke-width="3" paint-order="stroke">{escaped(text)}</text>'
    )
