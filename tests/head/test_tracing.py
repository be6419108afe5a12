"""Heads in compiled, exported and transformed functions: the same numbers, in one graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vastmax import Head, output, tree
from vastmax.errors import InputError
from vastmax.objective import NCE, CrossEntropy, NegativeSampling, SampledSoftmax
from vastmax.optim import RowAdam
from vastmax.proposal import InBatch, LogUniform, Uniform, Unigram

D, V, N = 8, 60, 12
COUNTS = [1000 // (rank + 1) for rank in range(V)][::-1]  # ids are not in count order


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def dense(sparse: bool = False) -> output.Dense:
    return output.Dense(D, V, sparse_gradients=sparse)


def paths(of_tree: tree.Tree, sparse: bool = False) -> Head:
    return Head(output.Hierarchical(D, of_tree, sparse_gradients=sparse))


HEADS: dict[str, Callable[[], Head]] = {
    "exact": lambda: Head(dense(), CrossEntropy(z_loss=1e-2, label_smoothing=0.1)),
    "adaptive": lambda: Head(output.Adaptive(D, COUNTS, [10, 30], div_value=2.0)),
    "hierarchical": lambda: paths(tree.huffman(COUNTS)),
    "two-level": lambda: paths(tree.frequency_classes(COUNTS, 6)),
    "sampled softmax": lambda: Head(dense(), SampledSoftmax(LogUniform(V, COUNTS, unique=True), V)),  # draws all words
    "sampled softmax, repeated": lambda: Head(dense(), SampledSoftmax(Uniform(V), 20, accidental_hits="mask")),
    "nce": lambda: Head(dense(), NCE(Unigram(COUNTS), 20)),
    "nce, learned": lambda: Head(dense(), NCE(Unigram(COUNTS), 20, log_normaliser="scalar")),
    "negative sampling": lambda: Head(dense(), NegativeSampling(Unigram(COUNTS), 20, exclude="target")),
}
QUICK = {"exact", "dense", "cnn", "hierarchical", "nce"}


def quick_and_slow(names: Any) -> list[Any]:
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names]


def batch() -> tuple[Tensor, Tensor]:
    hidden, target = torch.randn(N, D), torch.randint(V, (N,))
    target[3:5] = -100
    return hidden, target


def step(model: Any, head: Head, encoder: nn.Linear, inputs: Tensor, target: Tensor) -> list[Tensor]:
    head.zero_grad()
    encoder.zero_grad()
    torch.manual_seed(1)  # the same noise
    loss = model(inputs, target)
    loss.backward()
    parameters = [encoder.weight, *head.parameters()]
    return [loss.detach(), *(parameter.grad.clone() for parameter in parameters)]


@pytest.mark.parametrize("name", quick_and_slow(HEADS))
def test_a_training_step_is_one_graph(name: str) -> None:
    head, encoder = HEADS[name](), nn.Linear(D, D)
    inputs, target = batch()

    def model(inputs: Tensor, target: Tensor) -> Tensor:
        return head(encoder(inputs), target)

    torch.compiler.reset()
    found = step(torch.compile(model, fullgraph=True, backend="aot_eager"), head, encoder, inputs, target)
    for mine, theirs in zip(found, step(model, head, encoder, inputs, target), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.slow  # the C++ compiler runs
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # PyTorch's own
def test_inductor_trains() -> None:
    head, encoder = Head(dense(), SampledSoftmax(LogUniform(V, COUNTS, unique=True), 20)), nn.Linear(D, D)
    inputs, target = batch()
    torch.compiler.reset()
    compiled = torch.compile(lambda inputs, target: head(encoder(inputs), target), fullgraph=True)
    rows = RowAdam(head.parameters(), lr=0.1)
    losses = []
    for _ in range(60):
        loss = compiled(inputs, target)
        loss.backward()
        rows.step()
        rows.zero_grad()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.3 * sum(losses[:5])
    target[0] = V
    with pytest.raises((IndexError, RuntimeError)):
        compiled(inputs, target)


@pytest.mark.slow
def test_a_graph_under_autocast_and_with_several_targets() -> None:
    head = Head(dense())
    hidden = torch.randn(N, D, requires_grad=True)
    target = torch.randint(V, (N, 3))
    target[:, 2] = -100
    target[0] = -100
    torch.compiler.reset()
    compiled = torch.compile(head, fullgraph=True, backend="aot_eager")
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            torch.testing.assert_close(compiled(hidden, target), head(hidden, target))
    assert compiled(hidden, torch.full((N,), -100)) == 0
    with pytest.raises(InputError, match=rf"a target is 99; expected a word id in \[0, {V}\), or ignore_index"):
        compiled(hidden, torch.full((N,), 99))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Head(dense(sparse=True), SampledSoftmax(InBatch(COUNTS))), marks=pytest.mark.slow),
        lambda: Head(dense(sparse=True), SampledSoftmax(Uniform(V), 20)),
        lambda: paths(tree.huffman(COUNTS), sparse=True),
    ],
)
def test_what_has_no_graph_runs_between_two(make: Callable[[], Head]) -> None:
    head = make()
    inputs, target = batch()
    torch.compiler.reset()
    compiled = torch.compile(head, backend="aot_eager")
    torch.manual_seed(1)
    loss = compiled(inputs, target)
    torch.manual_seed(1)
    assert loss.equal(head(inputs, target))
    loss.backward()
    assert head.output.weight.grad.is_sparse
    torch.compiler.reset()
    with pytest.raises(Exception, match=r"torch\.compiler\.disable"):
        torch.compile(head, backend="aot_eager", fullgraph=True)(inputs, target)


class Scores(nn.Module):
    """What a server asks."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.head.log_prob(hidden), *self.head.topk(hidden, 3)


