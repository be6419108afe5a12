"""Row optimisers against dense float64 twins written out here, on sparse and dense gradients."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from vastmax.errors import InputError
from vastmax.optim import RowAdagrad, RowAdam, RowOptimizer, RowSGD

Make = Callable[[Any], RowOptimizer]
OPTIMIZERS: dict[str, Make] = {
    "sgd": lambda params: RowSGD(params, lr=0.3),
    "sgd-momentum": lambda params: RowSGD(params, lr=0.3, momentum=0.9),
    "adagrad": lambda params: RowAdagrad(params, lr=0.2, initial_accumulator=0.05, eps=1e-6),
    "adam": lambda params: RowAdam(params, lr=0.1, betas=(0.8, 0.95), eps=1e-6),
    "adam-step": lambda params: RowAdam(params, lr=0.1, betas=(0.8, 0.95), eps=1e-6, bias_correction="step"),
}
every_optimizer = pytest.mark.parametrize("name", list(OPTIMIZERS))


def sparse_gradient(row_ids: Tensor, values: Tensor, shape: torch.Size) -> Tensor:
    return torch.sparse_coo_tensor(row_ids[None], values, shape, check_invariants=False)


class DenseTwin:
    """The documented update, row by row in Python floats' precision; knows nothing of sparse tensors."""

    def __init__(self, name: str, weight: Tensor) -> None:
        self.name, self.weight, self.steps = name, weight.double().clone(), 0
        self.touches = [0] * len(weight)
        self.first = torch.zeros_like(self.weight)
        self.second = torch.zeros_like(self.weight)
        self.total = [0.05] * len(weight)

    def step(self, gradient: Tensor, touched: set[int]) -> None:
        self.steps += 1
        for r in touched:
            g = gradient[r].double()
            self.touches[r] += 1
            if self.name == "sgd":
                self.weight[r] -= 0.3 * g
            elif self.name == "sgd-momentum":
                self.first[r] = 0.9 * self.first[r] + g
                self.weight[r] -= 0.3 * self.first[r]
            elif self.name == "adagrad":
                self.total[r] += float((g * g).sum()) / g.numel()
                self.weight[r] -= 0.2 * g / (math.sqrt(self.total[r]) + 1e-6)
            else:
                t = self.touches[r] if self.name == "adam" else self.steps
                self.first[r] = 0.8 * self.first[r] + 0.2 * g
                self.second[r] = 0.95 * self.second[r] + 0.05 * g * g
                root = (self.second[r] / (1 - 0.95**t)).sqrt() + 1e-6
                self.weight[r] -= 0.1 * (self.first[r] / (1 - 0.8**t)) / root


@every_optimizer
@settings(max_examples=25, deadline=None)
@given(data=st.data(), V=st.integers(1, 9), D=st.sampled_from([None, 1, 3]), seed=st.integers(0, 10_000))
def test_equals_the_dense_twin_on_any_sequence_of_row_sets(
    name: str, data: st.DataObject, V: int, D: int | None, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = torch.Size([V] if D is None else [V, D])
    parameter = nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64))
    optimizer, twin = OPTIMIZERS[name]([parameter]), DenseTwin(name, parameter.data)
    for _ in range(4):
        row_ids = torch.tensor(data.draw(st.lists(st.integers(0, V - 1), max_size=6)), dtype=torch.int64)
        values = torch.randn([len(row_ids), *shape[1:]], generator=generator, dtype=torch.float64)
        parameter.grad = sparse_gradient(row_ids, values, shape)
        optimizer.step()
        if len(row_ids):  # a gradient that touches nothing is not a step
            twin.step(parameter.grad.to_dense(), set(row_ids.tolist()))
    torch.testing.assert_close(parameter.data, twin.weight, rtol=1e-12, atol=1e-12)


TORCH_TWINS = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.3),
    "sgd-momentum": lambda params: torch.optim.SGD(params, lr=0.3, momentum=0.9),
    "adam": lambda params: torch.optim.Adam(params, lr=0.1, betas=(0.8, 0.95), eps=1e-6),
    "adam-step": lambda params: torch.optim.Adam(params, lr=0.1, betas=(0.8, 0.95), eps=1e-6),
}


