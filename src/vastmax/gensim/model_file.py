"""The file of a model: settings, words and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from vastmax.embedding.carried_tree import carry_nodes
from vastmax.gensim import saved_file
from vastmax.gensim.models.keyedvectors import of_gensim
from vastmax.gensim.problems import WrongFileError
from vastmax.kernels.embedding_tables import TreePaths

_SAVED = (
    *("vector_size", "alpha", "window", "min_count", "max_vocab_size", "sample", "seed", "workers", "min_alpha", "sg"),
    *("hs", "negative", "ns_exponent", "epochs", "sorted_vocab", "batch_words", "compute_loss", "comment"),
    *("max_final_vocab", "shrink_windows", "corpus_count", "corpus_total_words", "effective_min_count", "train_count"),
    *("min_alpha_yet_reached", "running_training_loss", "total_train_time"),
)  # fmt: skip


_OF_NGRAMS = ("min_n", "max_n", "bucket", "word_ngrams")


def save(fname: object, model: Any) -> None:
    """Write a Word2Vec or a FastText."""
    saved_file.save(
        fname,
        model.wv,
        model.KIND,
        {name: getattr(model, name) for name in (*_SAVED, *_OF_NGRAMS) if hasattr(model, name)},
        output_vectors=model.syn1neg if model.negative else None,
        node_vectors=-model.syn1[:-1] if model.hs else None,
    )


def load(cls: Any, fname: object, mmap: str | None = None) -> Any:
    """Return a model of a class, from a file that `save` wrote or that gensim has pickled."""
    if saved_file.is_pickle(fname):
        return of_gensim_model(cls, saved_file.unpickled_by_gensim(fname, cls.KIND))
    wv, saved = saved_file.load(fname, cls.VECTORS, mmap)
    if saved.kind != cls.KIND:
        what = "and no model" if saved.kind in ("KeyedVectors", "WordVectors") else f"and no {cls.KIND}"
        raise WrongFileError(f"{fname} holds {saved.kind} {what}; load it with {_loader(saved.kind)}.load")
    model = cls(vector_size=wv.vector_size)
    for name in (*_SAVED, *_OF_NGRAMS):
        if name in saved.settings:
            setattr(model, name, saved.settings[name])
    model.wv, model.layer1_size = wv, wv.vector_size
    if saved.output_vectors is not None:
        model.syn1neg = saved.output_vectors
    if saved.node_vectors is not None:
        model.syn1 = np.vstack([-saved.node_vectors, np.zeros((1, wv.vector_size), dtype=np.float32)])
    model.create_binary_tree()
    return model


def _loader(kind: str) -> str:
    return "KeyedVectors" if kind == "WordVectors" else kind


def of_gensim_model(cls: Any, found: Any) -> Any:
    """Return a copy of a model of gensim."""
    model = cls(vector_size=found.vector_size, sg=found.sg)
    for name in (*_SAVED, *_OF_NGRAMS):
        if getattr(found, name, None) is not None and name != "running_training_loss":
            setattr(model, name, getattr(found, name))
    model.corpus_total_words = found.corpus_total_words
    model.wv = of_gensim(cls.VECTORS, found.wv)
    if found.negative:
        model.syn1neg = np.array(found.syn1neg)
    if found.hs:  # its tree breaks ties in another way
        codes, points = found.wv.expandos["code"], found.wv.expandos["point"]
        offsets = np.concatenate([[0], np.cumsum([len(code) for code in codes])]).astype(np.int64)
        edges = 2 * np.concatenate(points).astype(np.int32) + np.concatenate(codes).astype(np.int32)
        model.syn1 = np.zeros_like(found.syn1)
        rows = np.arange(len(model.wv), dtype=np.int32)
        theirs = TreePaths(offsets, edges, len(found.syn1))
        carry_nodes(theirs, np.array(found.syn1), rows, model.paths, model.syn1[:-1])
    model.create_binary_tree()
    return model
