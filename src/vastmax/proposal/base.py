"""The interface of proposals, the distributions that noise words are drawn from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vastmax.errors import InputError
from vastmax.tensors.constants import Constants
from vastmax.tensors.random import Rng

Context = Mapping[str, Any] | None
"""Data that a proposal may need besides the target, by name: previous word ids, a partition, …"""


@dataclass(frozen=True)
class Noise:
    """The noise words of one step, each listed once.

    Attributes:
        word_ids: (U,) int64, sorted and distinct.
        log_expected_count: log of the expected count of each word among the draws: log(K·Q(w)) for draws with
            replacement, log of the inclusion probability if each word is drawn at most once. (U,), or (N, K) together
            with `position` if Q differs by example.
        target_log_expected_count: the same for each target, (N,).
        num_samples: K, the number of draws (per example).
        unique: whether each word is drawn at most once *by construction*; determines how objectives treat a noise word
            that equals the target.
        multiplicity: (U,) how often each word was drawn; None if once each.
        position: None if all examples share the noise; else (N, K), the draws of each example as indices into
            `word_ids`. A word drawn twice occurs twice.
    """

    word_ids: Tensor
    log_expected_count: Tensor
    target_log_expected_count: Tensor
    num_samples: int
    unique: bool
    multiplicity: Tensor | None = None
    position: Tensor | None = None

    def log_weight(self) -> Tensor:
        """Return log m_w − log E[count of w], the shape of `log_expected_count`: what corrects a word's score."""
        if self.multiplicity is None:
            return -self.log_expected_count
        return self.multiplicity.log() - self.log_expected_count


class Proposal(Constants, ABC):
    """A distribution Q over words that noise is drawn from.

    Attributes:
        vocab_size: V; None if Q has no fixed vocabulary.
        needs: names that `context` must contain; checked once, by the head.
        unique: whether each word is drawn at most once.
        shared_only: whether noise can be drawn only for the whole batch, not for each example.
        sizes_itself: whether the proposal determines the number of words per step; `num_samples` is then not needed.
        holds_target: whether each example's own target is among the noise by construction. Few objectives support
            such noise.
        learns: whether `observe` must be called.
    """

    vocab_size: int | None
    needs: frozenset[str] = frozenset()
    unique: bool = False
    shared_only: bool = False
    sizes_itself: bool = False
    holds_target: bool = False
    learns: bool = False

    @abstractmethod
    def draw(
        self, target: Tensor, num_samples: int, *, shared: bool = True, context: Context = None, generator: Rng = None
    ) -> Noise:
        """Draw `num_samples` noise words, for the whole batch (`shared`) or for each example of `target` (N,).

        The same generator state gives the same words. `num_samples` is ignored if the proposal sizes itself.
        Cost: O(K), or O(N·K) if not shared; never O(V).
        """

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """Return log Q(w), in the shape of `word_ids`; if Q depends on the context, the log of its average.

        Raises:
            InputError: Q is known only within a step: see `has_log_prob`.
        """
        raise InputError(
            f"{type(self).__name__} has probabilities only within a step: use a proposal with a fixed distribution, "
            "such as Unigram, or define log_prob in the class"
        )

    @property
    def has_log_prob(self) -> bool:
        """Whether `log_prob` is available."""
        return type(self).log_prob is not Proposal.log_prob

    def log_expected_count(self, word_ids: Tensor, num_samples: int) -> Tensor:
        """Return the log of the expected count among `num_samples` draws, log(K·Q(w)), in the shape of `word_ids`."""
        return self.log_prob(word_ids) + math.log(num_samples)

    def observe(self, noise: Noise, weight: Tensor) -> None:
        """Learn from importance weights (N, U) if the proposal learns (AdaptiveBigram); otherwise do nothing."""

    def register_table(self, name: str, table: Tensor, *, persistent: bool = False) -> None:
        """Store a float32 `table` with the module: it moves between devices, but `.half()` does not change it.

        A probability table rounded to bfloat16 would be a different distribution, so its bits are stored as integers.
        `persistent` tables, which are learned, are part of the state_dict.
        """
        bits = table.to(torch.float32).contiguous().view(torch.int32)
        if persistent:
            self.register_buffer(f"{name}_bits", bits)
        else:
            self.register_constant(f"{name}_bits", bits)

    def table(self, name: str) -> Tensor:
        """Return the float32 table registered under `name`."""
        bits = self.get_buffer(f"{name}_bits")
        return bits.view(torch.float32)
