"""log Z of a linear layer and its gradients by the native kernel, the scores never leaving the cache."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.kernels import linear_softmax
from vastmax.output.native_support import kernel_takes

_FEWEST_EXAMPLES = 32
"""With fewer, reading the words costs more than multiplying them, and the kernel's packing is one reading more."""


def native_exact_takes(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether the kernel should be given these; `hidden` (n, D) in the dtype of the product."""
    return hidden.shape[0] >= _FEWEST_EXAMPLES and kernel_takes(hidden, weight, bias)


def native_log_normaliser(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """logsumexp(hidden @ weight.T + bias) by example, (n,); not differentiable by itself."""
    log_normaliser = hidden.new_empty(hidden.shape[0])
    linear_softmax.forward(
        hidden.detach().contiguous(),
        weight.detach(),
        None if bias is None else bias.detach(),
        log_normaliser=log_normaliser,
        threads=torch.get_num_threads(),
    )
    return log_normaliser


def native_normaliser_gradients(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    log_normaliser: Tensor,
    upstream: Tensor,
    *,
    wanted: tuple[bool, ...],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The gradients of Σ upstream·log Z by hidden, weight and bias, those that are `wanted`."""
    grad_hidden = hidden.new_empty(hidden.shape) if wanted[0] else None
    grad_weight = torch.empty_like(weight) if wanted[1] else None
    grad_bias = torch.empty_like(bias) if bias is not None and wanted[2] else None
    linear_softmax.backward(
        hidden.detach().contiguous(),
        weight.detach(),
        None if bias is None else bias.detach(),
        log_normaliser=log_normaliser,
        upstream=upstream.contiguous(),
        hidden_gradient=grad_hidden,
        weight_gradient=grad_weight,
        bias_gradient=grad_bias,
        threads=torch.get_num_threads(),
    )
    return grad_hidden, grad_weight, grad_bias
