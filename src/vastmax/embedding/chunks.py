"""A corpus cut into the pieces that a training thread takes at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vastmax.text.encoded_view import TokenStream

CHUNK_TOKENS = 65_536
"""Tokens a piece, about: long enough that calls cost nothing, short enough to stop quickly."""

MOST_WORK = 65_536 * 8 * 100 * 6 * 15
"""Work a piece, as `most_tokens` counts it: eight times that of a piece at the default settings, some tenths of a
second. A run can be stopped and saved between pieces only."""

MIN_CHUNKS = 64
"""A small corpus is cut finer, so that threads share it evenly."""

LONGEST_PART = 1 << 20
"""A sentence of more tokens is cut, to bound memory: no word is lost, but windows do not reach across a cut."""

SHORTEST_PART = 1 << 14
"""It is cut much finer where windows allow: the learning rate is steady, and one thread at work, within a part. Text
in one endless line (text8) would otherwise be few parts, and a short one a single part."""

WINDOWS_A_PART = 100
"""Parts are at least so many windows long: a cut costs a third of a window's pairs, so 0.3 % of them."""


@dataclass(frozen=True)
class ChunkSpan:
    """Tokens start … stop of a corpus: either whole sentences, or a part of one that is very long."""

    start: int
    stop: int
    first_sentence: int
    last_sentence: int  # one past the last; equal to first_sentence for a part of one sentence

    def read(self, corpus: TokenStream) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the token ids and the sentence offsets (the first of which counts as the ids' origin)."""
        if self.first_sentence == self.last_sentence:
            offsets = np.array([self.start, self.stop], dtype=np.int64)
        else:
            offsets = corpus.read_offsets(self.first_sentence, self.last_sentence + 1)
        return corpus.read_ids(self.start, self.stop), offsets


def most_tokens(vector_size: int, window: int, negative: int) -> int:
    """Return how many tokens make a piece at most.

    The work for a token grows with the width of the vectors, the words in its window, and the noise words of each, with
    something for what is there whatever their number.
    """
    work = vector_size * (window + 1) * (negative + 10)
    return max(1024, min(CHUNK_TOKENS, MOST_WORK // work))


def part_tokens(window: int, most: int = CHUNK_TOKENS) -> int:
    """Return how many tokens of one sentence make a piece at most, where `most` make one of short sentences."""
    return min(max(min(SHORTEST_PART, most), WINDOWS_A_PART * window), LONGEST_PART)


def chunk_spans(
    sentence_offsets: NDArray[np.int64], most: int = CHUNK_TOKENS, *, window: int = 5
) -> Sequence[ChunkSpan]:
    """Cut a corpus, given by its sentence offsets (num_sentences + 1,), into pieces of at most about `most` tokens.

    The cuts never depend on the number of threads. Cost: one binary search a piece.
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
