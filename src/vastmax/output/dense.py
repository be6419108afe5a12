"""The plain softmax layer: one vector and one bias per word."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from vastmax.arguments import MOST_SIZE, MOST_WORDS, whole
from vastmax.errors import InputError
from vastmax.output.base import NoiseStep, Rows, set_if_zero
from vastmax.output.linear.native import native_noise_loss
from vastmax.output.linear.rows import LinearRows
from vastmax.output.table import TableOutput
from vastmax.tensors.numbers import at_least_float32
from vastmax.tensors.row_sparse import RowSparse, gather_rows


class Dense(RowSparse, TableOutput):
    """s(w) = W_w·h + b_w, log p(w | h) = s(w) − log Z, like `nn.Linear` and a softmax.

    Args:
        hidden_size: D ≥ 1.
        vocab_size: V ≥ 1.
        bias: whether words have a bias.
        weight: (V, D), an existing `nn.Parameter` to share, such as an input embedding (weight tying). D and V may then
            be left out.
        sparse_gradients: sampled objectives give a gradient only to the rows used in the step, as a sparse tensor;
            False makes it dense, at a cost of O(V·D) per step.
        device: the device of new parameters.
        dtype: the dtype of new parameters.

    Raises:
        InputError: sizes below 1, or different from those of `weight`.

    Shape:
        hidden (N, D), target (N,); `state_dict` is that of `nn.Linear(D, V)`.

    Cost:
        exact loss O(V·D) per example; sampled O(K·D).

    Example:
        >>> import torch
        >>> layer = Dense(4, 1000)
        >>> torch.allclose(layer.log_prob(torch.zeros(1, 4)).exp().sum(), torch.tensor(1.0))
        True
        >>> linear = torch.nn.Linear(4, 1000)
        >>> Dense.from_linear(linear).weight is linear.weight
        True
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    owns_weight: bool

    def __init__(
        self,
        hidden_size: int | None = None,
        vocab_size: int | None = None,
        bias: bool = True,
        *,
        weight: nn.Parameter | None = None,
        sparse_gradients: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if weight is not None:
            hidden_size, vocab_size = _sizes_of(weight, hidden_size, vocab_size)
            device, dtype = weight.device, weight.dtype
        if hidden_size is None or vocab_size is None:
            raise InputError("Dense needs hidden_size and vocab_size, or a weight that has them")
        hidden_size = whole("hidden_size", hidden_size, 1, MOST_SIZE)
        vocab_size = whole("vocab_size", vocab_size, 1, MOST_WORDS)
        self.hidden_size = hidden_size
        self.vocab_size = vocab_size
        self.sparse_gradients = sparse_gradients
        self.owns_weight = weight is None
        if weight is None:
            weight = nn.Parameter(torch.empty(vocab_size, hidden_size, device=device, dtype=dtype))
        self.weight = weight
        self.bias = nn.Parameter(torch.empty(vocab_size, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    @classmethod
    def from_linear(cls, linear: nn.Linear, *, sparse_gradients: bool = True) -> Dense:
        """Return a layer that shares the parameters of `linear`: training either trains both."""
        if not isinstance(linear, nn.Linear):
            raise InputError(
                f"linear is of type {type(linear).__name__}; expected an nn.Linear: tie others with Dense(weight=…)"
            )
        weight = cast(nn.Parameter, linear.weight)
        dense = cls(bias=False, weight=weight, sparse_gradients=sparse_gradients)
        dense.bias = cast("nn.Parameter | None", linear.bias)
        return dense

    def reset_parameters(self) -> None:
        """Draw the weight as `nn.Linear` does, unless it is shared; set the bias to zero until a head sets it."""
        if self.owns_weight:
            bound = 1 / math.sqrt(self.hidden_size)
            nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def remove_bias(self) -> None:
        """See `Output.remove_bias`."""
        self.bias = None

    def tie(self, weight: nn.Parameter) -> None:
        """See `Output.tie`."""
        _sizes_of(weight, self.hidden_size, self.vocab_size)
        self.weight = weight
        self.owns_weight = False

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"{self.hidden_size}, {self.vocab_size}, bias={self.bias is not None}, "
            f"sparse_gradients={self.sparse_gradients}"
        )

    def initialise_bias(self, value: float | Tensor) -> bool:
        """See `FlatOutput.initialise_bias`."""
        return self.bias is not None and set_if_zero([self.bias], [value])

    def select(self, word_ids: Tensor) -> Rows:
        """See `FlatOutput.select`."""
        weight = gather_rows(self.weight, word_ids, sparse=self.sparse_gradients)
        bias = None if self.bias is None else gather_rows(self.bias, word_ids, sparse=self.sparse_gradients)
        return LinearRows(word_ids, weight, self.shifted_bias(bias, word_ids))

    @property
    def traces_rows(self) -> bool:
        """See `Output.traces_rows`: with dense gradients, since PyTorch's compiler takes no sparse tensors."""
        return not (self.sparse_gradients and torch.compiler.is_compiling())

    def traced_scores(self, hidden: Tensor, noise_ids: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """See `FlatOutput.traced_scores`."""
        noise_score = linear(hidden, self.weight.index_select(0, noise_ids))
        precise = at_least_float32(noise_score.dtype)
        noise_score = noise_score.to(precise)
        target_score = (hidden.to(precise) * self.weight.index_select(0, target).to(precise)).sum(dim=1)
        if self.bias is not None:
            noise_score = noise_score + self.bias.index_select(0, noise_ids)
            target_score = target_score + self.bias.index_select(0, target)
        return noise_score, target_score

    def noise_loss(self, hidden: Tensor, target: Tensor, step: NoiseStep) -> Tensor | None:
        """See `FlatOutput.noise_loss`."""
        if self.score_shift is not None:
            return None
        return native_noise_loss(hidden, self.weight, self.bias, target, step, sparse_gradients=self.sparse_gradients)

    def table(self) -> tuple[Tensor, Tensor | None]:
        """See `TableOutput.table`."""
        return self.weight, self.bias


def _sizes_of(weight: Tensor, hidden_size: int | None, vocab_size: int | None) -> tuple[int, int]:
    if not isinstance(weight, nn.Parameter):
        raise InputError(
            f"weight is of type {type(weight).__name__}, which would be neither trained nor saved; expected a "
            "Parameter: pass torch.nn.Parameter(weight), or one of another module"
        )
    if weight.ndim != 2:
        raise InputError(f"weight has shape {tuple(weight.shape)}; expected (vocab_size, hidden_size)")
    rows, width = weight.shape
    if hidden_size not in (None, width) or vocab_size not in (None, rows):
        raise InputError(
            f"weight has shape {(rows, width)}, but vocab_size={vocab_size} and hidden_size={hidden_size} were passed"
        )
    return width, rows
