"""Partitions cover the training set in order, no batch straddles two, and the loss is the softmax over their words."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vastmax.errors import InputError
from vastmax.head import Head
from vastmax.objective import NCE, CrossEntropy, NegativeSampling, SampledSoftmax
from vastmax.output import Dense
from vastmax.proposal import Partition, TargetPartition, partitions

D, V = 4, 12
F64 = torch.float64


@settings(max_examples=80, deadline=None)
@given(
    batches=st.lists(st.lists(st.integers(-1, 9), max_size=5), max_size=12),
    limit=st.integers(1, 10),
)
def test_partitions_cover_the_batches_in_order(batches: list[list[int]], limit: int) -> None:
    """−1 is ignored."""
    walked = list(
        partitions(enumerate(batches), limit, lambda pair: torch.tensor(pair[1], dtype=torch.int64), ignore_index=-1)
    )
    assert [batch for _, batch in walked] == list(enumerate(batches))
    groups: list[tuple[Partition, list[list[int]]]] = []
    for partition, (_, batch) in walked:
        if not groups or groups[-1][0] is not partition:
            groups.append((partition, []))
        groups[-1][1].append(batch)
    assert len({id(partition) for partition, _ in groups}) == len(groups), "a partition that was closed came back"
    for partition, held in groups:
        words = sorted({w for batch in held for w in batch if w >= 0})
        assert partition.word_ids.tolist() == words
        assert len(words) <= limit or len(held) == 1 or not any(len(set(b) - {-1}) for b in held[1:])
    for (partition, _), (_, following) in pairwise(groups):
        together = set(partition.word_ids.tolist()) | {w for w in following[0] if w >= 0}
        assert len(together) > limit, "closed too early"


def test_batches_may_have_any_shape() -> None:
    batches = [{"target": torch.tensor([[3, 1], [1, -100]])}, {"target": torch.tensor([[7, 3]])}]
    ((first, _), (second, _)) = partitions(batches, 3, lambda batch: batch["target"])
    assert first is second
    assert first.word_ids.tolist() == [1, 3, 7]


def head_and_batch() -> tuple[Head, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    dense = Dense(D, V, dtype=F64)
    torch.nn.init.normal_(dense.weight)
    hidden = torch.randn(5, D, dtype=F64, requires_grad=True)
    return Head(dense, SampledSoftmax(TargetPartition(V))), hidden, torch.tensor([2, 7, 7, 9, 2])


@pytest.mark.parametrize("words", [[2, 7, 9], [0, 2, 5, 7, 9], list(range(V))])
def test_the_loss_is_the_softmax_over_the_partition(words: list[int]) -> None:
    head, hidden, target = head_and_batch()
    context = {"partition": Partition.of(torch.tensor(words[::-1] * 2))}
    loss = head(hidden, target, context=context, reduction="none")
    scores = (hidden @ head.output.weight.T + head.output.bias)[:, words]
    expected = torch.nn.functional.cross_entropy(
        scores, torch.tensor([words.index(t) for t in target.tolist()]), reduction="none"
    )
    torch.testing.assert_close(loss, expected)
    inputs = [hidden, head.output.weight]
    mine, theirs = (torch.autograd.grad(each.sum(), inputs) for each in (loss, expected))
    torch.testing.assert_close(mine[0], theirs[0])
    torch.testing.assert_close(mine[1].to_dense(), theirs[1])
    assert mine[1]._indices()[0].tolist() == words
    if len(words) == V:
        torch.testing.assert_close(loss, CrossEntropy()(head.output, hidden, target))


def test_a_partition_as_long_as_the_batch_is_not_taken_for_its_examples() -> None:
    """Of per-example tensors the ignored ones are dropped; a partition of as many words must stay whole."""
    head, hidden, target = head_and_batch()
    partition = Partition.of(torch.tensor([1, 2, 3, 7, 9]))
    with_ignored = target.clone()
    with_ignored[0] = -100
    loss = head(hidden, with_ignored, context={"partition": partition}, reduction="none")
    whole = head(hidden, target, context={"partition": partition}, reduction="none")
    torch.testing.assert_close(loss[1:], whole[1:])


def test_what_cannot_be_is_refused() -> None:
    head, hidden, target = head_and_batch()
    with pytest.raises(InputError, match=r"target 9 is not among the 2 words of the partition"):
        head(hidden, target, context={"partition": Partition.of(torch.tensor([2, 7]))})
    with pytest.raises(InputError, match=r"expected a Partition, such as proposal.partitions"):
        head(hidden, target, context={"partition": torch.tensor([2, 7, 9])})
    for words in ([2, 7, 9, V], [-1, 2, 7, 9], []):
        with pytest.raises(InputError, match=rf"words outside \[0, {V}\)"):
            head(hidden, target, context={"partition": Partition.of(torch.tensor(words, dtype=torch.int64))})
    with pytest.raises(InputError, match=r"context contains nothing, but .* needs \['partition'\]"):
        head(hidden, target)
    with pytest.raises(InputError, match="vocab_size is 0"):
        TargetPartition(0)
    with pytest.raises(InputError, match="num_others is -1; expected a whole number from 0 to"):
        TargetPartition(V, num_others=-1)
    with pytest.raises(InputError, match="limit is 0"):
        next(partitions([], 0, lambda batch: batch))
    for objective in (NCE(TargetPartition(V), 5), NegativeSampling(TargetPartition(V), 5)):
        with pytest.raises(InputError, match="that of TargetPartition always contains it"):
            Head(Dense(D, V), objective)


def test_others_come_as_often_as_is_said() -> None:
    proposal = TargetPartition(9, num_others=4)
    target, context = torch.tensor([1, 4]), {"partition": Partition.of(torch.tensor([1, 4, 7]))}
    generator = torch.Generator().manual_seed(0)
    draws, counts, expected = 5_000, torch.zeros(9), torch.zeros(9)
    for _ in range(draws):
        noise = proposal.draw(target, context=context, generator=generator)
        assert noise.word_ids.diff().min() > 0
        counts[noise.word_ids] += 1
        expected[noise.word_ids] = noise.log_expected_count.exp()
    inclusion = 1 - (8 / 9) ** 4
    torch.testing.assert_close(expected, torch.tensor([1.0 if w in (1, 4, 7) else inclusion for w in range(9)]))
    torch.testing.assert_close(counts / draws, expected, atol=0.03, rtol=0)  # four deviations


def test_others_make_z_that_of_the_vocabulary_on_average() -> None:
    head, hidden, target = head_and_batch()
    context = {"partition": Partition.of(target)}
    head = Head(head.output, SampledSoftmax(TargetPartition(V, num_others=6)))
    generator = torch.Generator().manual_seed(0)
    scores = hidden @ head.output.weight.T + head.output.bias
    target_scores = scores.gather(1, target[:, None]).squeeze(1)
    z = torch.stack(
        [
            (head(hidden, target, context=context, generator=generator, reduction="none") + target_scores).exp()
            for _ in range(400)
        ]
    ).detach()
    exact = scores.exp().sum(1)
    error = (z.mean(0) - exact).abs() / (z.std(0) / len(z) ** 0.5)
    assert error.max() < 4
    only = Head(head.output, SampledSoftmax(TargetPartition(V)))(hidden, target, context=context, reduction="none")
    assert ((only + target_scores).exp() < exact).all()


@pytest.mark.parametrize("words", [1, 2])
def test_others_of_a_tiny_vocabulary(words: int) -> None:
    proposal = TargetPartition(words, num_others=3)
    noise = proposal.draw(torch.tensor([0]), context={"partition": Partition.of(torch.tensor([0]))})
    assert noise.word_ids[0] == 0
    assert noise.log_expected_count[0] == 0
