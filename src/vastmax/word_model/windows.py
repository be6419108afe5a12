"""The windows of a piece of text, and the batches of predictions they give, without a loop over words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vastmax.encoder.cbow import PADDING

PREDICTIONS_AT_ONCE = 1 << 19
"""Predictions that are made, and shuffled, together: they bound the memory, whatever the window."""

Ids = NDArray[np.int64]


class Batch(NamedTuple):
    """Some predictions: skip-gram's centres (N,) or CBOW's windows (N, M), and the words they predict."""

    word_ids: Ids
    target: Ids  # (N,)


@dataclass(frozen=True)
class Windows:
    """Each position of a piece of text with what lies around it: positions first … stop, except itself."""

    word_ids: Ids  # (n,)
    first: Ids
    stop: Ids

    @classmethod
    def draw(cls, word_ids: Ids, sentence_offsets: Ids, window: int, random: np.random.Generator) -> Windows:
        """Windows of a width drawn for each position uniformly from 1 … `window`; sentences end them.

        Args:
            word_ids: (n,) of whole sentences.
            sentence_offsets: (sentences + 1,) from 0 to n.
            window: the largest distance.
            random: where the widths come from.
        """
        lengths = np.diff(sentence_offsets)
        position = np.arange(word_ids.size)
        width = random.integers(1, window, word_ids.size, endpoint=True)
        return cls(
            word_ids=word_ids,
            first=np.maximum(position - width, np.repeat(sentence_offsets[:-1], lengths)),
            stop=np.minimum(position + width + 1, np.repeat(sentence_offsets[1:], lengths)),
        )

    @property
    def num_contexts(self) -> Ids:
        """(n,) words in the window of each position, itself not counted."""
        return self.stop - self.first - 1

    def contexts(self, positions: Ids) -> tuple[Ids, Ids]:
        """All (place in `positions`, word of its window), one after the other."""
        num = self.num_contexts[positions]
        place = np.repeat(np.arange(positions.size), num)
        ends = np.cumsum(num)
        context = np.arange(place.size) - np.repeat(ends - num, num) + self.first[positions][place]
        context += context >= positions[place]  # the centre is passed over
        return place, self.word_ids[context]


def subsampled(
    word_ids: Ids, sentence_offsets: Ids, keep: NDArray[np.floating[Any]], random: np.random.Generator
) -> tuple[Ids, Ids]:
    """The words of sentences that are left when each is kept with the probability `keep` of its kind, and the offsets.

    Args:
        word_ids: (n,), −1 for words without a vector, which are never kept.
        sentence_offsets: (sentences + 1,) from 0 to n.
        keep: (V,).
        random: where chance comes from.
    """
    kept = (random.random(word_ids.size) < keep[word_ids]) & (word_ids >= 0)
    return word_ids[kept], np.concatenate([[0], np.cumsum(kept)])[sentence_offsets]


def num_predictions(windows: Windows, model: str) -> int:
    """How many `batches` gives: pairs in skip-gram, positions with a window in CBOW."""
    num = windows.num_contexts
    return int(num.sum() if model == "skipgram" else np.count_nonzero(num))


def batches(windows: Windows, model: str, batch_size: int, random: np.random.Generator) -> Iterator[Batch]:
    """Every prediction of the windows once, in random order, in batches of nearly equal size.

    Args:
        windows: of a piece of text.
        model: "skipgram": a word predicts each of its window; "cbow": those of its window predict it together.
        batch_size: the most predictions in a batch.
        random: where the order comes from.
    """
    positions = np.flatnonzero(windows.num_contexts)
    if model == "cbow":
        random.shuffle(positions)
        for part in _parts(positions.size, batch_size):
            yield _window_batch(windows, positions[part])
        return
    ends = np.cumsum(windows.num_contexts[positions])
    for centres in _parts(positions.size, PREDICTIONS_AT_ONCE, ends):
        place, context = windows.contexts(positions[centres])
        centre = windows.word_ids[positions[centres]][place]
        order = random.permutation(centre.size)
        centre, context = centre[order], context[order]
        for part in _parts(centre.size, batch_size):
            yield Batch(centre[part], context[part])


def _window_batch(windows: Windows, positions: Ids) -> Batch:
    num = windows.num_contexts[positions]
    _, context = windows.contexts(positions)
    word_ids = np.full((positions.size, int(num.max())), PADDING)
    word_ids[np.arange(word_ids.shape[1]) < num[:, None]] = context  # row by row, as `contexts` has them
    return Batch(word_ids, windows.word_ids[positions])


def _parts(size: int, most: int, ends: Ids | None = None) -> Iterator[slice]:
    """Cut `size` things into the fewest parts of nearly equal weight of about `most`; each weighs 1 without `ends`.

    Args:
        size: how many there are.
        most: weight of a part; a thing that is heavier by itself is a part of its own.
        ends: (size,) the weight of each thing and all before it.
    """
    if size == 0:
        return
    total = size if ends is None else int(ends[-1])
    num_parts = -(-total // most)
    cuts = total * np.arange(1, num_parts) // num_parts
    if ends is not None:
        cuts = np.searchsorted(ends, cuts)
    for start, stop in pairwise([0, *cuts.tolist(), size]):
        if stop > start:
            yield slice(start, stop)
