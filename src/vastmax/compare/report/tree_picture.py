"""The top of a tree of words as SVG: the root at the left, lines as thick as their share of the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vastmax.compare.report.wording import percent
from vastmax.html_page import Markup, joined, markup

MAX_ROWS = 36
MAX_CHILDREN = 10
"""Most children of a node that are drawn; the others share a row."""
WORDS_NAMED = 4
LONGEST_WORD = 24  # letters

# Pixels; text is 13 px high, a letter of it about 7.2 wide.
ROW, COLUMN, MARGIN, LETTER = 23, 60, 18, 7.2
THICKEST, THINNEST = 15.0, 1.0


@dataclass
class _Node:
    depth: int
    share: float
    text: str = ""  # of what is not unfolded further
    faint: str = ""
    children: list[_Node] = field(default_factory=list)
    y: float = 0.0


def tree_picture(tree: Mapping[str, Any], title: str) -> Markup:
    """Return an `<svg>` element with classes, without its own colors.

    Args:
        tree: nested {"words", "share", "children"}, "size" too if it is known; see `Race.tree`.
        title: what it is called for those who listen to the page.
    """
    root = _unfold(tree)
    rows = _place(root, [0])
    lines: list[Markup] = []
    texts: list[Markup] = []
    width = _draw(root, lines, texts)
    return markup(
        '<svg class="tree" role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        "<title>{title}</title>{lines}{texts}</svg>",
        width=f"{width:.0f}",
        height=rows * ROW + MARGIN,
        title=title,
        lines=joined(lines),
        texts=joined(texts),
    )


def _unfold(tree: Mapping[str, Any]) -> _Node:
    """Unfold the heaviest folded node while there are rows for its children."""
    root = _Node(0, _share(tree))
    folded: list[tuple[_Node, Mapping[str, Any]]] = [(root, tree)]
    rows = 1
    while folded:
        node, data = max(folded, key=lambda pair: pair[0].share)
        folded = [pair for pair in folded if pair[0] is not node]
        children = sorted(data.get("children") or (), key=_share, reverse=True)
        shown = children if len(children) <= MAX_CHILDREN else children[: MAX_CHILDREN - 1]
        more = rows - 1 + len(shown) + (len(shown) < len(children))
        if not children or more > MAX_ROWS:
            words = f", {data['size']:,} words" if (data.get("size") or 1) > 1 else ""
            node.text, node.faint = _words(data), percent(node.share) + words
            continue
        for child in shown:
            node.children.append(_Node(node.depth + 1, _share(child)))
            folded.append((node.children[-1], child))
        if len(shown) < len(children):
            rest = sum(map(_share, children[len(shown) :]))
            others = f"and {len(children) - len(shown):,} more"
            node.children.append(_Node(node.depth + 1, rest, faint=f"{others}, {percent(rest)}"))
        rows = more
    return root


def _share(data: Mapping[str, Any]) -> float:
    return float(data.get("share") or 0.0)


def _words(data: Mapping[str, Any]) -> str:
    words: Sequence[str] = data.get("words") or ()
    named = [word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…" for word in words[:WORDS_NAMED]]
    return "  ".join(named) + (" …" if len(words) > WORDS_NAMED else "")


def _place(node: _Node, rows: list[int]) -> int:
    """Assign a row to each leaf and the middle of its children to each node; return the number of rows."""
    for child in node.children:
        _place(child, rows)
    if node.children:
        node.y = (node.children[0].y + node.children[-1].y) / 2
    else:
        node.y = MARGIN + ROW * rows[0]
        rows[0] += 1
    return rows[0]


def _draw(node: _Node, lines: list[Markup], texts: list[Markup]) -> float:
    """Add the node's lines and text; return how far right they reach."""
    x = MARGIN + COLUMN * node.depth
    right: float = x
    for child in node.children:
        to = MARGIN + COLUMN * child.depth
        thick = THINNEST + (THICKEST - THINNEST) * child.share**0.5
        middle = (x + to) / 2
        curve = f"M{x} {node.y:.1f}C{middle} {node.y:.1f} {middle} {child.y:.1f} {to} {child.y:.1f}"
        lines.append(markup('<path d="{curve}" stroke-width="{thick}"/>', curve=curve, thick=f"{thick:.1f}"))
        right = max(right, _draw(child, lines, texts))
    if node.children:
        texts.append(markup('<circle cx="{x}" cy="{y}" r="3.5"/>', x=x, y=f"{node.y:.1f}"))
        return right
    # Control signs, and signs that change the direction of what follows, stay within their word.
    shown = "".join(letter if letter.isprintable() or letter == " " else "·" for letter in node.text)
    texts.append(
        markup(
            '<text x="{x}" y="{y}">{shown}<tspan class="faint" dx="{gap}">{faint}</tspan></text>',
            x=x + 9,
            y=f"{node.y + 4.5:.1f}",
            shown=shown,
            gap=8 if shown else 0,
            faint=node.faint,
        )
    )
    return x + 30 + LETTER * (len(shown) + len(node.faint))