def _frozen(layer: Any) -> Head:
    return Head(layer.freeze()).eval()


SCORED: dict[str, Callable[[], Head]] = {
    "dense": lambda: Head(dense()),
    "negative sampling": lambda: Head(dense(), NegativeSampling(Unigram(COUNTS), 5)),
    "softcap": lambda: Head(dense(), CrossEntropy(softcap=3.0)),
    "differentiated": lambda: Head(output.Differentiated(D, COUNTS, [20, 40], [5, 3])),
    "adaptive": lambda: Head(output.Adaptive(D, COUNTS, [10, 30], div_value=2.0)),
    "given": lambda: _frozen(output.Given(nn.Embedding(V, D), D, V)),
    "cnn": lambda: _frozen(output.CharCNN(D, [f"w{i}" for i in range(V)], 2)),
    "hierarchical": lambda: paths(tree.huffman(COUNTS)),
    "two-level": lambda: paths(tree.frequency_classes(COUNTS, 6)),
}


@pytest.mark.parametrize("name", quick_and_slow(SCORED))
def test_scoring_is_exported_for_any_batch(name: str) -> None:
    module = Scores(SCORED[name]()).eval()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    if getattr(module.head.output, "frozen_table", None) is not None:
        module.head.output.freeze()
    shapes = {"hidden": {0: torch.export.Dim("batch")}}
    program = torch.export.export(module, (torch.randn(4, D),), dynamic_shapes=shapes).module()
    for size in (2, 7):
        hidden = torch.randn(size, D)
        for mine, theirs in zip(program(hidden), module(hidden), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_what_cannot_be_exported_says_so() -> None:
    head = Head(output.Given(nn.Embedding(V, D), D, V))
    with pytest.raises(InputError, match=r"Given computes its word vectors in each call: call freeze\(\) first"):
        torch.export.export(Scores(head), (torch.randn(2, D),))
    with pytest.raises(InputError, match=r"Head\.sample depends on the numbers it is given here, which a graph cannot"):
        torch.export.export(Sampler(head), (torch.randn(2, D),))


class Sampler(nn.Module):
    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, hidden: Tensor) -> Tensor:
        return self.head.sample(hidden)


def test_scoring_goes_to_onnx(tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed; no extra brings it")
    onnx = import_module("onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Scores(Head(dense())).eval(), (torch.randn(4, D),), tmp_path / "head.onnx", verbose=False)
    onnx.checker.check_model(onnx.load(tmp_path / "head.onnx"))


@pytest.mark.parametrize("name", ["exact", "adaptive", "hierarchical", "nce"])
def test_torch_func_grad_is_the_gradient(name: str) -> None:
    head = HEADS[name]()
    hidden, target = batch()
    torch.manual_seed(1)
    found = torch.func.grad(lambda hidden: head(hidden, target))(hidden)
    hidden.requires_grad_()
    torch.manual_seed(1)
    (expected,) = torch.autograd.grad(head(hidden, target), hidden)
    torch.testing.assert_close(found, expected)
    names = dict(head.named_parameters())
    of_all = torch.func.grad(lambda values: torch.func.functional_call(head, values, (hidden.detach(), target)))(names)
    assert of_all.keys() == names.keys()
    with pytest.raises(InputError, match=r"\(vmap, grad, …\) cannot be applied .*: pass leading dimensions instead"):
        torch.vmap(head)(hidden.detach(), target)


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*:DeprecationWarning")
def test_a_script_would_keep_one_answer() -> None:
    head = Head(dense())
    with pytest.raises(InputError, match=r"torch\.jit\.trace records one run.*: use torch\.export\.export"):
        torch.jit.trace(Scores(head), (torch.randn(2, D),))