@pytest.mark.parametrize("name", list(TORCH_TWINS))
@pytest.mark.parametrize("shape", [(), (5,), (5, 3), (5, 2, 3)])
def test_dense_gradients_are_the_optimisers_of_torch(name: str, shape: tuple[int, ...]) -> None:
    ours = nn.Parameter(torch.randn(shape, dtype=torch.float64))
    theirs = nn.Parameter(ours.detach().clone())
    our_optimizer, their_optimizer = OPTIMIZERS[name]([ours]), TORCH_TWINS[name]([theirs])
    for _ in range(5):
        ours.grad = torch.randn(shape, dtype=torch.float64)
        theirs.grad = ours.grad.clone()
        our_optimizer.step()
        their_optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_adagrad_over_single_numbers_is_that_of_torch() -> None:
    ours = nn.Parameter(torch.randn(7, dtype=torch.float64))
    theirs = nn.Parameter(ours.detach().clone())
    optimizers = [RowAdagrad([ours], lr=0.2, eps=1e-6), torch.optim.Adagrad([theirs], lr=0.2, eps=1e-6)]
    for _ in range(5):
        ours.grad = torch.randn(7, dtype=torch.float64)
        theirs.grad = ours.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_adam_corrected_by_steps_is_the_sparse_adam_of_torch() -> None:
    ours = nn.Parameter(torch.randn(9, 3, dtype=torch.float64))
    theirs = nn.Parameter(ours.detach().clone())
    # torch corrects the root after eps was added; with an eps of nearly nothing the two agree.
    optimizers: list[torch.optim.Optimizer] = [
        RowAdam([ours], lr=0.1, eps=1e-14, bias_correction="step"),
        torch.optim.SparseAdam([theirs], lr=0.1, eps=1e-14),
    ]
    for _ in range(6):
        row_ids = torch.randint(0, 9, (4,))
        ours.grad = sparse_gradient(row_ids, torch.randn(4, 3, dtype=torch.float64), ours.shape)
        theirs.grad = ours.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


@every_optimizer
def test_sparse_equals_dense_when_every_row_is_touched(name: str) -> None:
    sparse = nn.Parameter(torch.randn(6, 4, dtype=torch.float64))
    dense = nn.Parameter(sparse.detach().clone())
    optimizers = [OPTIMIZERS[name]([sparse]), OPTIMIZERS[name]([dense])]
    for _ in range(4):
        dense.grad = torch.randn(6, 4, dtype=torch.float64)
        row_ids = torch.randperm(6)
        sparse.grad = sparse_gradient(row_ids, dense.grad[row_ids], sparse.shape)
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(sparse, dense, rtol=1e-12, atol=1e-12)


@every_optimizer
def test_minimises_a_quadratic(name: str) -> None:
    goal = torch.randn(50, 4)
    embedding = nn.Embedding(50, 4, sparse=True)
    optimizer = OPTIMIZERS[name](embedding.parameters())
    for _ in range(600):
        optimizer.zero_grad()
        row_ids = torch.randint(0, 50, (20,))
        (embedding(row_ids) - goal[row_ids]).square().sum().mul(0.1).backward()
        optimizer.step()
    assert (embedding.weight - goal).abs().mean() < 0.02


class RefusePassesOverTheTable(TorchDispatchMode):
    """Fails on any operation on a tensor of V rows other than reading or writing some of its rows."""

    ROW_OPERATIONS = ("index_select", "index_copy_", "detach", "view")

    def __init__(self, V: int) -> None:
        super().__init__()
        self.V, self.seen = V, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [t for t in [*args, result] if isinstance(t, Tensor) and t.layout == torch.strided]
        if any(t.dim() and t.shape[0] == self.V for t in tensors):
            self.seen += 1
            name = func.__name__.split(".")[0]
            adds_rows = name == "add_" and args[1].layout == torch.sparse_coo
            assert adds_rows or name in self.ROW_OPERATIONS, f"{func} passes over all {self.V} rows"
        return result


@every_optimizer
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("set_to_none", [True, False])
def test_a_step_makes_no_pass_over_the_table(name: str, dtype: torch.dtype, set_to_none: bool) -> None:
    V = 10_007
    parameter = nn.Parameter(torch.randn(V, 3).to(dtype))
    optimizer = OPTIMIZERS[name]([parameter])

    def step() -> None:
        parameter.grad = sparse_gradient(torch.tensor([4, 1, 4]), torch.ones(3, 3, dtype=dtype), parameter.shape)
        optimizer.step()
        optimizer.zero_grad(set_to_none=set_to_none)

    step()  # allocates the state
    with RefusePassesOverTheTable(V) as mode:
        step()
    assert mode.seen > 0


