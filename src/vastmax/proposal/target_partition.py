"""Cross-entropy over a subset of the vocabulary that is fixed for a part of the training set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from vastmax.arguments import MOST_SIZE, MOST_WORDS, whole
from vastmax.errors import InputError
from vastmax.proposal.base import Context, Noise, Proposal
from vastmax.tensors.random import Rng

PARTITION = "partition"

_Batch = TypeVar("_Batch")


@dataclass(frozen=True)
class Partition:
    """The target words of some consecutive batches, passed as `context["partition"]`.

    Attributes:
        word_ids: (|V′|,) int64, ascending and distinct.
    """

    word_ids: Tensor

    @classmethod
    def of(cls, word_ids: Tensor) -> Partition:
        """Return the partition with these words, given in any order, with or without repetitions."""
        return cls(torch.unique(word_ids))


def partitions(
    batches: Iterable[_Batch], limit: int, target_of: Callable[[_Batch], Tensor], *, ignore_index: int = -100
) -> Iterator[tuple[Partition, _Batch]]:
    """Yield each batch, in order, with the partition that it belongs to.

    The training set is read in the order of its batches; a partition ends if the next batch would raise the number of
    its distinct targets above `limit` (Jean et al. 2015). A batch is never split, so a batch with more than `limit`
    targets is a partition by itself.

    Args:
        batches: in training order; the batches of one partition are held in memory at a time.
        limit: the maximum number of distinct targets per partition, ≥ 1.
        target_of: returns the target ids of a batch, of any shape.
        ignore_index: targets with this value are ignored.

    Raises:
        InputError: a limit below 1.

    Example:
        >>> batches = [torch.tensor([3, 1]), torch.tensor([1, 4]), torch.tensor([5, 6])]
        >>> for partition, batch in partitions(batches, limit=3, target_of=lambda batch: batch):
        ...     print(partition.word_ids.tolist(), batch.tolist())
        [1, 3, 4] [3, 1]
        [1, 3, 4] [1, 4]
        [5, 6] [5, 6]
    """
    limit = whole("limit", limit, 1, None, why="distinct targets per partition")
    held: list[_Batch] = []
    word_ids: Tensor | None = None
    for batch in batches:
        target = target_of(batch).flatten()
        own = torch.unique(target[target != ignore_index])
        joined = own if word_ids is None else torch.unique(torch.cat([word_ids, own]))
        if word_ids is not None and joined.shape[0] > limit:
            yield from _with_partition(word_ids, held)
            held, joined = [], own
        held.append(batch)
        word_ids = joined
    if word_ids is not None:
        yield from _with_partition(word_ids, held)


def _with_partition(word_ids: Tensor, batches: list[_Batch]) -> Iterator[tuple[Partition, _Batch]]:
    partition = Partition(word_ids)
    for batch in batches:
        yield partition, batch


class TargetPartition(Proposal):
    """Every word of the current partition once, so `SampledSoftmax` is the softmax over these words alone.

    Each step passes its partition as `context={"partition": …}`, from `partitions`. It contains all targets of its
    batches, so each example's target is among the words; over the whole vocabulary, this would be the exact loss.

    Words outside the partition are not pushed down, and so get too much probability over the whole vocabulary. With
    `num_others`, each step adds some of them: that many uniform draws from all words, each distinct one outside the
    partition once. Their scores are corrected by their probability of being drawn, so that on average Z is that of the
    whole vocabulary.

    Args:
        vocab_size: V.
        num_others: the number of additional draws per step; 0 for the method as published.

    Raises:
        InputError: numbers below 1, or below 0; in a step, a target that is not in the partition, or a partition with
            words beyond V.

    Cost: one (N, D)×(D, |V′|) product forward and two backward, of the partition and the others.

    Example:
        >>> from vastmax import Head, objective, output
        >>> head = Head(output.Dense(4, 100), objective.SampledSoftmax(TargetPartition(100)))
        >>> target = torch.tensor([7, 9])
        >>> context = {"partition": Partition.of(torch.tensor([3, 7, 9]))}
        >>> round(head(torch.zeros(2, 4), target, context=context).item(), 4)  # log 3
        1.0986
    """

    vocab_size: int
    needs = frozenset({PARTITION})
    unique = True
    shared_only = True
    sizes_itself = True
    holds_target = True

    def __init__(self, vocab_size: int, num_others: int = 0) -> None:
        super().__init__()
        vocab_size = whole("vocab_size", vocab_size, 1, MOST_WORDS)
        num_others = whole("num_others", num_others, 0, MOST_SIZE)
        self.vocab_size = vocab_size
        self.num_others = num_others

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.vocab_size}, num_others={self.num_others}"

    def draw(
        self,
        target: Tensor,
        num_samples: int = 0,
        *,
        shared: bool = True,
        context: Context = None,
        generator: Rng = None,
    ) -> Noise:
        """Return the words of `context["partition"]` and the others, ignoring `num_samples`; see `Proposal.draw`."""
        assert context is not None  # checked by the head
        partition = context[PARTITION]
        if not isinstance(partition, Partition):
            raise InputError(
                f'context["partition"] is a {type(partition).__name__}; expected a Partition, such as '
                "proposal.partitions yields with each batch"
            )
        word_ids = partition.word_ids.to(target.device)
        self._check(word_ids, target)
        log_expected_count = torch.zeros(word_ids.shape, device=target.device)
        if self.num_others:
            others = self._others(word_ids, generator)
            log_drawn = torch.full(others.shape, self._log_drawn(), device=target.device)
            word_ids, order = torch.cat([word_ids, others]).sort()
            log_expected_count = torch.cat([log_expected_count, log_drawn])[order]
        return Noise(
            word_ids=word_ids,
            log_expected_count=log_expected_count,
            target_log_expected_count=torch.zeros(target.shape, device=target.device),
            num_samples=word_ids.shape[0],
            unique=True,
        )

    def _others(self, word_ids: Tensor, generator: Rng) -> Tensor:
        """Return the distinct draws that are not in the partition, ascending."""
        device = word_ids.device
        drawn = torch.unique(torch.randint(self.vocab_size, (self.num_others,), generator=generator, device=device))
        place = torch.searchsorted(word_ids, drawn).clamp_(max=word_ids.shape[0] - 1)
        others: Tensor = drawn[word_ids.index_select(0, place) != drawn]
        return others

    def _log_drawn(self) -> float:
        """Return the log of the probability 1 − (1 − 1/V)^K that a word is among K uniform draws."""
        if self.vocab_size == 1:
            return 0.0
        return math.log(-math.expm1(self.num_others * math.log1p(-1 / self.vocab_size)))

    def _check(self, word_ids: Tensor, target: Tensor) -> None:
        if word_ids.shape[0] == 0 or word_ids[0] < 0 or word_ids[-1] >= self.vocab_size:
            raise InputError(f"the partition contains no words, or words outside [0, {self.vocab_size})")
        place = torch.searchsorted(word_ids, target).clamp_(max=word_ids.shape[0] - 1)
        missing = word_ids.index_select(0, place) != target
        if missing.any():
            word_id = int(target[missing][0])
            raise InputError(
                f"target {word_id} is not among the {word_ids.shape[0]} words of the partition: pass each batch with "
                "the partition that proposal.partitions yields with it"
            )
