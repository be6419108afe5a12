"""From models of fastText to word vectors, and back."""

from __future__ import annotations

from dataclasses import asdict, fields

import numpy as np

from vastmax.embedding.formats.fasttext.model import (
    FastTextModel,
    FastTextSettings,
    Floats,
    QuantizedMatrix,
    ScatteredMatrix,
)
from vastmax.embedding.formats.fasttext.quantizing import quantized
from vastmax.embedding.formats.table import Table
from vastmax.embedding.subword_rows import SubwordRows
from vastmax.embedding.subwords import Subwords
from vastmax.embedding.word_table import WordTable
from vastmax.kernels.subwords import mean_rows

SETTINGS = "fasttext"
"""The entry of `training` with the settings of a model that was read, so that it is written with them again."""


def table_of(model: FastTextModel) -> Table:
    """Return the words of a model with their vectors and, where it has them, its n-grams; labels are left out."""
    V, rows = len(model.words), model.input_rows()
    word_rows, ngram_rows = rows[:V], rows[V:]
    training = {"source": f"fastText {model.settings.model}", SETTINGS: asdict(model.settings)}
    outputs = model.output if isinstance(model.output, np.ndarray) and len(model.output) == V else None
    settings = model.settings
    if not (settings.max_n and len(ngram_rows)):
        return Table(model.words, word_rows, model.counts, outputs, training)
    if model.kept_ngrams is None:  # fastText has a row for every bucket; zeros are those that never had one
        buckets = np.flatnonzero(ngram_rows.any(axis=1)).astype(np.int32)
        ngram_rows = ngram_rows if len(buckets) == len(ngram_rows) else ngram_rows[buckets]
    else:
        order = np.argsort(model.kept_ngrams[:, 0], kind="stable")
        buckets, ngram_rows = model.kept_ngrams[order, 0], ngram_rows[model.kept_ngrams[order, 1]]
    subwords = SubwordRows(
        Subwords(settings.min_n or 1, settings.max_n, settings.bucket), word_rows, ngram_rows, buckets
    )
    vectors = _means(subwords, model.words)
    return Table(model.words, vectors, model.counts, outputs, training, subwords=subwords)


def _means(subwords: SubwordRows, words: list[str]) -> Floats:
    """Return the vectors of words: each the mean of its own row and of those of its n-grams that there are."""
    V, buckets = len(words), subwords.buckets
    offsets, rows = subwords.subwords.rows([word or "</s>" for word in words])  # neither has n-grams
    is_ngram = rows >= V
    hashed = rows[is_ngram] - np.int32(V)
    places = np.minimum(np.searchsorted(buckets, hashed), len(buckets) - 1)
    there = np.ones(len(rows), dtype=bool)
    there[is_ngram] = buckets[places] == hashed
    rows[is_ngram] = (V + places).astype(np.int32)
    kept = np.concatenate([[0], np.cumsum(there)])
    return mean_rows(subwords.word_rows, subwords.ngram_rows, kept[offsets], rows[there])


def model_of(v: WordTable, *, quantize: bool = False) -> FastTextModel:
    """Return word vectors as a model of fastText, which gives the same vectors for all its words.

    fastText has a row for every bucket of n-grams; those that no word of the text needed are zeros, so the vector of an
    unseen word keeps its direction and may be shorter there. Output vectors are those of negative sampling, if `v` has
    them, else zeros: they count only where training goes on.

    Args:
        v: with or without n-grams.
        quantize: write codes in place of numbers, in an eighth of the space (`.ftz`).
    """
    V, D = v.vectors.shape
    counts = np.ones(V, dtype=np.int64) if v.counts is None else v.counts
    outputs = v.output_vectors
    if outputs is None or outputs.shape != (V, D):
        outputs = np.broadcast_to(np.zeros((1, D), dtype=np.float32), (V, D))
    subwords = v.subwords
    settings = _settings(v, None if subwords is None else subwords.subwords)
    rows: Floats | QuantizedMatrix | ScatteredMatrix = v.vectors
    kept = None
    if subwords is not None and quantize:
        rows = np.concatenate([subwords.word_rows, subwords.ngram_rows])
        kept = np.stack([subwords.buckets, np.arange(len(subwords.buckets), dtype=np.int32)], axis=1)
    elif subwords is not None:
        rows = ScatteredMatrix(subwords.word_rows, subwords.ngram_rows, subwords.buckets, settings.bucket)
    if quantize and isinstance(rows, np.ndarray):
        rows = quantized(rows)
    return FastTextModel(
        settings, v.index_to_key, counts, rows, num_tokens=int(counts.sum()), kept_ngrams=kept, output=outputs
    )


def _settings(v: WordTable, subwords: Subwords | None) -> FastTextSettings:
    told = v.training.get(SETTINGS)
    known = {each.name for each in fields(FastTextSettings)}
    if not isinstance(told, dict) or set(told) != known:
        trained = v.training.get("settings", v.training)
        told = {
            name: trained[name] for name in ("window", "epochs", "min_count", "negative", "sample") if name in trained
        }
        if trained.get("model") == "cbow":
            told["model"] = "cbow"
        if trained.get("objective") == "hierarchical-softmax":
            told["loss"] = "hierarchical-softmax"
    grams = {"min_n": 0, "max_n": 0, "bucket": 0} if subwords is None else asdict(subwords)
    return FastTextSettings(**{**told, "vector_size": v.vector_size, **grams})
