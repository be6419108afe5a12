"""The k best words of a flat layer, proved: rows coded in few bits bound every score, and only the rest is scored."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from vastmax.arguments import whole
from vastmax.atomic import replacing
from vastmax.errors import InputError
from vastmax.files.checksum import BlockSums
from vastmax.files.safetensors import Header, write_tensors
from vastmax.kernels.word_scan import BLOCK_ROWS, RowCodes, block_bytes, code_rows, scan_words
from vastmax.output.base import Output
from vastmax.output.table import TableOutput
from vastmax.tensors.plain_memory import in_plain_memory

FORMAT = "vastmax certified index 1"

Bits = Literal[4, 8]

_TOLERANCE = 2e-6
"""Of log Z, expected error and bias: log-probabilities are then within 1e-5 of the exact ones."""

_STALE = "the layer has changed since the index was built (it was trained, or has other weights): index.refresh(head)"


@dataclass(frozen=True)
class SearchReport:
    """What a search costs on queries of one's own, timed in turn with scoring every word.

    Attributes:
        queries: how many, one at a time.
        k: words per query.
        milliseconds: per query, median.
        exact_milliseconds: per query when every word is scored by PyTorch, median.
        scored_share: of the words, those scored in float32.
        recall: of the true k best; 1 by proof.
        certified_share: of the queries, those whose result is proved.
        num_bytes: that a query reads of the index.
    """

    queries: int
    k: int
    milliseconds: float
    exact_milliseconds: float
    scored_share: float
    recall: float
    certified_share: float
    num_bytes: int


class Certified:
    """An index that finds the same words as scoring all of them, proved for each query.

    Each row is coded with a few bits per weight, W_w = ŵ + r_w, so that |s(w) − ŵ·h − b_w| ≤ ‖r_w‖·‖h‖; what rounding
    in float32 may add is part of the bound. One pass over the codes bounds every score from both sides; the words whose
    upper end reaches the k-th best lower end hold the k best, and they alone are scored in float32. Equal scores go by
    word id.

    The same as ``head.topk(hidden, k)`` without reading the (V, D) table.

    Args:
        source: a `Head` over a plain table of vectors (`Dense`; `CharCNN` once it is frozen; `Given`), float32 on a
            CPU, or that layer. The correction of negative sampling is part of the scores.
        bits: per weight. 4 read half the memory that 8 do and leave more words to be scored.
        threads: at most so many; None for as many as PyTorch takes.

    Raises:
        InputError: another kind of layer, dtype or device; a weight or bias that is not finite.

    Cost:
        V·D bytes (8 bits) or V·D/2 (4 bits) of memory and of reading per query, up to 8 queries sharing them; building
        reads the table once.

    Example:
        >>> import torch
        >>> from vastmax import Head, objective, output, search
        >>> head = Head(output.Dense(16, 1000), objective.CrossEntropy()).eval()
        >>> index = search.Certified(head)
        >>> hidden = torch.randn(3, 16)
        >>> bool((head.topk(hidden, 5, search=index)[1] == head.topk(hidden, 5)[1]).all())
        True
    """

    def __init__(self, source: Any, *, bits: Bits = 4, threads: int | None = None) -> None:
        if bits not in get_args(Bits):
            raise InputError(f"bits is {bits!r}; expected 4 or 8")
        if threads is not None:
            whole("threads", threads, 1, None)
        self.bits: Bits = bits
        self._threads = threads
        self.refresh(source)

    def refresh(self, source: Any) -> None:
        """Code the rows again, after the layer was trained."""
        weight, bias = _table_of(source)
        for name, tensor in (("weight", weight), ("bias", bias)):
            if tensor is not None and not bool(torch.isfinite(tensor).all()):
                raise InputError(f"the {name} of the layer holds a NaN or an infinity, which no bound holds for")
        self.vocab_size, self.hidden_size = weight.shape
        self._codes = code_rows(weight, bias, bits=self.bits, threads=self.threads)
        self._fingerprint = _fingerprint(weight, bias)

    @property
    def threads(self) -> int:
        """Threads that a search may take."""
        return self._threads or torch.get_num_threads()

    @property
    def num_bytes(self) -> int:
        """Bytes that a query reads of the index."""
        return self._codes.num_bytes

    def topk(self, output: Output, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return (log_prob, word_ids), (N, k) each, as `Output.topk` does; `Head.topk(search=index)` calls it.

        Log-probabilities are within 1e-5 of the exact ones: log Z is summed over the rough scores, the heaviest words
        scored exactly.

        Raises:
            InputError: the index is of another layer, or of this one before it was trained.
        """
        score, word_id, log_normaliser, _ = self._scan(output, hidden, k, normaliser=True)
        return score - log_normaliser[:, None], word_id

    def log_normaliser(self, source: Any, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return (log Z, its standard error), (N,) each.

        Args:
            source: the head or layer of the index.
            hidden: (N, D).

        Raises:
            InputError: as `topk`.
        """
        _, _, log_normaliser, error = self._scan(_layer_of(source), hidden, 1, normaliser=True)
        return log_normaliser, error

    def _scan(self, output: Any, hidden: Tensor, k: int, *, normaliser: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        weight, bias = _table_of(output)
        if weight.shape != (self.vocab_size, self.hidden_size):
            raise InputError(
                f"the index is of {self.vocab_size:,} words × {self.hidden_size}, the layer has "
                f"{weight.shape[0]:,} × {weight.shape[1]}: build one from this head, search.Certified(head)"
            )
        queries = hidden.detach().to(torch.float32).contiguous()
        sound = torch.isfinite(queries).all(dim=1)
        found = scan_words(
            queries[sound] if not bool(sound.all()) else queries,
            weight,
            bias,
            k,
            codes=self._codes,
            normaliser=normaliser,
            tolerance=_TOLERANCE,
            threads=self.threads,
        )
        if found.num_broken.any():
            raise InputError(_STALE)
        self.last_scored = found.num_scored
        N = hidden.shape[0]
        score, word_id = torch.full((N, k), torch.nan), torch.arange(k).repeat(N, 1)
        log_normaliser, error = torch.full((N,), torch.nan), torch.full((N,), torch.nan)
        score[sound], word_id[sound] = torch.from_numpy(found.score), torch.from_numpy(found.word_id)
        if found.log_normaliser is not None and found.normaliser_error is not None:
            log_normaliser[sound] = torch.from_numpy(found.log_normaliser)
            error[sound] = torch.from_numpy(found.normaliser_error)
        return score, word_id, log_normaliser, error

    @torch.no_grad()
    def report(self, source: Any, hidden: Tensor, k: int = 10) -> SearchReport:
        """Time the index on queries of one's own, each in turn with scoring every word by PyTorch.

        Args:
            source: the head or layer of the index.
            hidden: (N, D), N ≥ 1, such as the model makes them of held-out text.
            k: words per query.
        """
        layer = _layer_of(source)
        whole("k", k, 1, self.vocab_size, "the vocabulary size")
        if hidden.ndim != 2 or not hidden.shape[0]:
            raise InputError(f"hidden has shape {tuple(hidden.shape)}; expected (N, {self.hidden_size}), N at least 1")
        weight, bias = _table_of(layer)
        scored, own, all_words, same = [], [], [], 0
        for query in torch.split(hidden, 1):
            began = time.perf_counter()
            _, word_ids = self.topk(layer, query, k)
            between = time.perf_counter()
            scores = query @ weight.T if bias is None else torch.addmm(bias, query, weight.T)
            expected = scores.topk(k, dim=1).indices
            ended = time.perf_counter()
            own.append(between - began)
            all_words.append(ended - between)
            scored.append(int(self.last_scored[0]))
            same += len(np.intersect1d(expected[0].numpy(), word_ids[0].numpy()))
        return SearchReport(
            queries=len(own),
            k=k,
            milliseconds=1e3 * float(np.median(own)),
            exact_milliseconds=1e3 * float(np.median(all_words)),
            scored_share=float(np.mean(scored)) / self.vocab_size,
            recall=same / (k * len(own)),
            certified_share=1.0,
            num_bytes=self.num_bytes,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index, with a checksum and the fingerprint of the weights that it was built from."""
        codes = self._codes
        tensors: dict[str, np.ndarray] = {
            "scale": codes.scale,
            "error": codes.error,
            "bias": codes.bias,
            "norm": codes.norm,
            "codes": codes.codes.view(np.uint8),
        }
        metadata = {
            "format": FORMAT,
            "bits": str(self.bits),
            "vocab_size": str(self.vocab_size),
            "hidden_size": str(self.hidden_size),
            "weights": self._fingerprint,
        }
        with replacing(path) as beside, open(beside, "wb") as stream:
            write_tensors(stream, tensors, metadata)


def load(path: str | os.PathLike[str], source: Any, *, threads: int | None = None) -> Certified:
    """Load an index for the head that it was built from; its codes are mapped into memory, not read.

    Args:
        path: a file that `Certified.save` wrote.
        source: the head.
        threads: as in `Certified`.

    Raises:
        InputError: the file is damaged, of another format or version, or of other weights.
    """
    header = Header(os.fspath(path))
    found = header.metadata.get("format")
    if found != FORMAT:
        raise InputError(f"{os.fspath(path)} is no index of this version ({found or 'no format'!r}, not {FORMAT!r})")
    header.require_checksum()
    try:
        bits, V, D = (int(header.metadata[name]) for name in ("bits", "vocab_size", "hidden_size"))
    except (KeyError, ValueError) as error:
        raise InputError(f"{os.fspath(path)} is damaged: {error}") from None
    if bits not in get_args(Bits):
        raise InputError(f"{os.fspath(path)} is damaged: it has {bits} bits per weight")
    weight, bias = _table_of(source)
    if weight.shape != (V, D) or _fingerprint(weight, bias) != header.metadata.get("weights"):
        raise InputError(
            f"{os.fspath(path)} was built from other weights than those of this head: build it anew, "
            "search.Certified(head).save(path)"
        )
    blocks = -(-V // BLOCK_ROWS)
    rows = blocks * BLOCK_ROWS
    sizes = {"scale": rows, "error": rows, "bias": rows, "norm": blocks, "codes": blocks * block_bytes(D, bits)}
    arrays = {name: _mapped(header, name, size) for name, size in sizes.items()}
    index = Certified.__new__(Certified)
    index.bits, index._threads = bits, threads  # type: ignore[assignment]
    index.vocab_size, index.hidden_size = V, D
    index._codes = RowCodes(bits, **{**arrays, "codes": arrays["codes"].view(np.int8)})
    index._fingerprint = header.metadata["weights"]
    return index


def _mapped(header: Header, name: str, size: int) -> Any:
    """An array of the file, checked, then mapped."""
    place = header.place(name, "U8" if name == "codes" else "F32", 1)
    if place.shape != (size,):
        raise InputError(f"{header.path} is damaged: {name!r} has {place.shape[0]} numbers; expected {size}")
    place.require()
    return place.map()


def _layer_of(source: Any) -> Any:
    """The layer whose softmax is searched: that of a head, its correction of scores included."""
    return source.likelihood() if hasattr(source, "likelihood") else source


def _table_of(source: Any) -> tuple[Tensor, Tensor | None]:
    layer = _layer_of(source)
    if not isinstance(layer, TableOutput):
        raise InputError(
            f"{type(layer).__name__} is not searched by codes, which need one vector per word (Dense, Given, CharCNN); "
            "trees and clusters are searched best first by topk itself"
        )
    with torch.no_grad():
        weight, bias = layer.scored_table()
    weight = weight.detach()
    bias = None if bias is None else bias.detach().to(torch.float32).contiguous()
    if not in_plain_memory(weight, bias) or not weight.is_contiguous():
        raise InputError(
            f"the table of the layer is {weight.dtype} on {weight.device}; codes are made of float32 in the memory of "
            "a CPU: head.float().cpu()"
        )
    return weight, bias


def _fingerprint(weight: Tensor, bias: Tensor | None) -> str:
    """Digits that tell these weights from others: checksums of their bytes."""
    sums = BlockSums()
    for tensor in (weight, bias):
        if tensor is not None:
            sums.update(tensor.numpy().reshape(-1).view(np.uint8).data)
    return hashlib.sha256(sums.digits.encode()).hexdigest()
