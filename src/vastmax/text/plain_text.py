"""Convert a corpus back to text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vastmax.kernels.text_encoder import gather_words
from vastmax.text.corpus import Corpus
from vastmax.text.words import Words


def plain_text(corpus: Corpus) -> Iterator[bytes]:
    """Yield the text of a corpus in UTF-8, one sentence per line with words separated by spaces, in pieces of some MB.

    Cost: some 20 ns per word. Memory: one piece, and a copy of the words.
    """
    spaced = Words.of(word + " " for word in corpus.vocabulary.words)
    for ids, ends in corpus.token_blocks():
        text, offsets = gather_words(spaced.blob, spaced.offsets, ids.astype(np.int64))
        lines = np.frombuffer(text, dtype=np.uint8).copy()
        lines[offsets[ends] - 1] = ord("\n")
        yield lines.tobytes()
