"""Names that gensim has for what vastmax calls otherwise: those who use them are told what to write."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from vastmax.errors import InputError

_P = ParamSpec("_P")
_R = TypeVar("_R")

SHIM = "vastmax.gensim has gensim's own classes"

ARGUMENTS = {
    "workers": "threads",
    "size": "vector_size",
    "iter": "epochs",
    "sentences": "the first argument, without a name",
    "corpus_file": "the path as the first argument",
    "corpus_iterable": "the first argument, without a name",
    "sg": "model='skipgram' or model='cbow'",
    "hs": "objective='hierarchical-softmax', or 'negative-sampling+hierarchical-softmax'",
    "total_examples": "nothing: the text is counted",
    "total_words": "nothing: the text is counted",
    "start_alpha": "alpha",
    "end_alpha": "min_alpha",
    "compute_loss": "nothing: the losses are in vectors.training['losses']",
    "cbow_mean": "nothing: CBOW takes the mean",
    "batch_words": "nothing: it does not change the result",
    "sorted_vocab": "nothing: words are in the order of their counts",
    "trim_rule": "stop_words, for words to leave out",
    "max_vocab_size": "max_final_vocab",
}
"""Argument of gensim's Word2Vec → what to write for it in `train_embeddings`."""

ATTRIBUTES = {
    "wv": "these are the vectors themselves: leave .wv out",
    "get_vector": "write vectors[word]",
    "word_vec": "write vectors[word]",
    "get_index": "write vectors.word_id(word)",
    "index2word": "write vectors.index_to_key",
    "index2entity": "write vectors.index_to_key",
    "vocab": "write vectors.key_to_index, and vectors.counts for the counts",
    "syn0": "write vectors.vectors",
    "vectors_norm": "write vectors.unit_vectors(word_ids)",
    "syn1neg": "write vectors.output_vectors",
    "syn1": "write vectors.output_vectors",
    "similar_by_word": "write vectors.most_similar(word)",
    "similar_by_key": "write vectors.most_similar(word)",
    "similar_by_vector": "write vectors.most_similar(vector)",
    "most_similar_cosmul": "write vectors.analogy(a, b, c, method='3cosmul')",
    "distance": "write 1 - vectors.similarity(one, other)",
    "get_vecattr": "write vectors.counts[vectors.word_id(word)]",
    "evaluate_word_pairs": "write vectors.evaluate_pairs(path)",
    "evaluate_word_analogies": "write vectors.evaluate_analogies(path)",
    "save_word2vec_format": "write vectors.save('vectors.bin') or vectors.save('vectors.txt')",
    "train": "write train_embeddings(new_text, start=vectors)",
    "build_vocab": "write train_embeddings(new_text, start=vectors)",
    "init_sims": "leave it out: norms are computed once, at the first search",
    "fill_norms": "leave it out: norms are computed once, at the first search",
}
"""Attribute of gensim's vectors or model → what to write for it with `WordVectors`."""


def attribute_error(kind: str, name: str) -> AttributeError:
    """Return the error for an attribute that is not there, with what to write if the name is one of gensim's."""
    hint = f"; that is gensim's name: {ATTRIBUTES[name]} ({SHIM})" if name in ATTRIBUTES else ""
    return AttributeError(f"{kind!r} object has no attribute {name!r}{hint}")


def answers_gensim_names(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function, which answers arguments by gensim's names with an error that says what to write."""

    @functools.wraps(function)
    def answering(*args: _P.args, **options: _P.kwargs) -> _R:
        for name in options.keys() & ARGUMENTS.keys():
            raise InputError(
                f"{name} is gensim's name; for {function.__name__} write {ARGUMENTS[name]} ({SHIM})", argument=name
            )
        return function(*args, **options)

    return answering
