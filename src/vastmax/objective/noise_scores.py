"""What the sampled objectives share: noise is drawn, the rows in play are gathered once, and everything is scored."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vastmax.arguments import MOST_SIZE, whole
from vastmax.output.base import FlatOutput, NoiseStep, Output
from vastmax.proposal.base import Noise
from vastmax.proposal.distinct import distinct


@dataclass(frozen=True)
class NoiseScores:
    """Scores of one step.

    K' is the number of distinct noise words where the batch shares them, K where each example has its own.

    Attributes:
        noise: as drawn.
        noise_score: (N, K'), shifted as asked for, and ours to overwrite.
        target_score: (N,).
        multiplicity: (K',), or None for ones.
    """

    noise: Noise
    noise_score: Tensor
    target_score: Tensor
    multiplicity: Tensor | None

    def hits(self, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """(example, column) of `noise_score` where the noise word is one of the example's `word_ids` (N,) or (N, M)."""
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
    """Gather, score: one gather for targets and noise, one (N, D)×(D, K') product for shared noise.

    Each row is gathered once, however often it is in play, so that its gradient is one row too. `shift` is added to the
    scores of the noise, in the shape of its `log_expected_count`: a constant.
    """
    assert isinstance(output, FlatOutput)  # Objective.check refused anything else when the head was built
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


def fused_loss(output: Output, hidden: Tensor, target: Tensor, step: NoiseStep) -> Tensor | None:
    """The losses (N,) by the layer's own kernel, where it has one for this step: see `FlatOutput.noise_loss`."""
    assert isinstance(output, FlatOutput)
    return output.noise_loss(hidden, target, step)


def checked_num_samples(num_samples: int, *, name: str = "num_samples") -> int:
    """Raises: InputError: fewer than one noise word, with which the loss has no lower bound."""
    return whole(name, num_samples, 1, MOST_SIZE, why="without noise the loss is least at infinite scores")
