"""Softmax over the target and some noise words."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.objective.base import Objective
from vastmax.objective.noise_scores import checked_num_samples, fused_loss, score_noise, traced_noise, traces_draws
from vastmax.objective.noise_sums import log_sum, softmax_loss
from vastmax.output.base import NoiseStep, Output
from vastmax.proposal.base import Context, Proposal
from vastmax.tensors.random import Rng
from vastmax.tensors.tracing import is_traced

AccidentalHits = Literal["keep", "mask"]


class SampledSoftmax(Objective):
    """The loss of a softmax over {target} ∪ noise, with scores corrected by the expected count of each word.

    J = −s′(t) + log( e^{s′(t)} + Σ_w m_w·e^{s′(w)} ), where s′(w) = s(w) − log E[count of w] and w was drawn m_w times
    (Jean et al. 2015; Jozefowicz et al. 2016). Its gradient tends to that of cross-entropy as K grows.

    A noise word that equals the target is an *accidental hit*:

    - unique draws: hits are masked with −∞; target and noise are both corrected. K ≥ V is the exact loss.
    - draws with replacement, `accidental_hits="keep"`: hits stay in the sum, and the target is corrected, too.
    - draws with replacement, `accidental_hits="mask"`: hits are masked, and the target is not corrected.

    Masked hits with a corrected target would learn a different distribution and are not supported. If the targets of
    the batch are the noise (`InBatch`), an example's own target counts once, as the target.

    Args:
        proposal: the source of noise; `unique=True` is the usual choice.
        num_samples: K ≥ 1 noise words, shared by the batch; None if the proposal sizes itself.
        accidental_hits: how to treat hits among draws with replacement; with unique draws they are always masked.

    Raises:
        InputError: K < 1, or K is missing.

    Cost: one (N, D)×(D, K) product forward and two backward; K + N rows get a gradient.

    Example: if the noise covers the vocabulary, the loss is exact.
        >>> import torch
        >>> from vastmax import objective, output, proposal
        >>> layer, hidden, target = output.Dense(4, 50), torch.ones(2, 4), torch.tensor([7, 7])
        >>> sampled = objective.SampledSoftmax(proposal.Uniform(50, unique=True), num_samples=50)
        >>> torch.allclose(sampled(layer, hidden, target), -layer.log_prob(hidden, target))
        True
    """

    sampled = True
    takes_targets_as_noise = True
    proposal: Proposal
    num_samples: int | None

    def __init__(
        self, proposal: Proposal, num_samples: int | None = None, *, accidental_hits: AccidentalHits = "keep"
    ) -> None:
        super().__init__()
        if accidental_hits not in get_args(AccidentalHits):
            raise InputError(f"accidental_hits is {accidental_hits!r}; expected 'keep' or 'mask'")
        self.proposal = proposal
        if num_samples is None and not proposal.sizes_itself:
            raise InputError(f"SampledSoftmax with {type(proposal).__name__} needs num_samples, such as 1024")
        self.num_samples = None if num_samples is None else checked_num_samples(num_samples)
        self.accidental_hits = accidental_hits

    def extra_repr(self) -> str:
        """Options."""
        return f"num_samples={self.num_samples}, accidental_hits={self.accidental_hits!r}"

    @property
    def traces(self) -> bool:
        """See `Objective.traces`."""
        return traces_draws(self.proposal)

    def forward(
        self, output: Output, hidden: Tensor, target: Tensor, *, context: Context = None, generator: Rng = None
    ) -> Tensor:
        """Return losses (N,); see `Objective.forward`."""
        noise = self.proposal.draw(target, self.num_samples or 0, context=context, generator=generator)
        masked = noise.unique or self.accidental_hits == "mask"
        corrected = noise.unique or self.accidental_hits == "keep"
        # The target must not be added to noise that contains it already.
        own_among_noise = self.proposal.holds_target and not masked
        step = NoiseStep(
            "softmax",
            noise.word_ids,
            noise_shift=noise.log_weight(),
            target_shift=-noise.target_log_expected_count if corrected else None,
            mask_target=masked,
            target_among_noise=own_among_noise,
        )
        if is_traced(hidden):
            noise_score, target_score = traced_noise(noise, output, hidden, target, mask_target=masked)
            target_score = target_score - noise.target_log_expected_count if corrected else target_score
            every = torch.cat([target_score[:, None], noise_score + noise.log_weight()], dim=1)
            return every.logsumexp(dim=1) - target_score
        fused = fused_loss(output, hidden, target, step)
        if fused is not None:
            return fused
        scores = score_noise(noise, output, hidden, target, shift=step.noise_shift)
        target_score = scores.target_score
        if step.target_shift is not None:
            target_score = target_score + step.target_shift
            if own_among_noise:
                return log_sum(scores.noise_score) - target_score
        hit = scores.hits(target) if masked else None
        return softmax_loss(target_score, scores.noise_score, hit=hit)
