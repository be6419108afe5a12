"""Output vectors computed from spellings: few parameters, and words with similar forms start with similar vectors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vastmax.arguments import MOST_SIZE, whole
from vastmax.characters.convolution import CharacterCNN
from vastmax.output.base import NoiseStep, set_if_zero
from vastmax.output.linear.native import native_noise_loss
from vastmax.output.linear.rows import LinearRows
from vastmax.output.linear.tiles import spans
from vastmax.output.table import FrozenTable
from vastmax.tensors.plain_memory import kernel_takes
from vastmax.tensors.row_sparse import RowSparse, gather_rows

_WORDS_AT_ONCE = 4096
"""Words processed together when the whole table is computed: about 60 MB."""


class CharCNN(RowSparse, FrozenTable):
    """s(w) = W_w·h + b_w with W_w = CNN(spelling of w) + M·r_w (CNN-softmax, Jozefowicz et al. 2016).

    The correction r_w, a few numbers per word, lets words with similar spellings have different meanings. With a
    sampled objective, only the distinct words used in the step go through the network. Calls that read all words
    (`log_prob`, `topk`, a loss over all of V) compute the whole table of V vectors, until `freeze` stores it.

    Args:
        hidden_size: D ≥ 1.
        words: distinct words, in id order.
        correction_size: the size of r_w; 0 for no correction. None: D // 8, the share in the paper.
        bias: whether words have a bias.
        filters: an option of the network, see `CharacterCNN`.
        symbol_size: the size of the vectors of bytes, see `CharacterCNN`.
        unknown: the word with its own symbol instead of letters, see `CharacterCNN`.
        sparse_gradients: for r and b, as for `Dense`; the gradients of the network are dense and small.
        device: the device of the parameters.
        dtype: the dtype of the parameters.

    Raises:
        InputError: sizes out of range, or words that cannot be spelled.

    Shape:
        hidden (N, D), target (N,). Parameters `correction` (V, c), `bias` (V,), and those of the network, which do not
        grow with V.

    Cost:
        sampled: that of `Dense`, plus the network (see `CharacterCNN`) for each distinct word of the step, and twice
        that backward. Exact: the network for all V words in each call; after `freeze()`, that of `Dense`.

    Example:
        >>> output = CharCNN(16, ["cat", "cats", "dog", "<unk>"])
        >>> live = output.log_prob(torch.ones(1, 16))
        >>> torch.allclose(output.freeze().log_prob(torch.ones(1, 16)), live)
        True
    """

    def __init__(
        self,
        hidden_size: int,
        words: Iterable[str],
        correction_size: int | None = None,
        *,
        bias: bool = True,
        filters: Mapping[int, int] | None = None,
        symbol_size: int = 16,
        unknown: str | None = "<unk>",
        sparse_gradients: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        hidden_size = whole("hidden_size", hidden_size, 1, MOST_SIZE)
        if correction_size is None:
            correction_size = hidden_size // 8
        correction_size = whole("correction_size", correction_size, 0, MOST_SIZE)
        self.spelling = CharacterCNN(
            words,
            hidden_size,
            filters=filters,
            symbol_size=symbol_size,
            unknown=unknown,
            scale=1 / math.sqrt(hidden_size),  # initial scores of a unit hidden vector are as small as for `Dense`
            device=device,
            dtype=dtype,
        )
        self.hidden_size = hidden_size
        self.vocab_size = len(self.spelling.offsets) - 1
        self.sparse_gradients = sparse_gradients
        self.correction: nn.Parameter | None = None
        self.mix: nn.Linear | None = None
        if correction_size > 0:
            self.correction = nn.Parameter(torch.empty(self.vocab_size, correction_size, device=device, dtype=dtype))
            self.mix = nn.Linear(correction_size, hidden_size, bias=False, device=device, dtype=dtype)
        self.bias = nn.Parameter(torch.empty(self.vocab_size, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set corrections and biases to zero; the network resets its own parameters."""
        self.frozen_table = None
        for parameter in (self.correction, self.bias):
            if parameter is not None:
                nn.init.zeros_(parameter)

    def remove_bias(self) -> None:
        """See `Output.remove_bias`."""
        self.bias = None

    def extra_repr(self) -> str:
        """Sizes and options."""
        correction_size = 0 if self.correction is None else self.correction.shape[1]
        return (
            f"{self.hidden_size}, {self.vocab_size}, correction_size={correction_size}, bias={self.bias is not None}, "
            f"sparse_gradients={self.sparse_gradients}"
        )

    def initialise_bias(self, value: float | Tensor) -> bool:
        """See `FlatOutput.initialise_bias`."""
        return self.bias is not None and set_if_zero([self.bias], [value])

    def select(self, word_ids: Tensor) -> LinearRows:
        """See `FlatOutput.select`."""
        bias = None if self.bias is None else gather_rows(self.bias, word_ids, sparse=self.sparse_gradients)
        bias = self.shifted_bias(bias, word_ids)
        if self.frozen_table is not None:
            return LinearRows(word_ids, self.frozen_table.index_select(0, word_ids), bias)
        return LinearRows(word_ids, self._vectors(word_ids, sparse=self.sparse_gradients), bias)

    def noise_loss(self, hidden: Tensor, target: Tensor, step: NoiseStep) -> Tensor | None:
        """See `FlatOutput.noise_loss`; for the kernel, the vectors of the words of the step are a table."""
        if not kernel_takes(self.spelling.project.weight, self.bias, copied=(hidden,), on_baseline=False):
            return None
        word_ids = torch.unique(torch.cat([step.word_ids, target]))
        rows = self.select(word_ids)
        return native_noise_loss(
            hidden,
            rows.weight,
            rows.bias,
            torch.searchsorted(word_ids, target),
            replace(step, word_ids=torch.searchsorted(word_ids, step.word_ids)),
            sparse_gradients=False,
        )

    def live_table(self) -> Tensor:
        """See `FrozenTable.live_table`. Under autograd, the backward pass runs the network again in pieces."""
        device = self.spelling.offsets.device
        parts = []
        for span in spans(self.vocab_size, _WORDS_AT_ONCE):
            word_ids = torch.arange(span.start, span.stop, device=device)
            if torch.is_grad_enabled():
                parts.append(checkpoint(self._vectors, word_ids, use_reentrant=False))
            else:
                parts.append(self._vectors(word_ids))
        return torch.cat(parts)

    def table_bias(self) -> Tensor | None:
        """See `FrozenTable.table_bias`."""
        return self.bias

    def _vectors(self, word_ids: Tensor, *, sparse: bool = False) -> Tensor:
        vectors = self.spelling.vectors(word_ids)
        if self.correction is not None and self.mix is not None:
            vectors = vectors + self.mix(gather_rows(self.correction, word_ids, sparse=sparse))
        return vectors
