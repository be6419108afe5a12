"""fastText's own files, read and written as they are; see `vastmax.embedding.SubwordVectors` for what they mean."""

from vastmax.embedding.formats.fasttext.model import (
    FastTextModel,
    FastTextSettings,
    QuantizedMatrix,
    Quantizer,
)
from vastmax.embedding.formats.fasttext.reading import read_fasttext
from vastmax.embedding.formats.fasttext.writing import write_fasttext

__all__ = ["FastTextModel", "FastTextSettings", "QuantizedMatrix", "Quantizer", "read_fasttext", "write_fasttext"]