def test_the_guard_against_passes_sees_one() -> None:
    parameter = nn.Parameter(torch.randn(107, 3))
    parameter.grad = torch.ones(107, 3)
    with pytest.raises(AssertionError, match="passes over all 107 rows"), RefusePassesOverTheTable(107):
        torch.optim.SGD([parameter], lr=0.1, foreach=False).step()


@every_optimizer
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_state_dict_round_trip_continues_bit_for_bit(name: str, dtype: torch.dtype) -> None:
    def run(parameter: nn.Parameter, optimizer: RowOptimizer, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(3):
            row_ids = torch.randint(0, 8, (5,), generator=generator)
            values = torch.randn(5, 2, generator=generator).to(dtype)
            parameter.grad = sparse_gradient(row_ids, values, parameter.shape)
            optimizer.step()

    first = nn.Parameter(torch.randn(8, 2).to(dtype))
    optimizer = OPTIMIZERS[name]([first])
    run(first, optimizer, seed=1)
    second = nn.Parameter(first.detach().clone())
    resumed = OPTIMIZERS[name]([second])
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for key, value in optimizer.state[first].items():
        assert resumed.state[second][key].dtype == value.dtype
        assert resumed.state[second][key].data_ptr() != value.data_ptr()
    run(first, optimizer, seed=2)
    run(second, resumed, seed=2)
    assert torch.equal(first, second)


@every_optimizer
def test_low_precision_errs_no_more_than_its_rounding(name: str) -> None:
    exact = nn.Parameter(torch.randn(20, 4).bfloat16().double())
    rounded = nn.Parameter(exact.detach().bfloat16())
    optimizers = [OPTIMIZERS[name]([exact]), OPTIMIZERS[name]([rounded])]
    steps = 5
    for _ in range(steps):
        row_ids = torch.randint(0, 20, (10,)).unique()
        values = torch.randn(len(row_ids), 4).bfloat16()
        rounded.grad = sparse_gradient(row_ids, values, rounded.shape)
        exact.grad = sparse_gradient(row_ids, values.double(), exact.shape)
        for optimizer in optimizers:
            optimizer.step()
    # One rounding to eight bits a step, of numbers no larger than the largest weight on the way.
    assert (rounded.double() - exact).abs().max() <= steps * 2**-8 * (exact.abs().max() + 1)


@every_optimizer
def test_closure_is_called_with_gradients_on_and_its_loss_returned(name: str) -> None:
    embedding = nn.Embedding(5, 2, sparse=True)
    optimizer = OPTIMIZERS[name](embedding.parameters())

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = embedding(torch.tensor([1])).square().sum()
        loss.backward()
        return loss

    before = closure().item()
    with torch.no_grad():
        assert optimizer.step(closure).item() == pytest.approx(before)  # type: ignore[arg-type,attr-defined]
    assert closure().item() != before


@every_optimizer
def test_learning_rate_schedulers_of_torch_drive_it(name: str) -> None:
    embedding = nn.Embedding(5, 2, sparse=True)
    optimizer = OPTIMIZERS[name](embedding.parameters())
    start = optimizer.param_groups[0]["lr"]
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0 if step else 1.0)
    embedding(torch.tensor([1])).sum().backward()
    optimizer.step()
    scheduler.step()
    assert start > 0
    assert optimizer.param_groups[0]["lr"] == 0.0
    before = embedding.weight.detach().clone()
    optimizer.step()
    assert torch.equal(before, embedding.weight)


