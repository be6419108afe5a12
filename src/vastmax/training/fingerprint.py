"""What tells one encoded text from another."""

from __future__ import annotations

import hashlib
from typing import Any

from vastmax.text.encoded_view import TokenStream

_READ_NUMBERS = 1 << 20


def fingerprint(corpus: TokenStream) -> dict[str, Any]:
    """Return the size of a text and a digest of its word ids and sentence ends, as JSON values.

    With the words behind the ids, that is the text as training sees it, wherever it came from and whether or not it was
    cached. Cost: one pass over the ids, 4 bytes a word: a few nanoseconds a word.
    """
    digest = hashlib.sha256()  # hardware computes it
    for start in range(0, corpus.num_tokens, _READ_NUMBERS):
        digest.update(corpus.read_ids(start, min(start + _READ_NUMBERS, corpus.num_tokens)).data)
    num_offsets = corpus.num_sentences + 1
    for start in range(0, num_offsets, _READ_NUMBERS):
        digest.update(corpus.read_offsets(start, min(start + _READ_NUMBERS, num_offsets)).data)
    return {"tokens": corpus.num_tokens, "sentences": corpus.num_sentences, "sha256": digest.hexdigest()}
