"""Training that starts from earlier vectors: its words, and their initial vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vastmax.embedding.carried_tree import carry_nodes, huffman_paths
from vastmax.embedding.cosine import Floats, tiles
from vastmax.embedding.settings import CheckedCommonSettings, CheckedSettings, samples_noise, walks_paths
from vastmax.embedding.subword_rows import Numbering, number_rows
from vastmax.embedding.subwords import Subwords
from vastmax.embedding.word_vectors import WordVectors
from vastmax.errors import InputError, argument
from vastmax.kernels.embedding_kernel import EmbeddingKernel
from vastmax.text import Vocabulary
from vastmax.text.words import Words


def require_startable(start: object, settings: CheckedSettings) -> None:
    """Raise InputError if training with these settings cannot start from these vectors."""
    if not isinstance(start, WordVectors):
        raise InputError(
            f"{argument('start')} is {type(start).__name__}; expected WordVectors, such as WordVectors.load returns"
        )
    place = start.source or "start"
    for name in ("model", "objective"):
        now = getattr(settings, name)
        if (then := start.training.get(name, now)) != now:
            raise InputError(
                f"{place}: these vectors were trained with {argument(name, repr(then))}, not {now!r}; use that"
            )
    for name, needed, rows in (
        ("one output vector per word", samples_noise(settings), len(start)),
        ("the vectors of the tree's nodes, one fewer than words", walks_paths(settings), len(start) - 1),
    ):
        matrix = start.output_vectors if rows == len(start) else start.node_vectors
        if needed and (matrix is None or len(matrix) != rows or start.counts is None):
            raise InputError(
                f"{place}: training can only start from vectors with counts and {name}, which are missing; give the "
                ".safetensors file that training wrote"
            )
    if start.vector_size != settings.vector_size:
        raise InputError(
            f"{argument('vector_size')} is {settings.vector_size}, but the vectors to start from have "
            f"{start.vector_size} dimensions; give {argument('vector_size', start.vector_size)}"
        )
    require_same_ngrams(place, start, settings.subwords)
    limit = settings.max_final_vocab
    if limit is not None and limit < len(start):
        raise InputError(
            f"{argument('max_final_vocab')} is {limit}, but {len(start):,} words to start from are kept; give at "
            f"least {len(start)}"
        )


def merged_vocabulary(types: Vocabulary, start: WordVectors, settings: CheckedCommonSettings) -> Vocabulary:
    """Return all words of `start`, and the new words that occur at least min_count times in the text.

    Counts are those of the old and the new text together. Words are in their order; of equal ones, the old come first.
    `max_final_vocab` limits the new words to the most frequent ones that fit beside the old.
    """
    assert start.counts is not None
    known = Vocabulary.in_order(Words.of(start.index_to_key), np.zeros(len(start), dtype=np.int64))
    row = known.map_words(types.words)  # of each type of the text; -1 for new ones
    is_known = row >= 0
    counts = start.counts.copy()
    counts[row[is_known]] += types.counts[is_known]
    added = np.flatnonzero(~is_known & (types.counts >= settings.min_count))
    if settings.max_final_vocab is not None:
        added = added[: settings.max_final_vocab - len(start)]  # types are in count order
    new = types.words.take(added)
    both = Words(known.words.blob + new.blob, np.append(known.words.offsets, new.offsets[1:] + len(known.words.blob)))
    counts = np.append(counts, types.counts[added])
    order = np.argsort(-counts, kind="stable")
    return Vocabulary.in_order(both.take(order), counts[order])


def require_same_ngrams(place: str, start: WordVectors, now: Subwords | None) -> None:
    """Raise InputError unless vectors are made of the n-grams of the settings, or neither has any."""
    then = None if start.subwords is None else start.subwords.subwords
    if then == now:
        return
    if then is None:
        raise InputError(f"{place}: these vectors are not made of n-grams; leave {argument('max_n')} out")
    fix = ", ".join(argument(name, getattr(then, name)) for name in ("max_n", "min_n", "bucket"))
    raise InputError(f"{place}: these vectors are made of other n-grams; give {fix}")


def numbering_for(vocabulary: Vocabulary, settings: CheckedSettings, start: WordVectors | None) -> Numbering | None:
    """Return the rows that a vocabulary with n-grams needs, those of `start` among them; None without n-grams."""
    if settings.subwords is None:
        return None
    known = start.subwords.buckets if start is not None and start.subwords is not None else None
    return number_rows(settings.subwords, vocabulary.words, known)


def carry_over(
    start: WordVectors, vocabulary: Vocabulary, kernel: EmbeddingKernel, numbering: Numbering | None
) -> None:
    """Copy the vectors of `start` to the rows of their words and n-grams, and those of its tree to the new one.

    Raises:
        InputError: a vector is not finite.
    """
    words = Words.of(start.index_to_key)
    of_words = vocabulary.map_words(words)
    carried: dict[str, tuple[Floats | None, NDArray[np.integer[Any]]]] = {
        "output_vectors": (start.output_vectors, of_words)
    }
    if start.subwords is None or numbering is None:
        carried["word_vectors"] = (start.vectors, of_words)
    else:
        carried["word_rows"] = (start.subwords.word_rows, of_words)
        of_ngrams = np.searchsorted(numbering.buckets, start.subwords.buckets)
        carried["ngram_rows"] = (start.subwords.ngram_rows, of_ngrams)
    for name, (known, rows) in carried.items():
        matrix = kernel.matrices.get(name)
        if matrix is None or known is None:
            continue
        for part in tiles(*known.shape):
            strip = known[part]
            if not np.isfinite(strip).all():
                raise InputError(f"{start.source or 'start'}: {name} contain a NaN or an infinity; train them again")
            stays = rows[part] >= 0
            matrix[rows[part][stays], : start.vector_size] = strip[stays]
    if start.node_vectors is not None and kernel.paths is not None and start.counts is not None:
        if not np.isfinite(start.node_vectors).all():
            raise InputError(f"{start.source or 'start'}: node_vectors hold a NaN or an infinity; train them again")
        known_rows = Vocabulary.in_order(words, start.counts.copy()).map_words(vocabulary.words)
        nodes = kernel.nodes[:, : start.vector_size]
        carry_nodes(huffman_paths(start.counts), start.node_vectors, known_rows, kernel.paths, nodes)
