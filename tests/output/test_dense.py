"""The plain softmax layer and the tiled arithmetic under it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, linear

from chance import chi_square_p_value
from vastmax.errors import InputError
from vastmax.output import Dense
from vastmax.output.linear import exact, tiles
from vastmax.output.linear.tiles import spans, tile_shape
from vastmax.tensors.row_sparse import gather_rows

F64 = torch.float64


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles so small that these tests cross their borders in both directions."""
    monkeypatch.setattr(tiles, "_TILE_NUMEL_CPU", 2**10)
    monkeypatch.setattr(tiles, "_MAX_TILE_EXAMPLES_CPU", 4)
    torch.manual_seed(0)


def test_tiles_cover_everything_once() -> None:
    examples, words = tile_shape(11, torch.device("cpu"))
    assert (examples, words) == (4, 256)
    for length in (0, 1, 255, 256, 257, 1000):
        assert [i for part in spans(length, words) for i in range(part.start, part.stop)] == list(range(length))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 9), d=st.integers(1, 7), v=st.integers(1, 700), bias=st.booleans(), some=st.booleans())
def test_exact_equals_the_naive_expression(n: int, d: int, v: int, bias: bool, some: bool) -> None:
    hidden = torch.randn(n, d, dtype=F64, requires_grad=True)
    weight = torch.randn(v, d, dtype=F64, requires_grad=True)
    offset = torch.randn(v, dtype=F64, requires_grad=True) if bias else None
    target = torch.randint(v, (n,))
    normalised = torch.randperm(n)[: n // 2] if some else None
    inputs = [x for x in (hidden, weight, offset) if x is not None]

    target_score, log_normaliser = exact.linear_exact(hidden, weight, offset, target, normaliser_example=normalised)
    scores = linear(hidden, weight, offset)
    naive_score = scores[torch.arange(n), target]
    naive_log_normaliser = (scores if normalised is None else scores[normalised]).logsumexp(dim=1)
    torch.testing.assert_close(target_score, naive_score)
    torch.testing.assert_close(log_normaliser, naive_log_normaliser)

    by_score, by_normaliser = torch.randn(n, dtype=F64), torch.randn(len(log_normaliser), dtype=F64)
    fast = torch.autograd.grad(by_score @ target_score + by_normaliser @ log_normaliser, inputs)
    slow = torch.autograd.grad(by_score @ naive_score + by_normaliser @ naive_log_normaliser, inputs)
    for mine, theirs in zip(fast, slow, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_exact_of_targets_that_belong_to_chosen_examples() -> None:
    """As blocks of a layer ask for it: some examples have their target here, one of them twice."""
    hidden = torch.randn(5, 3, dtype=F64, requires_grad=True)
    weight = torch.randn(300, 3, dtype=F64, requires_grad=True)
    example, target = torch.tensor([4, 1, 1]), torch.tensor([299, 0, 7])
    score, log_normaliser = exact.linear_exact(hidden, weight, None, target, target_example=example)
    scores = hidden @ weight.T
    torch.testing.assert_close(score, scores[example, target])
    fast = torch.autograd.grad(score.sum() + log_normaliser.sum(), [hidden, weight])
    slow = torch.autograd.grad(scores[example, target].sum() + scores.logsumexp(1).sum(), [hidden, weight])
    for mine, theirs in zip(fast, slow, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_exact_passes_gradcheck() -> None:
    hidden = torch.randn(5, 3, dtype=F64, requires_grad=True)
    weight = torch.randn(7, 3, dtype=F64, requires_grad=True)
    bias = torch.randn(7, dtype=F64, requires_grad=True)
    target = torch.tensor([0, 6, 3, 3, 1])
    assert torch.autograd.gradcheck(lambda h, w, b: exact.linear_exact(h, w, b, target), (hidden, weight, bias))


@pytest.mark.parametrize("wanted", ["hidden", "weight", "bias"])
def test_exact_computes_the_gradient_that_is_wanted(wanted: str) -> None:
    tensors = {"hidden": torch.randn(5, 3), "weight": torch.randn(9, 3), "bias": torch.randn(9)}
    tensors[wanted].requires_grad_()
    target = torch.tensor([0, 8, 3, 3, 1])
    score, log_normaliser = exact.linear_exact(**tensors, target=target)
    (log_normaliser - score).sum().backward()
    mine, tensors[wanted].grad = tensors[wanted].grad, None
    cross_entropy(linear(*tensors.values()), target, reduction="sum").backward()
    torch.testing.assert_close(mine, tensors[wanted].grad)


@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_exact_survives_extreme_scores(extreme: float) -> None:
    weight = torch.tensor([[extreme], [extreme - 1], [-extreme]])
    layer = Dense(weight=nn.Parameter(weight), bias=False)
    log_prob = layer.log_prob(torch.ones(1, 1), torch.tensor([0]))
    resolution = abs(extreme) * torch.finfo(torch.float32).eps
    expected = (torch.ones(1, 1) @ weight.T).log_softmax(1)[:, 0]
    torch.testing.assert_close(log_prob, expected, rtol=0, atol=resolution)


def test_low_precision_errs_no_more_than_the_naive_form() -> None:
    hidden = torch.randn(64, 32, dtype=torch.bfloat16, requires_grad=True)
    weight = (0.3 * torch.randn(2000, 32, dtype=torch.bfloat16)).requires_grad_()
    target = torch.randint(2000, (64,))

    def gradients(low: bool, tiled: bool) -> tuple[torch.Tensor, ...]:
        h, w = (hidden, weight) if low else (hidden.detach().double(), weight.detach().double())
        h, w = h.detach().requires_grad_(), w.detach().requires_grad_()
        if tiled:
            score, log_normaliser = exact.linear_exact(h, w, None, target)
            loss = (log_normaliser - score).mean()
        else:
            loss = cross_entropy(linear(h, w).to(F64 if not low else torch.float32), target)
        return (loss, *torch.autograd.grad(loss, [h, w]))

    for mine, naive, truth in zip(gradients(True, True), gradients(True, False), gradients(False, False), strict=True):
        error, naive_error = (mine.double() - truth).norm(), (naive.double() - truth).norm()
        assert error <= 1.05 * naive_error + 1e-6 * truth.norm()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 9), v=st.integers(1, 1200), data=st.data())
def test_topk_equals_brute_force(n: int, v: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, v))
    layer = Dense(6, v, dtype=F64)
    nn.init.normal_(layer.bias)
    hidden = torch.randn(n, 6, dtype=F64)
    log_prob, word_ids = layer.topk(hidden, k)
    expected = layer.log_prob(hidden).topk(k, dim=1)
    torch.testing.assert_close(log_prob, expected.values.detach())
    assert word_ids.equal(expected.indices)


