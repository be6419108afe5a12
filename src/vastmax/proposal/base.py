"""Where noise words come from."""

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
from vastmax.tensors.random import Random

Context = Mapping[str, Any] | None
"""What a proposal may need to know beside the target, by name: previous word ids, a partition id, …"""


@dataclass(frozen=True)
class Noise:
    """The noise words of one step, each listed once.

    Attributes:
        word_ids: (U,) int64, sorted and distinct.
        log_expected_count: log of how often a word was to be expected among the draws: log(K·Q(w)) when drawn with
            replacement, log of the inclusion probability when each word comes at most once. (U,), or (N, K) beside
            `position` where Q differs by example.
        target_log_expected_count: the same of each target, (N,).
        num_samples: K, the number of draws (an example).
        unique: whether each word comes at most once *by construction*; decides how objectives treat a noise word that
            is the target.
        multiplicity: (U,) how often each word was drawn; None when once each.
        position: None when all examples share the noise; else (N, K), what each example drew, counted in `word_ids`.
            A word drawn twice stands there twice.
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
        vocab_size: V; None when Q has no fixed vocabulary.
        needs: names that `context` must hold; checked once, at the head's door.
        unique: whether a draw gives each word at most once.
        shared_only: whether noise is drawn for the whole batch only, not for each example.
        sizes_itself: whether the proposal decides how many words a step takes; `num_samples` is then not asked for.
        holds_target: whether each example's own target is among the noise by construction. Few objectives can take
            such noise.
        learns: whether `observe` is to be called.
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
        self,
        target: Tensor,
        num_samples: int,
        *,
        shared: bool = True,
        context: Context = None,
        generator: Random = None,
    ) -> Noise:
        """`num_samples` noise words, for the whole batch (`shared`) or for each example of `target` (N,).

        The same generator state gives the same words. `num_samples` says nothing where the proposal sizes itself.
        Cost: O(K), or O(N·K) when not shared; never O(V).
        """

    def log_prob(self, word_ids: Tensor) -> Tensor:
        """log Q(w), the shape of `word_ids`; where Q depends on the context, of its average.

        Raises:
            InputError: the proposal knows Q in a step only: see `has_log_prob`.
        """
        raise InputError(
            f"{type(self).__name__} knows its probabilities in a step only, and they were asked for apart from one: "
            "take a proposal with a fixed law, such as Unigram, or give the class a log_prob"
        )

    @property
    def has_log_prob(self) -> bool:
        """Whether `log_prob` can be asked."""
        return type(self).log_prob is not Proposal.log_prob

    def log_expected_count(self, word_ids: Tensor, num_samples: int) -> Tensor:
        """Log of how often a word is to be expected among `num_samples` draws, the shape of `word_ids`: log(K·Q(w))."""
        return self.log_prob(word_ids) + math.log(num_samples)

    def observe(self, noise: Noise, weight: Tensor) -> None:
        """Learn from importance weights (N, U), where the proposal learns (AdaptiveBigram); a no-op elsewhere."""

    def register_table(self, name: str, table: Tensor, *, persistent: bool = False) -> None:
        """Keep a float32 `table` beside the module: it moves between devices, but `.half()` and the like spare it.

        A probability table rounded to bfloat16 would be another distribution. Hence the bits are kept as integers.
        `persistent` ones, which are learned, go into the state_dict.
        """
        bits = table.to(torch.float32).contiguous().view(torch.int32)
        if persistent:
            self.register_buffer(f"{name}_bits", bits)
        else:
            self.register_constant(f"{name}_bits", bits)

    def table(self, name: str) -> Tensor:
        """The float32 table registered under `name`."""
        bits = self.get_buffer(f"{name}_bits")
        return bits.view(torch.float32)
