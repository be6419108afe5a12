"""Write models in fastText's binary format, version 12, with float matrices: fastText, gensim and others load them."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from vastmax.content.kinds import FASTTEXT_MAGIC
from vastmax.embedding.cosine import tiles
from vastmax.embedding.formats.fasttext.model import (
    LOSSES,
    MODELS,
    FastTextModel,
    Floats,
    QuantizedMatrix,
    Quantizer,
    ScatteredMatrix,
)
from vastmax.embedding.formats.fasttext.reading import CODES, ENTRY_END, PIECES, SETTINGS, SHAPE, SIZES, VERSION
from vastmax.embedding.formats.table import refuse_words
from vastmax.errors import InputError


def write_fasttext(stream: BinaryIO, model: FastTextModel, path: str) -> None:
    """Write a model; what `read_fasttext` with ``output=True`` returns comes out byte for byte.

    Raises:
        InputError: a word that the format cannot hold (with a blank, a line end or a zero byte), or no output matrix.
    """
    if model.output is None:
        raise InputError(f"{path}: a fastText model has output vectors, and these vectors have none: save .safetensors")
    settings = model.settings
    words = refuse_words(path, [*model.words, *model.labels], " \t\n\v\f\r\0", "fastText's .bin")
    counts = model.counts if model.label_counts is None else np.concatenate([model.counts, model.label_counts])
    stream.write(VERSION.pack(FASTTEXT_MAGIC, 12))
    stream.write(
        SETTINGS.pack(
            settings.vector_size,
            settings.window,
            settings.epochs,
            settings.min_count,
            settings.negative,
            settings.word_ngrams,
            _number(LOSSES, settings.loss),
            _number(MODELS, settings.model),
            settings.bucket,
            settings.min_n,
            settings.max_n,
            settings.rate_updates,
            settings.sample,
        )
    )
    kept = model.kept_ngrams
    V, labels = len(model.words), len(model.labels)
    stream.write(SIZES.pack(V + labels, V, labels, model.num_tokens, -1 if kept is None else len(kept)))
    for entry, (word, count) in enumerate(zip(words, counts.tolist(), strict=True)):
        stream.write(word + b"\0" + ENTRY_END.pack(count, entry >= V))
    if kept is not None:
        stream.write(np.ascontiguousarray(kept, dtype="<i4").tobytes())
    _write_matrix(stream, model.input)
    _write_matrix(stream, model.output)


def _number(names: dict[int, str], name: str) -> int:
    return next(number for number, each in names.items() if each == name)


def _write_matrix(stream: BinaryIO, matrix: Floats | QuantizedMatrix | ScatteredMatrix) -> None:
    if isinstance(matrix, QuantizedMatrix):
        _write_quantized(stream, matrix)
        return
    stream.write(b"\0" + SHAPE.pack(*matrix.shape))
    blocks = matrix.blocks() if isinstance(matrix, ScatteredMatrix) else (matrix[r] for r in tiles(*matrix.shape))
    for block in blocks:
        stream.write(np.ascontiguousarray(block, dtype="<f4").tobytes())


def _write_quantized(stream: BinaryIO, matrix: QuantizedMatrix) -> None:
    with_norms = matrix.norm_codes is not None
    stream.write(b"\1" + CODES.pack(with_norms, *matrix.shape, matrix.codes.size))
    stream.write(np.ascontiguousarray(matrix.codes).tobytes())
    _write_quantizer(stream, matrix.quantizer)
    if matrix.norm_codes is not None and matrix.norm_quantizer is not None:
        stream.write(np.ascontiguousarray(matrix.norm_codes).tobytes())
        _write_quantizer(stream, matrix.norm_quantizer)


def _write_quantizer(stream: BinaryIO, quantizer: Quantizer) -> None:
    widths = [centroids.shape[1] for centroids in quantizer.centroids]
    stream.write(PIECES.pack(sum(widths), len(widths), widths[0], widths[-1]))
    for centroids in quantizer.centroids:
        stream.write(np.ascontiguousarray(centroids, dtype="<f4").tobytes())
