"""Noise from several proposals at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vastmax.errors import InputError
from vastmax.proposal.base import Context, Noise, Proposal
from vastmax.tensors.random import Rng


class Mixture(Proposal):
    """Several proposals, each of which draws its share of the K words; expected counts are summed over them.

    E[count of w] = Σ_c K_c·Q_c(w): the shares are fixed instead of random, which is equally correct and has lower
    variance (Veach & Guibas 1995, the balance heuristic). Adding some `Uniform` to `InBatch`, for example, shows rare
    items to a recommender that would otherwise never see them as negatives (Yang et al. 2020).

    Args:
        proposals: at least one; with replacement, and with a Q that needs no context.
        weights: (C,) > 0: proposal c draws K·weight_c/Σ weights words, rounded so that they sum to K. A proposal that
            sizes itself (`InBatch`) adds its own words to K words from the others, and its weight is ignored. Equal by
            default.

    Raises:
        InputError: a proposal has unique draws, a different vocabulary, needs a context or has no `log_prob`; or the
            number of weights is wrong, or a weight is not positive.

    Cost: the sum over the proposals.

    Example:
        >>> from vastmax.proposal import Uniform, Unigram
        >>> both = Mixture([Unigram([90, 9, 1]), Uniform(3)], weights=[0.8, 0.2])
        >>> noise = both.draw(torch.tensor([2]), num_samples=10)
        >>> round(noise.target_log_expected_count.exp().item(), 4)  # 8·0.01 + 2/3
        0.7467
    """

    def __init__(self, proposals: Sequence[Proposal], weights: Sequence[float] | None = None) -> None:
        super().__init__()
        weights = [1.0] * len(proposals) if weights is None else [float(w) for w in weights]
        if not proposals or len(weights) != len(proposals):
            raise InputError(f"there are {len(proposals)} proposals and {len(weights)} weights; expected one for each")
        if not all(w > 0 and math.isfinite(w) for w in weights):
            raise InputError(f"weights are {weights}; expected finite numbers above 0")
        for proposal in proposals:
            name = type(proposal).__name__
            if proposal.unique:
                raise InputError(f"{name} draws unique words, which cannot be mixed: use unique=False")
            if proposal.needs:
                raise InputError(
                    f"{name} depends on {sorted(proposal.needs)}: only proposals with a fixed distribution can be mixed"
                )
            if not proposal.has_log_prob:
                raise InputError(
                    f"{name} has probabilities only within a step: mix proposals with a fixed distribution, such as "
                    "Unigram, and put all of them in one mixture"
                )
        sizes = {proposal.vocab_size for proposal in proposals}
        if len(sizes) > 1:
            raise InputError(f"the proposals draw from {sorted(map(str, sizes))} words; expected the same vocabulary")
        self.vocab_size = proposals[0].vocab_size
        self.proposals = nn.ModuleList(proposals)
        self.weights = weights
        self.sizes_itself = all(proposal.sizes_itself for proposal in proposals)
        self.holds_target = any(proposal.holds_target for proposal in proposals)
        self.shared_only = any(proposal.shared_only for proposal in proposals)

    def extra_repr(self) -> str:
        """Options."""
        return f"weights={self.weights}"

    def draw(
        self,
        target: Tensor,
        num_samples: int = 0,
        *,
        shared: bool = True,
        context: Context = None,
        generator: Rng = None,
    ) -> Noise:
        """See `Proposal.draw`."""
        parts = [
            (proposal, proposal.draw(target, num, shared=shared, context=context, generator=generator))
            for proposal, num in zip(self._parts(), self._shares(num_samples), strict=True)
            if num > 0 or proposal.sizes_itself
        ]
        word_ids, position = torch.unique(torch.cat([noise.word_ids for _, noise in parts]), return_inverse=True)
        sizes = [noise.word_ids.shape[0] for _, noise in parts]
        multiplicity, drawn = None, None
        if shared:
            times = [torch.ones(size, device=target.device) for size in sizes]
            times = [t if n.multiplicity is None else n.multiplicity for t, (_, n) in zip(times, parts, strict=True)]
            multiplicity = times[0].new_zeros(word_ids.shape).index_add_(0, position, torch.cat(times))
        else:
            own = [noise.position for _, noise in parts]
            drawn = torch.cat(
                [part[p] for part, p in zip(position.split(sizes), own, strict=True) if p is not None], dim=1
            )
        return Noise(
            word_ids=word_ids,
            log_expected_count=_expected(parts, word_ids),
            target_log_expected_count=_expected(parts, target),
            num_samples=sum(noise.num_samples for _, noise in parts),
            unique=False,
            multiplicity=multiplicity,
            position=drawn,
        )

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """Return the log of the weighted mean of the distributions.

        Raises:
            InputError: one of the proposals sizes itself.
        """
        if not self.has_log_prob:
            names = ", ".join(type(p).__name__ for p in self._parts() if p.sizes_itself)
            raise InputError(
                f"{names} determines its number of words in each step, so the mixture has probabilities only within a "
                "step: mix proposals that draw as many words as requested, such as Unigram"
            )
        total = math.fsum(self.weights)
        parts = [
            proposal.log_prob(word_ids) + math.log(w / total)
            for proposal, w in zip(self._parts(), self.weights, strict=True)
        ]
        return torch.stack(parts).logsumexp(0)

    @property
    def has_log_prob(self) -> bool:
        """See `Proposal.has_log_prob`."""
        return not any(proposal.sizes_itself for proposal in self._parts())

    def _parts(self) -> list[Proposal]:
        return [proposal for proposal in self.proposals if isinstance(proposal, Proposal)]

    def _shares(self, num_samples: int) -> list[int]:
        """Return integers proportional to the weights with sum `num_samples`; 0 for a proposal that sizes itself."""
        weights = [0.0 if p.sizes_itself else w for p, w in zip(self._parts(), self.weights, strict=True)]
        total = math.fsum(weights)
        if total == 0:
            return [0] * len(weights)
        ends = [round(num_samples * math.fsum(weights[: i + 1]) / total) for i in range(len(weights))]
        return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _expected(parts: Sequence[tuple[Proposal, Noise]], word_ids: Tensor) -> Tensor:
    counts = [proposal.log_expected_count(word_ids, noise.num_samples) for proposal, noise in parts]
    return torch.stack(counts).logsumexp(0)
