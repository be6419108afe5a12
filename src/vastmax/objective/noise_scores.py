"""Scores of targets and noise for the sampled objectives, from one gather of the rows used in the step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vastmax.arguments import MOST_SIZE, whole
from vastmax.output.base import FlatOutput, NoiseStep, Output
from vastmax.proposal.base import Noise, Proposal
from vastmax.proposal.distinct import distinct
from vastmax.proposal.fixed import FixedProposal


@dataclass(frozen=True)
class NoiseScores:
    """Scores of one step.

    K' is the number of distinct noise words if the batch shares them, K if each example has its own.

    Attributes:
        noise: as drawn.
        noise_score: (N, K'), with the shift added; the caller may overwrite it.
        target_score: (N,).
        multiplicity: (K',), or None for ones.
    """

    noise: Noise
    noise_score: Tensor
    target_score: Tensor
    multiplicity: Tensor | None

    def hits(self, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return (example, column) of `noise_score` where the noise word is one of the `word_ids`, (N,) or (N, M)."""
        words = word_ids[:, None] if word_ids.ndim == 1 else word_ids
        noise_ids = self.noise.word_ids
        if self.noise.position is not None:
            drawn = noise_ids[self.noise.position]
            example, column = (drawn[:, :, None] == words[:, None, :]).any(dim=2).nonzero(as_tuple=True)
            return example, column
        if noise_ids.shape[0] == 0:
            nothing = word_ids.new_zeros(0)
            return nothing, nothing
        column = torch.searchsorted(noise_ids, words.contiguous()).clamp_(max=noise_ids.shape[0] - 1)
        example, which = (noise_ids[column] == words).nonzero(as_tuple=True)
        return example, column[example, which]


def score_noise(
    noise: Noise, output: Output, hidden: Tensor, target: Tensor, *, shift: Tensor | None = None
) -> NoiseScores:
    """Return scores by one gather for targets and noise and, for shared noise, one (N, D)×(D, K') product.

    Each row is gathered once, however often it is used, so its gradient is one row, too. The constant `shift`, in the
    shape of `noise.log_expected_count`, is added to the scores of the noise.
    """
    assert isinstance(output, FlatOutput)  # see Objective.check
    word_ids, position = distinct(torch.cat([noise.word_ids, target]), output.vocab_size)
    num_noise = noise.word_ids.shape[0]
    noise_position, target_position = position[:num_noise], position[num_noise:]
    rows = output.select(word_ids)
    if noise.position is None:
        noise_score, target_score = rows.score_both(hidden, noise_position, target_position, noise_shift=shift)
        return NoiseScores(noise, noise_score, target_score, noise.multiplicity)
    noise_score = rows.score_at(hidden, noise_position[noise.position])
    if shift is not None:
        noise_score = noise_score.add_(shift[noise.position] if shift.ndim == 1 else shift)
    return NoiseScores(noise, noise_score, rows.score_at(hidden, target_position), None)


def traces_draws(proposal: Proposal) -> bool:
    """Return whether the noise of `proposal` can be drawn in a graph: laws that are the same in every step."""
    return isinstance(proposal, FixedProposal)


def traced_noise(
    noise: Noise, output: Output, hidden: Tensor, target: Tensor, *, mask_target: bool
) -> tuple[Tensor, Tensor]:
    """Return the scores of shared noise (N, K) and of targets (N,) in a graph, noise that is the target as −∞ or not.

    Nothing is merged or left out, since how much there is depends on the draws; noise drawn twice is scored twice.
    """
    assert isinstance(output, FlatOutput)
    noise_score, target_score = output.traced_scores(hidden, noise.word_ids, target)
    if mask_target:
        noise_score = noise_score.masked_fill(noise.word_ids == target[:, None], -torch.inf)
    return noise_score, target_score


def fused_loss(output: Output, hidden: Tensor, target: Tensor, step: NoiseStep) -> Tensor | None:
    """Return the losses (N,) from the layer's kernel, or None if it has none for this step; see `FlatOutput`."""
    assert isinstance(output, FlatOutput)
    return output.noise_loss(hidden, target, step)


def checked_num_samples(num_samples: int, *, name: str = "num_samples") -> int:
    """Return K; raise InputError if it is below 1, where the loss has no lower bound."""
    return whole(name, num_samples, 1, MOST_SIZE, why="without noise, the loss is smallest at infinite scores")
