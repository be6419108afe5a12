"""The plain table that an index is built from: that of a head, of a layer, or of word vectors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.embedding import WordVectors
from vastmax.errors import InputError
from vastmax.files.checksum import BlockSums
from vastmax.output.table import TableOutput
from vastmax.tensors.plain_memory import in_plain_memory

_TILE_ROWS = 1 << 16

Stamp = tuple[tuple[int, int, tuple[int, ...]] | None, ...]


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """s(w) = weight_w·q + bias_w, float32 in the memory of a CPU.

    Attributes:
        weight: (V, D), contiguous.
        bias: (V,), contiguous, or None.
        layer: the layer they belong to; None for word vectors, whose rows here have length 1.
        parameters: the tensors that training would change.
    """

    weight: Tensor
    bias: Tensor | None
    layer: TableOutput | None
    parameters: tuple[Tensor | None, ...]

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.weight.shape[0]

    @property
    def width(self) -> int:
        """D."""
        return self.weight.shape[1]

    def queries(self, hidden: Tensor) -> Tensor:
        """Return the vectors to multiply with the rows: (N, D) float32, contiguous, without a gradient."""
        with torch.no_grad():
            own = hidden if self.layer is None else self.layer.scaled(hidden)
        return own.detach().to(torch.float32).contiguous()

    def scores(self, queries: Tensor) -> Tensor:
        """Return all scores, (N, V)."""
        return queries @ self.weight.T if self.bias is None else torch.addmm(self.bias, queries, self.weight.T)

    def stamp(self) -> Stamp:
        """Return a value that changes when PyTorch writes to the parameters, or when they are replaced."""
        return tuple(None if x is None else (x.data_ptr(), x._version, tuple(x.shape)) for x in self.parameters)

    def fingerprint(self) -> str:
        """Return a digest of these numbers, from checksums of their bytes. Cost: reads them once."""
        sums = BlockSums()
        for tensor in (self.weight, self.bias):
            if tensor is not None:
                sums.update(tensor.numpy().reshape(-1).view(np.uint8).data)
        return hashlib.sha256(sums.digits.encode()).hexdigest()

    def require_finite(self) -> None:
        """Raise InputError if a number is not finite."""
        for name, tensor in (("weight", self.weight), ("bias", self.bias)):
            if tensor is not None and not bool(torch.isfinite(tensor).all()):
                raise InputError(f"the {name} of the layer holds a NaN or an infinity, for which no bound holds")


def layer_of(source: Any) -> Any:
    """Return the layer whose softmax is searched: that of a head, including its correction of scores."""
    return source.likelihood() if hasattr(source, "likelihood") else source


def table_of(source: Any) -> ScoreTable:
    """Return the table of a `Head`, of a layer with one vector per word, or of `WordVectors`.

    Raises:
        InputError: another kind of layer, dtype or device.
    """
    if isinstance(source, WordVectors):
        weight = torch.from_numpy(_unit_rows(source))
        return ScoreTable(weight, None, None, (weight,))
    layer = layer_of(source)
    if not isinstance(layer, TableOutput):
        raise InputError(
            f"{type(layer).__name__} has no table with one vector per word, as Dense, Given and CharCNN do; "
            "use search.BestFirst for trees and clusters"
        )
    if layer.score_map is not None:
        raise InputError(
            "the scores of this head go through a cap or a temperature, which indexes do not support: call head.topk "
            "without search="
        )
    with torch.no_grad():
        weight, own_bias = layer.table()
        bias = layer.shifted_bias(own_bias)
    weight = weight.detach()
    bias = None if bias is None else bias.detach().to(torch.float32).contiguous()
    if not in_plain_memory(weight, bias) or not weight.is_contiguous():
        raise InputError(
            f"the table of the layer is {weight.dtype} on {weight.device}; an index needs float32 in the memory of a "
            "CPU: call head.float().cpu()"
        )
    return ScoreTable(weight, bias, layer, (weight, own_bias))


def _unit_rows(vectors: WordVectors) -> NDArray[np.float32]:
    rows = np.empty((len(vectors), vectors.vector_size), dtype=np.float32)
    for start in range(0, len(rows), _TILE_ROWS):
        word_ids = np.arange(start, min(start + _TILE_ROWS, len(rows)))
        rows[word_ids] = vectors.unit_vectors(word_ids)
    return rows
