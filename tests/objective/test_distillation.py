"""Distillation against KL divergences written out over the whole vocabulary."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from vastmax import Head
from vastmax.errors import InputError
from vastmax.objective import CrossEntropy, Distillation
from vastmax.output import Dense, Hierarchical, Output
from vastmax.tree import huffman

V, D, N, M = 30, 5, 7, 4
F64 = torch.float64


def layers() -> list[Output]:
    torch.manual_seed(0)
    made: list[Output] = [Dense(D, V, dtype=F64), Hierarchical(D, huffman(range(1, V + 1)), dtype=F64)]
    with torch.no_grad():
        for layer in made:
            layer.weight.normal_()
    return made


def teacher() -> tuple[Head, Tensor]:
    torch.manual_seed(1)
    head = Head(Dense(D + 1, V, dtype=F64)).eval()
    with torch.no_grad():
        head.output.weight.normal_()
    return head, torch.randn(N, D + 1, dtype=F64)


def divergence(p: Tensor, q: Tensor, direction: str) -> Tensor:
    return (q * (q / p).log()).sum(1) if direction == "forward" else (p * (p / q).log()).sum(1)


def grouped(full: Tensor, word_ids: Tensor) -> Tensor:
    """The probabilities of some words, and of all the others together."""
    some = full.gather(1, word_ids)
    return torch.cat([some, 1 - some.sum(1, keepdim=True)], dim=1)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("num_words", [None, M])
@pytest.mark.parametrize("which", [0, 1])
def test_is_the_divergence_and_its_gradient(
    monkeypatch: pytest.MonkeyPatch, which: int, num_words: int | None, direction: Any, temperature: float
) -> None:
    monkeypatch.setattr("vastmax.objective.distillation._SCORES_AT_ONCE", 3 * V)
    layer, (head, of_teacher) = layers()[which], teacher()
    hidden, target = torch.randn(N, D, dtype=F64, requires_grad=True), torch.randint(V, (N,))
    objective = Distillation(head, num_words=num_words, direction=direction, temperature=temperature, mix=0.75)
    student = Head(layer, objective)
    loss = student(hidden, target, context={"teacher_hidden": of_teacher}, reduction="none")
    p = (layer.logits(hidden) / temperature).softmax(1)
    q = (head.logits(of_teacher) / temperature).softmax(1).detach()
    if num_words is not None:
        word_ids = q.topk(num_words).indices
        p, q = grouped(p, word_ids), grouped(q, word_ids)
    of_target = -layer.log_prob(hidden, target)
    expected = 0.75 * temperature**2 * divergence(p, q, direction) + 0.25 * of_target
    torch.testing.assert_close(loss, expected)
    inputs = [hidden, *layer.parameters()]
    upstream = torch.randn(N, dtype=F64)
    for a, b in zip(
        torch.autograd.grad(loss, inputs, upstream), torch.autograd.grad(expected, inputs, upstream), strict=True
    ):
        torch.testing.assert_close(a.to_dense(), b.to_dense())
    assert not any(name.startswith("objective") for name, _ in student.named_parameters())
    torch.testing.assert_close(student.eval()(hidden, target), of_target.mean())


def test_stored_probabilities_padded_and_filtered() -> None:
    layer, (head, of_teacher) = layers()[0], teacher()
    hidden, target = torch.randn(1, N, D, dtype=F64), torch.randint(V, (1, N))
    log_prob, word_ids = head.topk(of_teacher, M)
    prob = log_prob.detach().exp()
    padded = torch.cat([word_ids, torch.full((N, 2), -1)], dim=1)
    with_nothing = torch.cat([prob, torch.full((N, 2), 0.3, dtype=F64)], dim=1)
    target[0, 2] = -100
    student = Head(layer, Distillation())
    context = {"teacher_word_ids": padded[None], "teacher_prob": with_nothing[None]}
    found = student(hidden, target, context=context, reduction="none")
    p = grouped(layer.logits(hidden[0]).softmax(1), word_ids)
    q = torch.cat([prob, 1 - prob.sum(1, keepdim=True)], dim=1)
    expected = divergence(p, q, "forward")
    expected[2] = 0
    torch.testing.assert_close(found[0], expected)


def test_a_teacher_that_is_sure_stays_finite() -> None:
    layer = layers()[0]
    sure = {"teacher_word_ids": torch.tensor([[3]]), "teacher_prob": torch.ones(1, 1)}
    hidden, target = torch.randn(1, D, dtype=F64), torch.tensor([3])
    for direction in ("forward", "reverse"):
        loss = Head(layer, Distillation(direction=direction))(hidden, target, context=sure)  # type: ignore[arg-type]
        assert loss.isfinite()
    exact = Head(layer, CrossEntropy())(hidden, target)
    torch.testing.assert_close(Head(layer, Distillation())(hidden, target, context=sure), exact, atol=1e-6, rtol=1e-6)


def test_wrong_teachers_are_refused_in_words() -> None:
    head, _ = teacher()
    layer = layers()[0]
    hidden, target = torch.randn(N, D, dtype=F64), torch.randint(V, (N,))
    with pytest.raises(InputError, match="direction is 'up'; expected 'forward' or 'reverse'"):
        Distillation(direction="up")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="teacher is of type Linear; expected a Head"):
        Distillation(torch.nn.Linear(2, 2))
    with pytest.raises(InputError, match="num_words selects the best words of a teacher"):
        Distillation(num_words=3)
    with pytest.raises(InputError, match=f"the teacher has {V} words, but the output layer has 9"):
        Head(Dense(D, 9), Distillation(head))
    with pytest.raises(InputError, match=r"context contains nothing, but .* needs"):
        Head(layer, Distillation(head))(hidden, target)
    student = Head(layer, Distillation())
    good = {"teacher_word_ids": torch.zeros(N, 1, dtype=torch.int64), "teacher_prob": torch.ones(N, 1)}
    for change, message in (
        ({"teacher_prob": torch.ones(N, 2)}, "have shape .* and their probabilities"),
        ({"teacher_prob": torch.full((N, 1), 1.5)}, "have a sum above 1"),
        ({"teacher_prob": torch.full((N, 1), float("nan"))}, "negative, NaN"),
        ({"teacher_word_ids": torch.full((N, 1), V)}, rf"out of range; expected \[0, {V}\), or −1"),
        ({"teacher_word_ids": torch.zeros(N, 1)}, "word ids are torch.float32"),
        ({"teacher_word_ids": [1]}, "must be tensors"),
    ):
        with pytest.raises(InputError, match=message):
            student(hidden, target, context={**good, **change})
