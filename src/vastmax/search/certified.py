"""The k best words of a plain table, with proof: quantized rows bound every score; rows in doubt are scored."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vastmax.arguments import real, whole
from vastmax.errors import InputError
from vastmax.kernels.coded_normalizer import sample_normalizer
from vastmax.kernels.word_scan import BLOCK_ROWS, CodedTable, block_bytes, code_table, scan_codes, scan_rows
from vastmax.search.facts import FLAT_SHARE
from vastmax.search.index import STALE, Best, Index
from vastmax.search.index_file import IndexFile
from vastmax.search.score_table import ScoreTable

Bits = Literal[4, 8]

_LIKELY = 512
"""Number of words with the highest biases, which are scored first: some of them set a high bar for all others."""

_TILE_ROWS = 1 << 16

_ROUGH, _MANY_QUERIES = 1e-3, 8
"""Tolerance of log Z below which as many queries as the second number cost more by codes than by the rows."""

_ROUGH_VARIANCE = 1.0
"""Expected squared error of scores by the leading codes above which they are too rough to draw words by."""

_ENOUGH_QUERIES = 4
"""Number of queries after which the codes are discarded if more than `FLAT_SHARE` of the rows had to be scored."""


class Certified(Index):
    """An index that finds the same words as scoring all of them, with proof for each query.

    Rows and queries are rotated to the principal directions of the rows and quantized in two parts: the leading columns
    with `bits` bits per weight, the residual of the row with 8. The norm of the remaining error r_w bounds scores:
    |s(w) − ŝ(w)| ≤ ‖r_w‖·‖h‖. One pass reads the leading codes. The second codes are read only for rows that may still
    be among the k best, and the float32 row only if that leaves a doubt. Equal scores are ordered by word id.

    Equals ``head.topk(hidden, k)`` without reading the (V, D) table.

    Args:
        source: a `Head` over a plain table of vectors (`Dense`; `CharCNN` once it is frozen; `Given`), float32 on a
            CPU, or that layer, or `WordVectors`. The correction of negative sampling is part of the scores.
        width: number of leading columns, in [1, D]; None: until the rest of the rows is short.
        bits: bits per weight of their codes.
        tolerance: error allowed in log Z, and so in log-probabilities; it decides how exactly words of high probability
            are scored. 1e-3 is several times cheaper than 1e-5.
        threads: upper bound; None for the number that PyTorch uses.

    Attributes:
        scans: whether the index has discarded its codes and scores every row, without and with log Z: it does so if too
            many rows had to be scored, because the model is flat.

    Raises:
        InputError: another kind of layer, dtype or device; a weight or bias that is not finite.

    Cost:
        V·(D + width/2 + 20) bytes of memory, of which a query reads V·(width/2 + 16) bytes and the rows in doubt; a
        batch shares the reads. Log Z to 1e-5 reads most of the rest. Building takes two copies of the table in memory.

    Example:
        >>> import torch
        >>> from vastmax import Head, objective, output, search
        >>> head = Head(output.Dense(16, 1000), objective.CrossEntropy()).eval()
        >>> index = search.Certified(head)
        >>> hidden = torch.randn(3, 16)
        >>> bool((head.topk(hidden, 5, search=index)[1] == head.topk(hidden, 5)[1]).all())
        True
    """

    kind: ClassVar[str] = "certified"
    scans: dict[bool, bool]

    def __init__(
        self,
        source: Any,
        *,
        width: int | None = None,
        bits: Bits = 4,
        tolerance: float = 1e-5,
        threads: int | None = None,
    ) -> None:
        if bits not in get_args(Bits):
            raise InputError(f"bits is {bits!r}; expected 4 or 8")
        if width is not None:
            whole("width", width, 1, None)
        self.bits: Bits = bits
        self.width = width
        self.tolerance = real("tolerance", tolerance, 0.0, 1.0, above=True)
        super().__init__(source, threads=threads)

    def _begin(self) -> None:
        self.scans = {False: False, True: False}
        self._asked = {False: (0, 0), True: (0, 0)}

    def _build(self, table: ScoreTable) -> None:
        self._begin()
        D = table.width
        if self.width is not None:
            whole("width", self.width, 1, D, "the width of the rows")
        moment = torch.zeros(D, D, dtype=torch.float64)
        for rows in torch.split(table.weight, _TILE_ROWS):
            moment += rows.double().T @ rows.double()
        energy, directions = torch.linalg.eigh(moment)
        self._rotate_by(directions.flip(1).float().contiguous())
        width = self.width or leading_width(energy.flip(0).clamp_min(0.0))
        turned = torch.cat([self._turned(rows) for rows in torch.split(table.weight, _TILE_ROWS)])
        self._coded = code_table(
            turned.numpy(),
            table.bias,
            first_width=width,
            first_bits=self.bits,
            slack=_defect(self._rotation),
            threads=self.threads,
        )
        order = table.weight.norm(dim=1) if table.bias is None else table.bias
        self._likely = order.topk(min(_LIKELY, len(order))).indices.sort().values.numpy()

    def _normaliser(
        self,
        table: ScoreTable,
        hidden: Tensor,
        best: int | None,
        samples: int | None,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Estimate log Z by the codes to `tolerance`, or by `samples` rows."""
        if best is not None:
            raise InputError(
                f"best is {best}; a certified index chooses by itself which words it sums exactly: leave it out"
            )
        if samples is not None:
            whole("samples", samples, 2, None)
        if not len(hidden):
            return torch.zeros(0), torch.zeros(0)
        if samples is not None:
            return self._sampled(table, hidden, samples, generator)
        return self._to_tolerance(table, hidden)

    def _to_tolerance(self, table: ScoreTable, hidden: Tensor) -> tuple[Tensor, Tensor]:
        found = self._answer(table, hidden, 1, normaliser=True)
        assert found.log_normaliser is not None
        assert found.normaliser_error is not None
        return found.log_normaliser, found.normaliser_error

    def _sampled(
        self, table: ScoreTable, hidden: Tensor, samples: int, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Estimate log Z from a sample, or to `tolerance` if the codes are too rough to draw words by."""
        queries = table.queries(hidden)
        turned = self._turned(queries)
        seed = torch.randint(-(2**63), 2**63 - 1, (len(queries),), generator=generator)
        expected = torch.from_numpy(self._coded.spread_of(turned.numpy())) * float(
            self._coded.variance[: self.vocab_size].mean()
        )
        drawn = (expected <= _ROUGH_VARIANCE).nonzero()[:, 0]  # none of NaN
        log_z, error = torch.full((2, len(queries)), torch.nan)
        if len(drawn):
            found = sample_normalizer(
                queries[drawn],
                table.weight,
                table.bias,
                coded=self._coded,
                turned=turned[drawn],
                seed=seed[drawn].numpy().view(np.uint64),
                likely=self._likely,
                draws=samples,
                threads=self.threads,
            )
            log_z[drawn], error[drawn] = torch.from_numpy(found.log_normalizer), torch.from_numpy(found.error)
        left = (~torch.isfinite(log_z)).nonzero()[:, 0]
        if len(left):
            log_z[left], error[left] = self._to_tolerance(table, hidden[left])
        return log_z, error

    def _find(self, table: ScoreTable, queries: Tensor, k: int, *, normaliser: bool) -> Best:
        many = normaliser and self.tolerance < _ROUGH and len(queries) >= _MANY_QUERIES
        if self.scans[normaliser] or many:
            found = scan_rows(queries, table.weight, table.bias, k, normaliser=normaliser, threads=self.threads)
        else:
            found = scan_codes(
                queries,
                table.weight,
                table.bias,
                k,
                coded=self._coded,
                turned=self._turned(queries),
                likely=self._likely,
                normaliser=normaliser,
                tolerance=self.tolerance,
                threads=self.threads,
            )
            if found.num_broken.any():
                raise InputError(STALE)
            self._learn(found.num_scored, normaliser)
        return Best(
            score=torch.from_numpy(found.score),
            word_id=torch.from_numpy(found.word_id),
            certified=torch.ones(len(queries), dtype=torch.bool),
            num_scored=torch.from_numpy(found.num_scored),
            log_normaliser=None if found.log_normaliser is None else torch.from_numpy(found.log_normaliser),
            normaliser_error=None if found.normaliser_error is None else torch.from_numpy(found.normaliser_error),
        )

    def _learn(self, num_scored: NDArray[np.int64], normaliser: bool) -> None:
        """Discard the codes if too many rows had to be scored: in a flat model, no small set of words dominates."""
        asked, scored = self._asked[normaliser]
        asked, scored = asked + len(num_scored), scored + int(num_scored.sum())
        self._asked[normaliser] = asked, scored
        if asked >= _ENOUGH_QUERIES:
            self.scans[normaliser] = scored > FLAT_SHARE * asked * self.vocab_size

    def _turned(self, rows: Tensor) -> Tensor:
        """Return rows or queries in the directions of the index; in float64, so that they are rounded only once."""
        turned: Tensor = (rows.double() @ self._wide_rotation).float()
        return turned

    def _rotate_by(self, rotation: Tensor) -> None:
        self._rotation, self._wide_rotation = rotation, rotation.double()

    @property
    def num_bytes(self) -> int:
        """Number of bytes of the index."""
        return int(self._coded.num_bytes + 3 * self._rotation.nbytes + self._likely.nbytes)

    def _tensors(self) -> dict[str, NDArray[Any]]:
        coded = {name: value for name, value in vars(self._coded).items() if isinstance(value, np.ndarray)}
        arrays = {"likely": self._likely, "rotation": self._rotation.numpy().reshape(-1), **coded}
        return {
            name: array.view(np.uint8) if array.dtype == np.int8 else array
            for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize)
        }

    def _settings(self) -> dict[str, int | float | None]:
        return {
            "width": self._coded.first_width,
            "bits": self.bits,
            "tolerance": self.tolerance,
            "balance": self._coded.balance,
            "slack": self._coded.slack,
        }

    def _restore(self, file: IndexFile) -> None:
        self._begin()
        V, D = file.vocab_size, file.hidden_size
        self.bits = 4 if file.whole("bits", 4, 8) == 4 else 8
        self.width = width = file.whole("width", 1, D)
        self.tolerance = file.real("tolerance", 0.0, 1.0)
        blocks = -(-V // BLOCK_ROWS)
        rows = blocks * BLOCK_ROWS
        seconds = 0 if width == D and self.bits == 8 else 1
        sizes = dict.fromkeys(("first_scale", "first_error", "variance", "bias"), rows)
        sizes |= dict.fromkeys(("second_scale", "second_error"), rows * seconds)
        sizes |= {"norm": blocks, "first_spread": blocks, "second_spread": blocks * seconds, "energy": D}
        arrays: dict[str, Any] = {name: file.mapped(name, "F32", size) for name, size in sizes.items()}
        self._coded = CodedTable(
            first_bits=self.bits,
            first_width=width,
            first_codes=file.mapped("first_codes", "U8", blocks * block_bytes(width, self.bits)).view(np.int8),
            second_codes=file.mapped("second_codes", "U8", blocks * block_bytes(D, 8) * seconds).view(np.int8),
            balance=file.real("balance", 0.0, np.inf),
            slack=file.real("slack", 0.0, np.inf),
            **arrays,
        )
        self._rotate_by(torch.from_numpy(file.mapped("rotation", "F32", D * D).reshape(D, D).copy()))
        self._likely = file.mapped("likely", "I64", min(_LIKELY, V)).copy()


def leading_width(energy: Tensor) -> int:
    """Return the number of leading columns to code first; the others hold little of the rows.

    Args:
        energy: (D,), of the columns, descending.
    """
    D = len(energy)
    left = 1.0 - energy.cumsum(0) / energy.sum().clamp_min(1e-300)
    width = int((left > _SMALL_REST).sum()) + 1
    width = -(-width // 16) * 16
    return D if width > D // 2 else width


_SMALL_REST = 0.2
"""Largest share of the rows' squared length outside the leading columns."""


def _defect(rotation: Tensor) -> float:
    """Return the bound of how much the rotation changes products, per unit of the norms, apart from rounding."""
    exact = rotation.double()
    return float((exact @ exact.T - torch.eye(len(exact), dtype=torch.float64)).norm()) * (1.0 + 1e-6)