def test_topk_of_equal_scores_gives_distinct_words() -> None:
    layer = Dense(2, 500, dtype=F64)
    nn.init.zeros_(layer.weight)
    log_prob, word_ids = layer.topk(torch.randn(3, 2, dtype=F64), 70)
    assert all(len(set(row)) == 70 for row in word_ids.tolist())
    torch.testing.assert_close(log_prob.exp(), torch.full((3, 70), 1 / 500, dtype=F64))


def test_samples_come_from_all_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_TILE_NUMEL_CPU", 2**22)
    monkeypatch.setattr(tiles, "_MAX_TILE_EXAMPLES_CPU", 2**14)
    assert tile_shape(30_000, torch.device("cpu"))[1] == 256
    layer = Dense(2, 600, dtype=F64)
    hidden, draws = torch.randn(1, 2, dtype=F64), 30_000
    with torch.no_grad():
        layer.weight[300:] -= 3 * hidden  # so that tiles differ in mass
    word_ids = layer.sample(hidden.expand(draws, 2), generator=torch.Generator().manual_seed(0))
    expected = layer.log_prob(hidden)[0].exp().detach() * draws
    cells = [word_ids.bincount(minlength=600).view(40, 15).sum(1).numpy(), expected.view(40, 15).sum(1).numpy()]
    assert chi_square_p_value(*cells) > 1e-3
    within = word_ids.remainder(15).bincount(minlength=15).numpy()
    assert chi_square_p_value(within, expected.view(40, 15).sum(0).numpy()) > 1e-3


