"""Statistics that show the quality of an approximation; see `Head.diagnose`."""

from __future__ import annotations

import torch
from torch import Tensor

from vastmax.objective.base import Objective
from vastmax.output.base import FlatOutput, Output
from vastmax.proposal.base import Context
from vastmax.tensors.random import Rng
from vastmax.tensors.shard import own_rows


def diagnosis(
    output: Output, objective: Objective, hidden: Tensor, target: Tensor, *, context: Context, generator: Rng
) -> dict[str, float]:
    """Return the statistics of `Head.diagnose` for checked examples: `hidden` (n, D), `target` (n,), n ≥ 1."""
    generator_state = None if generator is None else generator.get_state()
    with torch.enable_grad():
        loss = objective(output, hidden, target, context=context, generator=generator).mean()
        touched = _touched_share(loss, output)
    training_loss = float(loss.detach())
    if generator is not None and generator_state is not None:
        generator.set_state(generator_state)
    with torch.no_grad():
        exact_loss = float(-objective.likelihood(output).log_prob(hidden, target).mean())
        figures = {
            "training_loss": training_loss,
            "exact_loss": exact_loss,
            "gap": training_loss - exact_loss,
            "touched_share": touched,
        }
        if isinstance(output, FlatOutput):
            _, log_normaliser = output.exact(hidden, target)
            figures["log_normaliser_mean"] = float(log_normaliser.mean())
            figures["log_normaliser_mean_abs"] = float(log_normaliser.abs().mean())
            figures["log_normaliser_std"] = float(log_normaliser.std(correction=0))
        figures |= objective.diagnose(output, hidden, target, context=context, generator=generator)
    return figures


def _touched_share(loss: Tensor, output: Output) -> float:
    """Return the share of the layer's parameters in this process for which the gradient of `loss` has an entry."""
    parameters = [parameter for parameter in output.parameters() if parameter.requires_grad]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    touched = 0
    for gradient in gradients:
        if gradient is not None:
            touched += gradient._values().numel() if gradient.is_sparse else own_rows(gradient).numel()
    return touched / max(1, sum(own_rows(parameter).numel() for parameter in parameters))
