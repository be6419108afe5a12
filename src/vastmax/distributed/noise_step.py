"""A sampled step whose noise words are spread over processes."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import softplus

from vastmax.distributed.shards import Batch, Shards, log_summed, summed
from vastmax.errors import InputError
from vastmax.objective.noise_sums import log_sum, noise_loss
from vastmax.output.base import NoiseStep
from vastmax.output.linear.rows import LinearRows


class HoldsRows(Protocol):
    """A sharded layer, as far as a sampled step needs to know it."""

    shards: Shards

    def place(self, word_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return (which of these words are in this process, their rows in it)."""

    def rows_in_play(self, row: Tensor) -> LinearRows:
        """Return some of this process's rows, (U,) sorted and distinct."""


def sharded_noise_loss(layer: HoldsRows, hidden: Tensor, target: Tensor, step: NoiseStep) -> Tensor:
    """Return the losses (n,) of this process's examples against the noise words of all processes.

    Args:
        layer: whose rows they are.
        hidden: (n, D) of this process.
        target: (n,) of this process, any words.
        step: the noise words of this process, and what it adds to its own targets' scores.

    Raises:
        InputError: noise words of another process.
    """
    batch = Batch(layer.shards, hidden)
    shift = None if step.target_shift is None else batch.gather(step.target_shift)
    here, target_row = layer.place(batch.gather(target))
    (example,) = here.nonzero(as_tuple=True)
    noise_here, noise_row = layer.place(step.word_ids)
    if not bool(noise_here.all()):
        raise InputError(
            "this objective draws noise words from the whole vocabulary in every process: give it to "
            "shard_head, or to with_objective of the head that shard_head returned"
        )
    row, position = torch.unique(torch.cat([noise_row, target_row[example]]), return_inverse=True)
    noise_position, target_position = position[: len(noise_row)], position[len(noise_row) :]
    rows = layer.rows_in_play(row)
    noise_score = rows.score(batch.hidden, noise_position)
    if step.noise_shift is not None:
        noise_score = noise_score + step.noise_shift.to(noise_score.dtype)
    target_score = rows.score_at(batch.hidden[example], target_position)
    if shift is not None:
        target_score = target_score + shift[example].to(target_score.dtype)
    if step.mask_target:
        _mask(noise_score, example, noise_position, target_position, len(row))
    target_part = target_score.new_zeros(len(batch.hidden)).index_add(0, example, target_score)
    if step.kind == "logistic":
        multiplicity = None if step.multiplicity is None else step.multiplicity.to(noise_score.dtype)
        part = noise_loss(noise_score, multiplicity)
        part = part.index_add(0, example, softplus(-target_score))
        return batch.own(summed(part, layer.shards))
    of_noise, score = log_summed(log_sum(noise_score), target_part, layer.shards)
    of_noise, score = batch.own(of_noise), batch.own(score)
    return (of_noise if step.target_among_noise else torch.logaddexp(of_noise, score)) - score


def _mask(noise_score: Tensor, example: Tensor, noise: Tensor, target: Tensor, num_rows: int) -> None:
    """Leave out noise that is an example's own target, by a score so low that e^score is 0; sums stay finite."""
    column = noise.new_full((num_rows,), -1)
    column[noise] = torch.arange(len(noise), device=noise.device)
    hit = column[target]
    (which,) = (hit >= 0).nonzero(as_tuple=True)
    if len(which):
        noise_score[example[which], hit[which]] = torch.finfo(noise_score.dtype).min / 4
