"""The text of a study, as ids: to train on, to choose by, to test on."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # harness and in_turn

import numpy as np
from numpy.typing import NDArray

from harness import corpora
from vastmax.language_model import SENTENCE_END, language_vocabulary, text_of
from vastmax.text import Corpus, Vocabulary


@dataclass(frozen=True)
class Texts:
    """A corpus in three parts, as ids of the words of the first."""

    vocabulary: Vocabulary
    training: NDArray[np.int32]
    validation: NDArray[np.int32]
    test: NDArray[np.int32]

    @classmethod
    def of(cls, training: Any, validation: Any, test: Any, *, min_count: int = 1) -> Texts:
        """From files, or anything else that `Corpus` reads."""
        corpora_ = [Corpus(part, cache=False) for part in (training, validation, test)]
        vocabulary = language_vocabulary(corpora_[0], min_count=min_count)
        return cls(vocabulary, *(text_of(corpus, vocabulary) for corpus in corpora_))

    @property
    def first_id(self) -> int:
        """The word at positions before the beginning of a text."""
        return self.vocabulary.id(SENTENCE_END)

    def facts(self) -> dict[str, int]:
        """Sizes, for a record."""
        return {
            "vocabulary_size": len(self.vocabulary),
            "training_words": self.training.size,
            "validation_words": self.validation.size,
            "test_words": self.test.size,
        }


def penn_treebank() -> Texts:
    """Return the text of both papers, as Mikolov prepared it."""
    folder = corpora() / "ptb"
    return Texts.of(*(str(folder / f"ptb.{part}.txt") for part in ("train", "valid", "test")))
