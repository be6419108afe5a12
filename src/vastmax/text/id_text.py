"""A text in memory that is ids already, read like a corpus."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vastmax.text.vocabulary import Vocabulary


class IdText:
    """The ids of a text and where its sentences begin: what a `Corpus` is to those that read ids, without files.

    Args:
        ids: (n,) int32, in the ids of `vocabulary`.
        vocabulary: whose counts are those of the text.
        sentence_offsets: (sentences + 1,) from 0 to n; None: the text is one sentence.

    Example:
        >>> text = IdText(np.array([0, 0, 1], dtype=np.int32), Vocabulary(["a", "b"], [2, 1]))
        >>> text.num_sentences, text.read_ids(1, 3).tolist()
        (1, [0, 1])
    """

    def __init__(
        self,
        ids: npt.NDArray[np.int32],
        vocabulary: Vocabulary,
        sentence_offsets: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.ids = ids
        self.vocabulary = vocabulary
        self.sentence_offsets: npt.NDArray[np.int64] = (
            np.array([0, ids.size], dtype=np.int64) if sentence_offsets is None else sentence_offsets
        )

    @property
    def num_tokens(self) -> int:
        """n."""
        return int(self.ids.size)

    @property
    def num_sentences(self) -> int:
        """Sentences, of any length."""
        return len(self.sentence_offsets) - 1

    def read_ids(self, start: int, stop: int) -> npt.NDArray[np.int32]:
        """Return the ids of tokens start … stop."""
        return self.ids[start:stop]

    def read_offsets(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return the first tokens of sentences start … stop."""
        return self.sentence_offsets[start:stop]
