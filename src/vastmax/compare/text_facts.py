"""What is said of the text of a race."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from vastmax.distribution.counts import floored_counts
from vastmax.distribution.entropy import entropy_bits
from vastmax.language_model.text import TrainingText


def text_facts(text: TrainingText) -> dict[str, Any]:
    """Sizes, what the unigrams alone would achieve, and digests that tell this text from others.

    "entropy_bits" is the entropy of the training text's unigrams, "unigram_perplexity" that of the validation text
    under them, words without a count taken as seen as often as the rarest.
    """
    vocabulary, validation = text.vocabulary, text.validation
    assert validation is not None  # the race's door checked it
    log_law = np.log(floored_counts(vocabulary.counts))
    log_law -= np.log(np.exp(log_law).sum())
    unknown = 0 if vocabulary.unknown is None else int((validation == vocabulary.id(vocabulary.unknown)).sum())
    words = hashlib.sha256()
    for word in vocabulary.words:
        words.update(word.encode() + b"\n")
    return {
        "training_words": int(text.training.size),
        "validation_words": int(validation.size),
        "vocabulary_size": len(vocabulary),
        "unknown_share": unknown / validation.size,
        "entropy_bits": entropy_bits(vocabulary.counts),
        "unigram_perplexity": math.exp(-float(log_law[validation].mean())),
        **text.digests(),
        "vocabulary_sha256": words.hexdigest(),
    }
