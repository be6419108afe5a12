"""The pieces of a corpus that training threads take one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vastmax.text.encoded_view import TokenStream

CHUNK_TOKENS = 65_536
"""Approximate tokens per piece: enough that calls cost nothing, and few enough to stop quickly."""

MOST_WORK = 65_536 * 8 * 100 * 6 * 15
"""Most work per piece, as `most_tokens` counts it: eight times that of a piece at the default settings, some tenths of
a second. A run can be stopped and saved only between pieces."""

MIN_CHUNKS = 64
"""Least number of pieces: a small corpus has smaller ones, so that threads share it evenly."""

LONGEST_PART = 1 << 20
"""A longer sentence is split, to bound memory: no word is lost, but windows do not cross a split."""

SHORTEST_PART = 1 << 14
"""Parts of long sentences are this short if windows allow it, because a part has one learning rate and one thread.
Otherwise text in a single line (text8) would have few parts."""

WINDOWS_A_PART = 100
"""Least length of a part, in windows: a split loses a third of a window's pairs, 0.3 % at this length."""


@dataclass(frozen=True)
class ChunkSpan:
    """Tokens start … stop of a corpus: whole sentences, or part of a very long one."""

    start: int
    stop: int
    first_sentence: int
    last_sentence: int  # one past the last; equal to first_sentence for a part of one sentence

    def read(self, corpus: TokenStream) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the token ids and the sentence offsets, whose first one belongs to the first id."""
        if self.first_sentence == self.last_sentence:
            offsets = np.array([self.start, self.stop], dtype=np.int64)
        else:
            offsets = corpus.read_offsets(self.first_sentence, self.last_sentence + 1)
        return corpus.read_ids(self.start, self.stop), offsets


def most_tokens(vector_size: int, window: int, negative: int) -> int:
    """Return the largest number of tokens in a piece.

    The work for a token grows with the vector size, the words in its window and the noise words of each, plus a
    constant for other work.
    """
    work = vector_size * (window + 1) * (negative + 10)
    return max(1024, min(CHUNK_TOKENS, MOST_WORK // work))


def part_tokens(window: int, most: int = CHUNK_TOKENS) -> int:
    """Return the largest number of tokens in a part of one sentence; `most` is that of a piece of short sentences."""
    return min(max(min(SHORTEST_PART, most), WINDOWS_A_PART * window), LONGEST_PART)


def chunk_spans(
    sentence_offsets: NDArray[np.int64], most: int = CHUNK_TOKENS, *, window: int = 5
) -> Sequence[ChunkSpan]:
    """Split a corpus, given by its sentence offsets (num_sentences + 1,), into pieces of at most about `most` tokens.

    The splits never depend on the number of threads. Cost: one binary search per piece.
    """
    longest = part_tokens(window, most)
    chunk_tokens = min(most, max(1024, int(sentence_offsets[-1]) // MIN_CHUNKS))
    spans: list[ChunkSpan] = []
    sentence, num_sentences = 0, len(sentence_offsets) - 1
    while sentence < num_sentences:
        start = int(sentence_offsets[sentence])
        after = int(np.searchsorted(sentence_offsets, start + chunk_tokens, side="right")) - 1
        after = min(max(after, sentence + 1), num_sentences)
        stop = int(sentence_offsets[after])
        if stop - start > longest and after == sentence + 1:
            cuts = [*range(start, stop, longest), stop]
            spans += [ChunkSpan(a, b, sentence, sentence) for a, b in pairwise(cuts)]
        else:
            spans.append(ChunkSpan(start, stop, sentence, after))
        sentence = after
    return spans