@every_optimizer
def test_parameters_without_gradient_or_rows_stay(name: str) -> None:
    idle, empty = nn.Parameter(torch.ones(4, 2)), nn.Parameter(torch.ones(0, 2))
    optimizer = OPTIMIZERS[name]([idle, empty])
    empty.grad = torch.zeros(0, 2)
    optimizer.step()
    idle.grad = sparse_gradient(torch.empty(0, dtype=torch.int64), torch.empty(0, 2), idle.shape)
    optimizer.step()
    assert torch.equal(idle, torch.ones(4, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: RowSGD(p, lr=-1.0), r"lr is -1.0; it must be a finite number at least 0"),
        (lambda p: RowSGD(p, lr=math.nan), r"lr is nan"),
        (lambda p: RowSGD(p, lr="0.1"), r"lr is '0.1'"),
        (lambda p: RowSGD(p, lr=0.1, momentum=1.0), r"momentum is 1.0; .* at least 0 and below 1"),
        (lambda p: RowSGD([{"params": p, "momentum": -0.5}], lr=0.1), r"momentum is -0.5"),
        (lambda p: RowAdagrad(p, initial_accumulator=-1), r"initial_accumulator is -1"),
        (lambda p: RowAdagrad(p, eps=0.0), r"eps is 0.0; .* above 0"),
        (lambda p: RowAdam(p, betas=(0.9, 1.0)), r"betas is 1.0"),
        (lambda p: RowAdam(p, betas=(0.9,)), r"must be two numbers"),
        (lambda p: RowAdam(p, lr=math.inf), r"lr is inf"),
        (lambda p: RowAdam(p, lr=torch.tensor(-1.0)), r"lr is -1.0"),
        (lambda p: RowAdam(p, weight_decay=-0.1), r"weight_decay is -0.1; it must be a finite number at least 0"),
        (lambda p: RowAdagrad(p, maximize="yes"), r"maximize is 'yes'; it must be True or False"),
        (lambda p: RowAdam(p, eps=-1e-8), r"eps is -1e-08"),
        (lambda p: RowAdam(p, bias_correction="never"), r'bias_correction is .never.; choose "row" or "step"'),
        (lambda p: RowSGD([p[0].to(torch.complex64)], lr=0.1), r"dtype torch.complex64"),
    ],
)
def test_bad_options_are_refused_at_construction(make: Make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make([nn.Parameter(torch.zeros(3, 2), requires_grad=False)])


@pytest.mark.parametrize("shape", [(7,), (7, 3)])
def test_weight_decay_and_maximize_are_those_of_torch(shape: tuple[int, ...]) -> None:
    """Where every row is in play in every step; Adam's decay is AdamW's, and without momentum SGD has but one."""
    pairs: list[tuple[Make, Make]] = [
        (
            lambda p: RowAdam(p, lr=0.1, weight_decay=0.2, maximize=True),
            lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2, maximize=True),
        ),
        (
            lambda p: RowSGD(p, lr=0.1, weight_decay=0.2, maximize=False),
            lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.2),
        ),
    ]
    for mine, theirs in pairs:
        generator = torch.Generator().manual_seed(0)
        a = nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64))
        b, c = (nn.Parameter(a.detach().clone()) for _ in range(2))
        optimizers = [mine([a]), theirs([b]), mine([c])]
        for _ in range(4):
            gradient = torch.randn(shape, generator=generator, dtype=torch.float64)
            a.grad, b.grad, c.grad = gradient.clone(), gradient.clone(), gradient.to_sparse(1)
            for optimizer in optimizers:
                optimizer.step()
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(c, b)


@every_optimizer
def test_rows_out_of_play_do_not_decay(name: str) -> None:
    parameter = nn.Parameter(torch.ones(5, 2))
    optimizer = OPTIMIZERS[name]([{"params": [parameter], "weight_decay": 0.5, "lr": torch.tensor(0.1)}])
    parameter.grad = sparse_gradient(torch.tensor([1]), torch.zeros(1, 2), parameter.shape)
    optimizer.step()
    torch.testing.assert_close(parameter[1].detach(), torch.full((2,), 0.95))
    assert parameter[[0, 2, 3, 4]].eq(1).all()


@every_optimizer
def test_a_learning_rate_in_a_tensor_is_read_at_each_step(name: str) -> None:
    rate = torch.tensor(0.3)
    a, b = (nn.Parameter(torch.ones(3, 2)) for _ in range(2))
    mine = OPTIMIZERS[name]([{"params": [a], "lr": rate}])
    twin = OPTIMIZERS[name]([{"params": [b], "lr": float(rate)}])
    for new in (0.3, 0.01):
        rate.fill_(new)
        twin.param_groups[0]["lr"] = float(rate)
        a.grad, b.grad = torch.ones(3, 2), torch.ones(3, 2)
        mine.step()
        twin.step()
        torch.testing.assert_close(a, b)
    assert mine.param_groups[0]["lr"] is rate


def test_a_state_saved_before_there_was_weight_decay_is_loaded() -> None:
    parameter = nn.Parameter(torch.ones(3, 2))
    optimizer = RowAdagrad([parameter])
    old = optimizer.state_dict()
    for option in ("weight_decay", "maximize"):
        del old["param_groups"][0][option]
    optimizer.load_state_dict(old)
    parameter.grad = torch.ones(3, 2)
    optimizer.step()
    assert parameter.lt(1).all()


def test_a_refused_group_is_not_added() -> None:
    optimizer = RowSGD([nn.Parameter(torch.zeros(2, 2))], lr=0.1)
    with pytest.raises(InputError, match="lr is -2"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(2, 2))], "lr": -2})
    assert len(optimizer.param_groups) == 1


