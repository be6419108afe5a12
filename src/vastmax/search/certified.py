"""The k best words of a plain table, proved: rows coded in few bits bound every score, and only the rest is scored."""

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
"""Words of the highest biases, scored first: among them are some that set a high bar for all others."""

_TILE_ROWS = 1 << 16

_ROUGH, _MANY_QUERIES = 1e-3, 8
"""So many queries at once with log Z to a tolerance below this cost more by codes than by the rows themselves."""

_ROUGH_VARIANCE = 1.0
"""Expected squared error of scores by the leading codes above which they are too rough to draw words by."""

_ENOUGH_QUERIES = 4
"""After so many queries codes are given up if more than this share of the rows was scored."""


class Certified(Index):
    """An index that finds the same words as scoring all of them, proved for each query.

    Rows and queries are turned to the principal directions of the rows and coded in two parts: leading columns with
    `bits` bits per weight, what that leaves of the row with 8. What a code leaves has a norm, and norms bound scores:
    |s(w) − ŝ(w)| ≤ ‖r_w‖·‖h‖. One pass reads the leading codes; the others are read of rows that may still be among
    the k best; and of those that may be then, the rows themselves, scored in float32. Equal scores go by word id.

    The same as ``head.topk(hidden, k)`` without reading the (V, D) table.

    Args:
        source: a `Head` over a plain table of vectors (`Dense`; `CharCNN` once it is frozen; `Given`), float32 on a
            CPU, or that layer, or `WordVectors`. The correction of negative sampling is part of the scores.
        width: leading columns, in [1, D]; None: where the rest of the rows is short.
        bits: of their codes.
        tolerance: of log Z, and so of log-probabilities; words that weigh much are scored so exactly. Where 1e-3 is
            enough, log Z costs little beside the words.
        threads: at most so many; None for as many as PyTorch takes.

    Attributes:
        scans: by whether log Z is wanted: whether the index found its codes of no use, since too many rows had to be
            scored after all (the model is flat), and now scores every row.

    Raises:
        InputError: another kind of layer, dtype or device; a weight or bias that is not finite.

    Cost:
        V·(D + width/2 + 20) bytes of memory, of which a query reads V·(width/2 + 16) and what is in doubt; a batch
        shares the reading. Log Z to 1e-5 reads most of the rest. Building takes two copies of the table in memory.

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
        """Estimate log Z from a sample; by the codes to `tolerance` where they are too rough to draw by."""
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
        """Give the codes up where too many rows are scored after all: a flat model has no few words that matter."""
        asked, scored = self._asked[normaliser]
        asked, scored = asked + len(num_scored), scored + int(num_scored.sum())
        self._asked[normaliser] = asked, scored
        if asked >= _ENOUGH_QUERIES:
            self.scans[normaliser] = scored > FLAT_SHARE * asked * self.vocab_size

    def _turned(self, rows: Tensor) -> Tensor:
        """Rows or queries in the directions of the index; in float64, so that one rounding is all that is lost."""
        turned: Tensor = (rows.double() @ self._wide_rotation).float()
        return turned

    def _rotate_by(self, rotation: Tensor) -> None:
        self._rotation, self._wide_rotation = rotation, rotation.double()

    @property
    def num_bytes(self) -> int:
        """Bytes of the index."""
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
    """Return how many leading columns to code first: those beyond hold little of the rows.

    Args:
        energy: (D,), of the columns, falling.
    """
    D = len(energy)
    left = 1.0 - energy.cumsum(0) / energy.sum().clamp_min(1e-300)
    width = int((left > _SMALL_REST).sum()) + 1
    width = -(-width // 16) * 16
    return D if width > D // 2 else width


_SMALL_REST = 0.2
"""Share of the rows' squared length that the columns which do not lead may hold."""


def _defect(rotation: Tensor) -> float:
    """How far turning changes products of rows and queries, per unit of their norms; rounding of the turned apart."""
    exact = rotation.double()
    return float((exact @ exact.T - torch.eye(len(exact), dtype=torch.float64)).norm()) * (1.0 + 1e-6)
