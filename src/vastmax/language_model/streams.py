"""A text split into streams that a model reads in parallel, one batch of sequences at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.arguments import whole
from vastmax.errors import InputError
from vastmax.options import takes_old_names

IGNORED = -100
"""The target where a stream has ended before the others; `Head`'s own default."""


class Batch(NamedTuple):
    """The words that a model reads at a time: (B, T) each."""

    word_ids: Tensor
    target: Tensor  # the word after each; IGNORED beyond the end of the last stream, which may be shorter

    @property
    def num_words(self) -> int:
        """The number of targets that are words."""
        return self.target.numel() - int((self.target[-1] == IGNORED).sum())


class Streams:
    """B contiguous parts of a text, read T words at a time; the state of each stream is carried from batch to batch.

    Every word of the text is a target exactly once. The first word of a stream is predicted from the word before it in
    the text, and that of the text from `first_id`.

    Args:
        text: (n,) word ids, n ≥ 1.
        num_streams: B; fewer if the text is shorter.
        bptt: T.
        first_id: what is read before the text begins, such as the end of a sentence.

    Raises:
        InputError: an empty text, or B or T below 1.

    Example:
        >>> streams = Streams(np.arange(10, 15), num_streams=2, bptt=2, first_id=0)
        >>> [(s.word_ids.tolist(), s.target.tolist()) for s in streams]
        [([[0, 10], [12, 13]], [[10, 11], [13, 14]]), ([[11], [14]], [[12], [-100]])]
    """

    @takes_old_names
    def __init__(self, text: NDArray[np.int32], *, num_streams: int, bptt: int, first_id: int) -> None:
        if text.size == 0:
            raise InputError("the text is empty; expected at least one word")
        for name, number in (("num_streams", num_streams), ("bptt", bptt)):
            whole(name, number, 1, None)
        self._text = text
        self._first_id = first_id
        self.bptt = bptt
        self.length = math.ceil(text.size / num_streams)  # words of the longest stream
        self.num_streams = math.ceil(text.size / self.length)

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(self.length / self.bptt)

    def __iter__(self) -> Iterator[Batch]:
        return self.batches_from(0)

    def batches_from(self, first: int) -> Iterator[Batch]:
        """Yield the batches from number `first` on, where a run resumes."""
        begin = np.arange(self.num_streams)[:, None] * self.length
        length_of_last = self._text.size - int(begin[-1, 0])  # the others are whole
        for number in range(first, len(self)):
            start, end = number * self.bptt, min((number + 1) * self.bptt, self.length)
            # One more word than is read: what is a target in one place is read in the next.
            words = self._text.take(begin + np.arange(start - 1, end), mode="clip").astype(np.int64)
            if start == 0:
                words[0, 0] = self._first_id
            target = words[:, 1:].copy()
            target[-1, max(length_of_last - start, 0) :] = IGNORED
            yield Batch(torch.from_numpy(words[:, :-1].copy()), torch.from_numpy(target))
