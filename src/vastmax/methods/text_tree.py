"""Trees that a text itself shapes: word vectors trained on it in seconds, clustered. No torch until a head is built."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vastmax import tree as trees
from vastmax.distribution.counts import counts_array
from vastmax.errors import InputError
from vastmax.progress import Progress, Silent
from vastmax.text import EncodedView, Vocabulary
from vastmax.text.encoded_view import TokenStream
from vastmax.text.id_text import IdText
from vastmax.tree.clustered_tree import Split, check_splits

if TYPE_CHECKING:
    from vastmax.head import Head

Weights = Literal["sqrt-count", "count", "none"]
"""What a word weighs in clustering."""

GivenTree = trees.Tree | None | str
"""The option `tree` of recipes: a tree, a file that holds one, a kind of tree by name, or none."""

_POWERS = {"sqrt-count": 0.5, "count": 1.0, "none": 0.0}

VECTOR_SIZE = 64
WORDS_READ = 48_000_000
"""Words of text that the vectors are trained on, epochs together: seconds, and enough for the splits that matter."""
MOST_EPOCHS = 8
SAMPLE = 1e-3
WORDS_KEPT = 10
"""Words of a text with even frequencies are thinned only where there are more than `WORDS_KEPT / SAMPLE` of them."""


def tree_head(hidden_size: int, source: Any, tree: trees.Tree) -> Head:
    """Return Hierarchical over a tree × CrossEntropy, for the words of a corpus, a vocabulary, or counts."""
    from vastmax.head import Head
    from vastmax.objective.cross_entropy import CrossEntropy
    from vastmax.output.hierarchical import Hierarchical

    return Head(
        Hierarchical(hidden_size, tree, counts=counts_array(getattr(source, "vocabulary", source))), CrossEntropy()
    )


def has_text(source: Any) -> bool:
    """Return whether a recipe is given a text, in any of the forms that `text_of` takes, and not words or counts."""
    return isinstance(source, EncodedView) or hasattr(source, "read_ids") or hasattr(source, "blocks")


def text_of(source: Any) -> tuple[TokenStream, Vocabulary] | None:
    """Return the text of what a recipe is given, and the words of it that count; None where there is no text.

    Args:
        source: a `Corpus`, what `Corpus.encode_with` gives, or anything with `.vocabulary` and `.blocks()`.
    """
    if hasattr(source, "read_ids"):
        return source, source.vocabulary
    if isinstance(source, EncodedView):
        return source.corpus, source.vocabulary
    if not has_text(source):
        return None
    ids, offsets, at = [], [np.zeros(1, dtype=np.int64)], 0
    for block, ends in source.blocks():
        ids.append(np.asarray(block, dtype=np.int32))
        offsets.append(ends[1:] + at)
        at += block.size
    joined = ids[0] if len(ids) == 1 else np.concatenate([np.empty(0, dtype=np.int32), *ids])
    return IdText(joined, source.vocabulary, np.concatenate(offsets)), source.vocabulary


def given_tree(tree: trees.Tree | str, vocabulary: Any) -> trees.Tree:
    """Return a tree that was given, as it is or by the name of its file, over the words of a vocabulary.

    Raises:
        InputError: the file holds no tree, or a tree of another number of words that does not know what they are.
    """
    found = trees.Tree.load(tree) if isinstance(tree, str | os.PathLike) else tree
    words = getattr(vocabulary, "words", None)
    if words is None or found.words is None:
        return found
    return trees.fitted(found, words, counts_array(vocabulary))


def clustered_text(
    source: Any,
    *,
    of: str,
    split: Split = "balanced",
    weights: Weights = "sqrt-count",
    overlap: float = 0.0,
    copies: int = 1,
    progress: Progress | None = None,
) -> trees.Tree:
    """Return the binary tree of a text: `tree.clustered` over vectors that are trained on it.

    A text that says nothing of what words are like, with fewer than three kinds of words or without two words in a
    sentence, gives the Huffman tree.

    Args:
        source: as for `text_of`.
        of: the recipe's name, for messages.
        split: as for `tree.clustered`, and so are `overlap` and `copies`.
        weights: of the words.
        progress: told of both parts of the work.

    Raises:
        InputError: there is no text, or options that `tree.clustered` refuses.

    Cost: about 26 CPU-seconds for 16 million words, 345,000 kinds of them (benchmarks/records/tree_methods.json).
    """
    text, vocabulary = text_of(source) or (None, None)
    if text is None or vocabulary is None or not text.num_tokens:
        raise InputError(
            f"{of!r} clusters the words of a text: pass a Corpus, or corpus.encode_with(vocabulary), or tree= one that "
            "was made before"
        )
    if weights not in _POWERS:
        raise InputError(f"weights is {weights!r}; choose {', '.join(map(repr, _POWERS))}")
    check_splits(split, overlap, copies)
    counts = vocabulary.counts
    if len(counts) < 3 or int(np.diff(text.sentence_offsets).max()) < 2:
        return trees.huffman(counts)
    import torch

    threads = torch.get_num_threads()
    shown = progress or Silent()
    return trees.clustered(
        _vectors(text, vocabulary, threads, shown),
        split=split,
        overlap=overlap,
        copies=copies,
        counts=None if weights == "none" else np.maximum(counts, 1) ** _POWERS[weights],
        threads=threads,
        progress=_Named(shown, "Clustering words for the tree"),
    )


def _vectors(text: TokenStream, vocabulary: Vocabulary, threads: int, progress: Progress) -> NDArray[np.float32]:
    """Return vectors (V, 64) of all words; those that the text lacks are like the rarest of the others."""
    from vastmax.embedding.settings import TrainingSettings, checked
    from vastmax.embedding.train import train_ids

    counts = vocabulary.counts
    settings = TrainingSettings(
        vector_size=VECTOR_SIZE,
        epochs=min(max(round(WORDS_READ / text.num_tokens), 1), MOST_EPOCHS),
        sample=max(SAMPLE, WORDS_KEPT / len(counts)),
        threads=threads,
    )
    trained = train_ids(text, vocabulary, checked(settings), progress=_Named(progress, "Vectors for the tree"))
    vectors = np.array(trained.vectors)
    unseen = counts == 0
    if unseen.any():
        vectors[unseen] = vectors[counts == counts[~unseen].min()].mean(axis=0)
    return vectors


class _Named:
    """A progress whose phase has another name."""

    def __init__(self, progress: Progress, phase: str) -> None:
        self._progress, self._phase = progress, phase

    def begin(self, phase: str, total: float | None, unit: str, done: float = 0.0) -> None:
        """See `Progress.begin`."""
        self._progress.begin(self._phase, total, unit, done)

    def update(self, done: float, **readings: float | str) -> None:
        """See `Progress.update`."""
        self._progress.update(done, **readings)

    def end(self) -> None:
        """See `Progress.end`."""
        self._progress.end()
