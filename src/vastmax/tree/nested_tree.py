"""A tree from the user's labels: nested dicts and lists, or a JSON file of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vastmax.content.kinds import JSON
from vastmax.content.looking import kind_at, wrong_kind
from vastmax.errors import InputError
from vastmax.strict_json import read_json
from vastmax.tree.tree import Tree

Labels = dict[str, Any] | list[Any]


def nested(labels: Labels | str | os.PathLike[str], words: Sequence[str] | None = None) -> Tree:
    """Return a tree that follows a nesting of labels, such as ``{"sports": ["golf", "tennis"], "music": ["piano"]}``.

    A dict is an inner node whose children are labeled by its keys. A list is an inner node whose children are words
    (strings), lists, or the labeled children of dicts in it. Children keep their order; depths may differ.

    Args:
        labels: the nesting, or the path of a JSON file with it.
        words: the vocabulary in id order, each word of which must occur exactly once; if None, word ids follow the
            nesting level by level.

    Returns:
        A `Tree` that knows its words and the labels of its inner nodes.

    Raises:
        InputError: words are missing, repeated or unknown; a dict or list is empty; something is neither a string, dict
            nor list; the file is not JSON.

    Cost: a Python loop over words and labels.

    Example:
        >>> nested({"sports": {"ball games": ["Football"], "other": ["chess"]}, "music": ["piano"]}).vocab_size
        3
    """
    if not isinstance(labels, dict | list):
        labels = _read(Path(labels))
    node_labels = [""]
    child_counts: list[int] = []
    children: list[int] = []
    leaves: list[str] = []
    level: list[tuple[_Place, Labels]] = [(_Place(None, ""), labels)]
    while level:
        below: list[tuple[_Place, Labels]] = []
        for place, node in level:
            items = _items(node, place)
            child_counts.append(len(items))
            for label, child in items:
                if isinstance(child, str):
                    children.append(~len(leaves))
                    leaves.append(child)
                else:
                    children.append(len(node_labels))
                    node_labels.append(label)
                    below.append((_Place(place, label or "list"), child))
        level = below
    order = _word_ids(leaves, words)
    links = np.array(children, dtype=np.int64)
    links[links < 0] = ~order[~links[links < 0]]
    return Tree.from_links(links, np.array(child_counts), words=words or leaves, labels=node_labels)


class _Place(NamedTuple):
    """A node by the labels above it, formatted only for a message, because many nodes may share a long label."""

    above: _Place | None
    label: str

    def __str__(self) -> str:
        labels: list[str] = []
        at: _Place | None = self
        while at is not None and at.above is not None:
            labels.append(at.label if len(at.label) <= 40 else at.label[:39] + "…")
            at = at.above
        return f"under {' → '.join(reversed(labels))!r}" if labels else "at the top"


def _items(node: Labels, where: _Place) -> list[tuple[str, Any]]:
    """Return the children of a node, with the labels that dicts give them."""
    items: list[tuple[str, Any]] = []
    for part in [node] if isinstance(node, dict) else node:
        if isinstance(part, dict):
            for label, child in part.items():
                if not isinstance(label, str) or not label:
                    raise InputError(f"found the label {label!r:.60} {where} of the nesting; labels must be strings")
                if not isinstance(child, dict | list):
                    raise InputError(
                        f"found {child!r:.60} for {label!r:.60} {where} of the nesting; expected a list or a dict"
                    )
                items.append((label, child))
        elif isinstance(part, str | list):
            items.append(("", part))
        else:
            raise InputError(f"found {part!r:.60} {where} of the nesting; words must be strings")
    if not items:
        raise InputError(f"nothing {where} of the nesting; remove the label or add words")
    return items


def _word_ids(leaves: list[str], words: Sequence[str] | None) -> npt.NDArray[np.int64]:
    """Return the word id of each leaf; every word must occur once."""
    repeated = [word for word, times in Counter(leaves).items() if times > 1]
    if repeated:
        raise InputError(f"{_named(repeated)} more than once in the nesting; place every word once")
    if words is None:
        return np.arange(len(leaves))
    ids = {word: word_id for word_id, word in enumerate(words)}
    if len(ids) != len(words):
        raise InputError(f"{_named([w for w, n in Counter(words).items() if n > 1])} more than once in the vocabulary")
    unknown = [word for word in leaves if word not in ids]
    if unknown:
        raise InputError(f"{_named(unknown)} in the nesting but not in the vocabulary; remove them or add them there")
    missing = set(ids).difference(leaves)
    if missing:
        in_order = sorted(missing, key=ids.__getitem__)
        raise InputError(f"{_named(in_order)} in the vocabulary but not in the nesting; place every word once")
    return np.array([ids[word] for word in leaves], dtype=np.int64)


def _named(words: list[str], shown: int = 5) -> str:
    more = f" and {len(words) - shown} more" if len(words) > shown else ""
    return f"{', '.join(map(repr, words[:shown]))}{more} {'is' if len(words) == 1 else 'are'}"


def _read(path: Path) -> Labels:
    kind = kind_at(path)
    if kind is not None and kind is not JSON:
        raise wrong_kind(path, kind, "JSON of labels and words")
    labels = read_json(path)
    if not isinstance(labels, dict | list):
        raise InputError(f"{path} contains {labels!r}; expected an object or a list of labels and words")
    return labels
