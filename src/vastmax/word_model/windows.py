"""The windows of a piece of text and batches of their predictions, without a loop over words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vastmax.encoder.cbow import PADDING

PREDICTIONS_AT_ONCE = 1 << 19
"""Predictions that are shuffled together; this bounds the memory for any window."""

Ids = NDArray[np.int64]


class Batch(NamedTuple):
    """Some predictions: the centers (N,) of skip-gram or windows (N, M) of CBOW, and the words to predict."""

    word_ids: Ids
    target: Ids  # (N,)


@dataclass(frozen=True)
class Windows:
    """The window of each position of a piece of text: positions first … stop, except itself."""

    word_ids: Ids  # (n,)
    first: Ids
    stop: Ids

    @classmethod
    def draw(cls, word_ids: Ids, sentence_offsets: Ids, window: int, random: np.random.Generator) -> Windows:
        """Return windows with a width drawn for each position uniformly from 1 … `window`; they end with sentences.

        Args:
            word_ids: (n,) of whole sentences.
            sentence_offsets: (sentences + 1,) from 0 to n.
            window: the largest distance.
            random: generator of the widths.
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
        """(n,) numbers of words in the window of each position, without the position itself."""
        return self.stop - self.first - 1

    def contexts(self, positions: Ids) -> tuple[Ids, Ids]:
        """Return all pairs (index into `positions`, word of its window), in order, as two arrays."""
        num = self.num_contexts[positions]
        place = np.repeat(np.arange(positions.size), num)
        ends = np.cumsum(num)
        context = np.arange(place.size) - np.repeat(ends - num, num) + self.first[positions][place]
        context += context >= positions[place]  # skip the center
        return place, self.word_ids[context]


def subsampled(
    word_ids: Ids, sentence_offsets: Ids, keep: NDArray[np.floating[Any]], random: np.random.Generator
) -> tuple[Ids, Ids]:
    """Keep each word of some sentences with its probability; return the words and offsets that are left.

    Args:
        word_ids: (n,); −1 for words without a vector, which are dropped.
        sentence_offsets: (sentences + 1,) from 0 to n.
        keep: (V,) probabilities.
        random: generator.
    """
    kept = (random.random(word_ids.size) < keep[word_ids]) & (word_ids >= 0)
    return word_ids[kept], np.concatenate([[0], np.cumsum(kept)])[sentence_offsets]


def num_predictions(windows: Windows, model: str) -> int:
    """Return the number of predictions: pairs in skip-gram, positions with a window in CBOW."""
    num = windows.num_contexts
    return int(num.sum() if model == "skipgram" else np.count_nonzero(num))


def batches(windows: Windows, model: str, batch_size: int, random: np.random.Generator) -> Iterator[Batch]:
    """Yield every prediction of the windows once, in random order, in batches of nearly equal size.

    Args:
        windows: of a piece of text.
        model: "skipgram": a word predicts each word of its window; "cbow": together they predict it.
        batch_size: the most predictions in a batch.
        random: generator of the order.
    """
    positions = np.flatnonzero(windows.num_contexts)
    if model == "cbow":
        random.shuffle(positions)
        for part in _parts(positions.size, batch_size):
            yield _window_batch(windows, positions[part])
        return
    ends = np.cumsum(windows.num_contexts[positions])
    for centers in _parts(positions.size, PREDICTIONS_AT_ONCE, ends):
        place, context = windows.contexts(positions[centers])
        center = windows.word_ids[positions[centers]][place]
        order = random.permutation(center.size)
        center, context = center[order], context[order]
        for part in _parts(center.size, batch_size):
            yield Batch(center[part], context[part])


def _window_batch(windows: Windows, positions: Ids) -> Batch:
    num = windows.num_contexts[positions]
    _, context = windows.contexts(positions)
    word_ids = np.full((positions.size, int(num.max())), PADDING)
    word_ids[np.arange(word_ids.shape[1]) < num[:, None]] = context  # row by row, in the order of `contexts`
    return Batch(word_ids, windows.word_ids[positions])


def _parts(size: int, most: int, ends: Ids | None = None) -> Iterator[slice]:
    """Yield slices of `size` items in the fewest parts of nearly equal weight, at most about `most`.

    Args:
        size: the number of items.
        most: the largest weight of a part; a heavier item is a part by itself.
        ends: (size,) cumulative weights; None: each item weighs 1.
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