def test_queries_hold_no_scores_of_all_words(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []
    original = tiles.TileScores.__call__

    def recording(self: object, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        widths.append(len(weight))
        return original(self, hidden, weight, bias)

    monkeypatch.setattr(tiles.TileScores, "__call__", recording)
    layer = Dense(4, 3000, dtype=F64)  # float32 goes through a kernel, which stores no score
    layer.topk(torch.randn(4, 4, dtype=F64), 5)
    assert sum(widths) == 3000
    layer.sample(torch.randn(4, 4, dtype=F64))
    assert max(widths) == 256


def test_a_shift_is_a_bias_that_is_not_trained() -> None:
    layer, shift = Dense(4, 300, dtype=F64), torch.randn(300, dtype=F64)
    hidden, target = torch.randn(6, 4, dtype=F64), torch.randint(300, (6,))
    view = layer.shifted(shift)
    expected = (hidden @ layer.weight.T + layer.bias + shift).log_softmax(1)
    torch.testing.assert_close(view.log_prob(hidden), expected)
    torch.testing.assert_close(view.log_prob(hidden, target), expected[torch.arange(6), target])
    assert view.topk(hidden, 5)[1].equal(expected.topk(5).indices)
    word_ids = torch.tensor([2, 40, 299])
    shifted_rows, rows = view.select(word_ids), layer.select(word_ids)
    torch.testing.assert_close(shifted_rows.score(hidden), rows.score(hidden) + shift[word_ids])
    torch.testing.assert_close(view.weighted_score(hidden), layer.weighted_score(hidden) + shift.sum())
    assert layer.score_shift is None
    torch.testing.assert_close(view.shifted(-shift).log_prob(hidden), layer.log_prob(hidden))
    view.log_prob(hidden, target).sum().backward()
    assert layer.weight.grad is not None
    without = Dense(4, 300, bias=False, dtype=F64).shifted(shift)
    torch.testing.assert_close(without.log_prob(hidden), (hidden @ without.weight.T + shift).log_softmax(1))


def test_select_gives_rows_and_their_gradients_only() -> None:
    layer = Dense(4, 1000, dtype=F64)
    nn.init.normal_(layer.bias)
    hidden = torch.randn(3, 4, dtype=F64, requires_grad=True)
    word_ids = torch.tensor([3, 10, 500, 999])
    rows = layer.select(word_ids)
    full = hidden @ layer.weight.T + layer.bias
    torch.testing.assert_close(rows.score(hidden), full[:, word_ids])
    torch.testing.assert_close(rows.score(hidden, torch.tensor([2, 0])), full[:, [500, 3]])
    own = torch.tensor([[0, 3], [1, 1], [2, 0]])
    torch.testing.assert_close(rows.score_at(hidden, own), full.gather(1, word_ids[own]))
    torch.testing.assert_close(rows.score_at(hidden, own[:, 0]), full.gather(1, word_ids[own[:, :1]])[:, 0])
    noise, target = rows.score_both(hidden, torch.tensor([0, 2]), torch.tensor([1, 1, 3]))
    torch.testing.assert_close(noise, full[:, [3, 500]])
    torch.testing.assert_close(target, full[torch.arange(3), [10, 10, 999]])
    (noise.sum() + target.sum()).backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert parameter.grad.is_sparse
        assert parameter.grad._indices()[0].tolist() == [3, 10, 500, 999]  # sorted, each once


def test_scoring_both_passes_gradcheck() -> None:
    layer = Dense(3, 9, dtype=F64, sparse_gradients=False)
    nn.init.normal_(layer.bias)
    hidden = torch.randn(4, 3, dtype=F64, requires_grad=True)
    word_ids = torch.tensor([0, 2, 5, 8])

    def scores(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rows = torch.func.functional_call(_Selecting(layer, word_ids), {"layer.weight": weight, "layer.bias": bias}, ())
        return rows.score_both(hidden, torch.tensor([3, 1]), torch.tensor([0, 0, 1, 2]))

    assert torch.autograd.gradcheck(scores, (hidden, layer.weight, layer.bias))


class _Selecting(nn.Module):
    def __init__(self, layer: Dense, word_ids: torch.Tensor) -> None:
        super().__init__()
        self.layer, self.word_ids = layer, word_ids

    def forward(self) -> object:
        return self.layer.select(self.word_ids)


def test_dense_twin_has_the_same_gradient() -> None:
    weight = nn.Parameter(torch.randn(20, 3))
    row = torch.tensor([1, 4, 19])
    upstream = torch.randn(3, 3)
    (sparse,) = torch.autograd.grad((gather_rows(weight, row, sparse=True) * upstream).sum(), weight)
    (dense,) = torch.autograd.grad((gather_rows(weight, row, sparse=False) * upstream).sum(), weight)
    assert sparse.is_sparse
    torch.testing.assert_close(sparse.to_dense(), dense)


def test_from_linear_shares_storage() -> None:
    original = nn.Linear(4, 9)
    layer = Dense.from_linear(original)
    assert layer.weight is original.weight
    assert layer.bias is original.bias
    hidden = torch.randn(2, 4)
    torch.testing.assert_close(layer.log_prob(hidden), original(hidden).log_softmax(1))
    assert layer.state_dict().keys() == original.state_dict().keys()
    assert Dense.from_linear(nn.Linear(4, 9, bias=False)).bias is None


def test_tied_weights_get_both_gradients() -> None:
    embedding = nn.Embedding(50, 4, sparse=True)
    layer = Dense(weight=embedding.weight)
    assert (layer.hidden_size, layer.vocab_size) == (4, 50)
    rows = layer.select(torch.tensor([1, 2]))
    (rows.score(embedding(torch.tensor([2, 30]))).sum()).backward()
    assert embedding.weight.grad.coalesce().indices()[0].tolist() == [1, 2, 30]


def test_a_bias_that_was_set_is_left_alone() -> None:
    layer = Dense(4, 9)
    assert layer.initialise_bias(-2.0)
    assert layer.bias.eq(-2).all()
    assert not layer.initialise_bias(torch.arange(9.0))
    assert layer.bias.eq(-2).all()
    assert not Dense(4, 9, bias=False).initialise_bias(1.0)


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="hidden_size is 0"):
        Dense(0, 5)
    with pytest.raises(InputError, match="vocab_size is -1"):
        Dense(5, -1)
    with pytest.raises(InputError, match="needs hidden_size and vocab_size, or a weight"):
        Dense(5)
    with pytest.raises(InputError, match=r"weight has shape \(9, 4\), but vocab_size=8"):
        Dense(4, 8, weight=nn.Parameter(torch.zeros(9, 4)))
    with pytest.raises(InputError, match=r"weight has shape \(9,\)"):
        Dense(weight=nn.Parameter(torch.zeros(9)))


def test_sparse_gradients_need_a_leaf() -> None:
    layer = Dense(3, 6)
    nn.utils.parametrizations.weight_norm(layer)
    with pytest.raises(InputError, match=r"not a leaf .* sparse_gradients=False"):
        layer.select(torch.tensor([1]))
    dense = nn.utils.parametrizations.weight_norm(Dense(3, 6, sparse_gradients=False))
    dense.select(torch.tensor([1])).score(torch.ones(1, 3)).sum().backward()