@every_optimizer
def test_gradients_not_sparse_over_rows_are_refused(name: str) -> None:
    parameter = nn.Parameter(torch.zeros(3, 2))
    optimizer = OPTIMIZERS[name]([parameter])
    indices = torch.tensor([[0, 1], [0, 1]])
    parameter.grad = torch.sparse_coo_tensor(indices, torch.ones(2), (3, 2), check_invariants=False)
    with pytest.raises(InputError, match=r"2 sparse dimensions; expected .* indices of shape \(1, U\)"):
        optimizer.step()


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("shape", [(11,), (11, 3), (11, 3, 2)])
def test_adagrad_piece_by_piece_is_adagrad(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], dense: bool
) -> None:
    def trained() -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(3)
        parameter = torch.nn.Parameter(torch.randn(shape, generator=generator))
        optimizer = RowAdagrad([parameter], lr=0.3)
        for _ in range(3):
            gradient = torch.randn(shape, generator=generator)
            gradient[::3] = 0
            parameter.grad = gradient if dense else gradient.to_sparse(1)
            optimizer.step()
        return parameter.detach(), optimizer.state[parameter]["sum"]

    whole = trained()
    monkeypatch.setattr("vastmax.optim.row_adagrad._NUMBERS_AT_ONCE", 7)
    for found, expected in zip(trained(), whole, strict=True):
        assert torch.equal(found, expected)


def test_rows_begin_with_visits_of_average_size() -> None:
    """Two steps by hand: n times the mean square of all gradients so far stands beside each row's own squares."""
    table = torch.nn.Parameter(torch.zeros(4, 3, dtype=torch.float64))
    optimizer = RowAdagrad([table], lr=0.5, prior_visits=10.0)
    expected, sums, squares = torch.zeros(4, 3, dtype=torch.float64), torch.zeros(4, dtype=torch.float64), []
    for rows, scale in (([0, 2], 1.0), ([2, 3], 0.1)):
        gradient = scale * torch.arange(1.0, 7.0, dtype=torch.float64).view(2, 3)
        table.grad = torch.sparse_coo_tensor(torch.tensor([rows]), gradient, table.shape, check_invariants=True)
        optimizer.step()
        squares += gradient.square().mean(1).tolist()
        sums[rows] += gradient.square().mean(1)
        root = (sums[rows] + 10 * sum(squares) / len(squares)).sqrt()
        expected[rows] -= 0.5 * gradient / root[:, None]
    torch.testing.assert_close(table.detach(), expected)


def test_visits_go_by_the_size_of_the_gradients_and_are_saved() -> None:
    """A loss ten times as large changes no step, unlike an initial accumulator."""
    moved = []
    for scale in (1.0, 10.0):
        table = torch.nn.Parameter(torch.zeros(3, 2))
        optimizer = RowAdagrad([table], lr=0.1, prior_visits=64.0)
        table.grad = scale * torch.tensor([[1.0, 2.0], [0.5, 0.1], [3.0, 0.0]])
        optimizer.step()
        again = RowAdagrad([table], lr=0.1, prior_visits=64.0)
        again.load_state_dict(optimizer.state_dict())
        table.grad = scale * torch.tensor([[2.0, 1.0], [0.0, 0.1], [1.0, 1.0]])
        again.step()
        moved.append(table.detach().clone())
        assert float(again.state[table]["squares"][1]) == 6
    torch.testing.assert_close(moved[0], moved[1])


def test_negative_visits_are_refused() -> None:
    with pytest.raises(InputError, match="prior_visits is -1"):
        RowAdagrad([torch.nn.Parameter(torch.zeros(1))], prior_visits=-1)


def test_a_compiled_step_is_the_step() -> None:
    """`torch.compile(optimizer.step)`: how many rows a step touches is in no graph, so it runs as it is."""
    torch.manual_seed(0)
    mine = nn.Embedding(20, 4, sparse=True)
    theirs = copy.deepcopy(mine)
    compiled, plain = RowAdam(mine.parameters(), lr=0.1), RowAdam(theirs.parameters(), lr=0.1)
    torch.compiler.reset()
    for step, optimizer, table in (
        (torch.compile(compiled.step, backend="aot_eager"), compiled, mine),
        (plain.step, plain, theirs),
    ):
        for word_ids in (torch.tensor([1, 5, 1]), torch.tensor([2])):
            optimizer.zero_grad()
            table(word_ids).square().sum().backward()
            step()
    assert mine.weight.equal(theirs.weight)
