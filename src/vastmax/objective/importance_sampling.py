"""The gradient of the likelihood by importance sampling, with exact sums where too few draws dominate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.objective.base import Objective
from vastmax.objective.noise_scores import checked_num_samples, score_noise
from vastmax.objective.noise_sums import log_sum_and_squares
from vastmax.output.base import Output
from vastmax.proposal.base import Context, Proposal
from vastmax.tensors.random import Rng


@dataclass(frozen=True)
class _Estimate:
    """The current estimate of log Z of each example, all (N,).

    For importance weights r, `log_sum` is the log of their mean and `log_squares` the log of (Σ r²)/K².
    """

    target_score: Tensor
    log_sum: Tensor
    log_squares: Tensor
    num_drawn: Tensor

    @property
    def effective_size(self) -> Tensor:
        """ESS = (Σ r)²/Σ r², between 1 and K."""
        return (2 * self.log_sum.detach() - self.log_squares).exp()

    def joined(self, rows: Tensor, more: _Estimate) -> _Estimate:
        """Return the estimate with additional draws `more` for the examples `rows`."""
        old_drawn = self.num_drawn.index_select(0, rows)
        num_drawn = old_drawn + more.num_drawn
        log_old, log_new = (old_drawn / num_drawn).log(), (more.num_drawn / num_drawn).log()
        log_sum = torch.logaddexp(self.log_sum.index_select(0, rows) + log_old, more.log_sum + log_new)
        log_squares = torch.logaddexp(
            self.log_squares.index_select(0, rows) + 2 * log_old, more.log_squares + 2 * log_new
        )
        return _Estimate(
            self.target_score,
            self.log_sum.index_copy(0, rows, log_sum),
            self.log_squares.index_copy(0, rows, log_squares),
            self.num_drawn.index_copy(0, rows, num_drawn),
        )


class ImportanceSampling(Objective):
    """Cross-entropy whose log Z is estimated from weighted draws w_1 … w_K of the proposal.

    J = −s(t) + log( (1/K)·Σ_j r_j ), r_j = e^{s(w_j)}/Q(w_j) (Bengio & Senécal 2003). Its gradient is that of
    cross-entropy with the expectation under the model replaced by Σ_j (r_j/R)·∇s(w_j), R = Σ r_j. To first order, the
    loss is (Σ_w p(w)²/Q(w) − 1)/(2K) below the exact one, and the bias of the gradient also falls as 1/K.

    ESS = R²/Σ r_j², the *effective sample size* of an example, measures the quality of the estimate. The number of
    draws is doubled for the examples with an ESS below `min_ess`, up to `max_samples`. Examples that are still below
    get the exact loss. So do examples with J < 0, which no likelihood has: ESS does not notice a word that was never
    drawn, and if it was the target, the loss would decrease without bound.

    Args:
        proposal: the source of words, with replacement: `Unigram(counts)`, `AdaptiveBigram`. The nearer to the model,
            the larger the ESS.
        min_ess: the required ESS, ≥ 0; with 0 only the second rule applies.
        max_samples: the maximum K ≥ 1 per example.
        block_size: the initial number of draws.
        shared: one set of draws for the batch, scored by one matrix product; False draws for each example.

    Raises:
        InputError: values out of these ranges; a proposal with unique draws.

    Cost: as SampledSoftmax with as many words, plus O(V·D) for each example that gets the exact loss. If any does, the
    gradient of the layer is dense. `head.diagnose` reports their share: if it is large, use `SampledSoftmax`, which
    has the target in its sum and needs no fallback.

    Example: if the proposal is the model's distribution, the estimate is exact.
        >>> import torch
        >>> from vastmax import objective, output, proposal
        >>> layer, hidden, target = output.Dense(4, 50), torch.zeros(2, 4), torch.tensor([7, 7])  # p is uniform
        >>> sampled = objective.ImportanceSampling(proposal.Uniform(50), min_ess=10, max_samples=20)
        >>> torch.allclose(sampled(layer, hidden, target), -layer.log_prob(hidden, target))
        True
    """

    sampled = True
    proposal: Proposal

    def __init__(
        self, proposal: Proposal, min_ess: float, max_samples: int, *, block_size: int = 1024, shared: bool = True
    ) -> None:
        super().__init__()
        if proposal.unique:
            raise InputError("importance weights require draws with replacement: use unique=False")
        if not (min_ess >= 0 and math.isfinite(min_ess)):
            raise InputError(f"min_ess is {min_ess}; expected a finite number ≥ 0, such as 10")
        self.proposal = proposal
        self.min_ess = min_ess
        self.max_samples = checked_num_samples(max_samples, name="max_samples")
        if min_ess > max_samples:
            raise InputError(f"min_ess is {min_ess}, which max_samples = {max_samples} draws cannot reach")
        self.block_size = checked_num_samples(block_size, name="block_size")
        self.shared = shared

    def extra_repr(self) -> str:
        """Options."""
        return (
            f"min_ess={self.min_ess}, max_samples={self.max_samples}, block_size={self.block_size}, "
            f"shared={self.shared}"
        )

    def forward(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> Tensor:
        """Return losses (N,); see `Objective.forward`."""
        estimate = self._estimate(output, hidden, target, context, generator)
        loss = estimate.log_sum - estimate.target_score
        (rows,) = self._falls_back(estimate, loss).nonzero(as_tuple=True)
        if rows.shape[0] == 0:
            return loss
        target_score, log_normaliser = output.exact(hidden.index_select(0, rows), target.index_select(0, rows))
        return loss.index_copy(0, rows, log_normaliser - target_score)

    def diagnose(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> dict[str, float]:
        """Return "ess_min", "ess_mean", "num_samples_mean" and "num_samples_max" (K of the examples), and more.

        "fallback_share" is the share of examples with the exact loss. See `Objective.diagnose`.
        """
        estimate = self._estimate(output, hidden, target, context, generator)
        effective_size, num_drawn = estimate.effective_size, estimate.num_drawn
        falls_back = self._falls_back(estimate, estimate.log_sum - estimate.target_score)
        return {
            "ess_min": float(effective_size.min()),
            "ess_mean": float(effective_size.mean()),
            "num_samples_mean": float(num_drawn.mean()),
            "num_samples_max": float(num_drawn.max()),
            "fallback_share": float(falls_back.to(num_drawn.dtype).mean()),
        }

    def _falls_back(self, estimate: _Estimate, loss: Tensor) -> Tensor:
        return (estimate.effective_size < self.min_ess) | (loss.detach() < 0)

    def _estimate(self, output: Output, hidden: Tensor, target: Tensor, context: Context, generator: Rng) -> _Estimate:
        num_examples = hidden.shape[0]
        num_drawn = min(self.block_size, self.max_samples)
        estimate = self._block(output, hidden, target, num_drawn, context, generator)
        while num_drawn < self.max_samples:
            (rows,) = (estimate.effective_size < self.min_ess).nonzero(as_tuple=True)
            if rows.shape[0] == 0:
                break
            num_more = min(num_drawn, self.max_samples - num_drawn)
            of_rows = _examples_of(context, rows, num_examples)
            more = self._block(
                output, hidden.index_select(0, rows), target.index_select(0, rows), num_more, of_rows, generator
            )
            estimate = estimate.joined(rows, more)
            num_drawn += num_more
        return estimate

    def _block(
        self, output: Output, hidden: Tensor, target: Tensor, num_samples: int, context: Context, generator: Rng
    ) -> _Estimate:
        noise = self.proposal.draw(target, num_samples, shared=self.shared, context=context, generator=generator)
        scores = score_noise(noise, output, hidden, target, shift=noise.log_weight())
        learns = self.proposal.learns and self.training and torch.is_grad_enabled()
        log_sum, log_squares, weight = log_sum_and_squares(scores.noise_score, scores.multiplicity, wants_weight=learns)
        if weight is not None and hidden.shape[0] > 0:
            self.proposal.observe(noise, weight)
        num_drawn = torch.full_like(log_squares, noise.num_samples)
        return _Estimate(scores.target_score, log_sum, log_squares, num_drawn)


def _examples_of(context: Context, rows: Tensor, num_examples: int) -> Context:
    """Return the `context` of the examples `rows`: selects from tensors with one entry per example."""
    if not isinstance(context, Mapping):
        return context
    return {
        name: value.index_select(0, rows)
        if isinstance(value, Tensor) and value.ndim > 0 and value.shape[0] == num_examples
        else value
        for name, value in context.items()
    }
