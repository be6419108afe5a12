"""Drawing by an index follows the softmax, and log Z comes with an interval that covers it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from vastmax import Head, objective, output, search, tree
from vastmax.errors import InputError
from vastmax.search.gumbel import draw
from vastmax.search.rest_of_z import with_rest
from vastmax.search.score_table import table_of

V, D = 400, 8


def head_of() -> Head:
    torch.manual_seed(0)
    return Head(output.Dense(D, V), objective.CrossEntropy(), counts=np.arange(V, 0, -1) ** 2).eval()


def pvalue(drawn: torch.Tensor, probability: torch.Tensor) -> float:
    expected = probability.double() * len(drawn)
    counts = torch.bincount(drawn, minlength=V).double()
    rare = expected < 5
    cells = [torch.cat([each[~rare], each[rare].sum()[None]]).numpy() for each in (counts, expected)]
    return float(chisquare(cells[0], cells[1] * cells[0].sum() / cells[1].sum()).pvalue)


@pytest.mark.parametrize("scale", [0.0, 4.0])
def test_draws_by_a_certified_index_follow_the_softmax(scale: float) -> None:
    """A flat law, whose draws come from beyond the best words, and a peaked one."""
    head = head_of()
    hidden = (scale * torch.randn(D, generator=torch.Generator().manual_seed(2))).expand(6_000, D)
    drawn = head.sample(hidden, generator=torch.Generator().manual_seed(1), search=search.Certified(head))
    assert drawn.shape == (6_000,)
    assert pvalue(drawn, head.log_prob(hidden[0]).exp().detach()) > 1e-4


@pytest.mark.parametrize("known", [1, 3, 300, V])
def test_draws_need_few_best_words(known: int) -> None:
    table = table_of(head_of())
    queries = torch.randn(D, generator=torch.Generator().manual_seed(3)).expand(2_500, D).contiguous()
    score, word_id = table.scores(queries[:1]).topk(known, dim=1)
    generator = torch.Generator().manual_seed(4)
    drawn = draw(table, queries, score.expand(2_500, -1), word_id.expand(2_500, -1), generator=generator)
    law = table.scores(queries[:1])[0].softmax(0)
    assert pvalue(drawn, law) > 1e-4
    wrong = law.clone()
    wrong[drawn[0]] += 0.05  # the test tells laws apart
    assert pvalue(drawn, wrong / wrong.sum()) < 1e-4


def test_a_draw_from_nothing_is_refused() -> None:
    head, hidden = head_of(), torch.randn(2, D)
    hidden[1, 0] = torch.nan
    with pytest.raises(InputError, match="no word can be drawn"):
        head.sample(hidden, search=search.Certified(head))
    assert head.sample(hidden[:0], search=search.Certified(head)).shape == (0,)


def test_the_normaliser_of_a_head() -> None:
    head, hidden = head_of(), torch.randn(3, 5, D, generator=torch.Generator().manual_seed(5))
    exact = head.log_normaliser(hidden)
    assert isinstance(exact, torch.Tensor)
    scores = hidden @ head.output.get_parameter("weight").T + head.output.get_parameter("bias")
    torch.testing.assert_close(exact, scores.logsumexp(-1).detach())
    found, error = head.log_normaliser(hidden, search=search.Certified(head))
    torch.testing.assert_close(found, exact, rtol=0, atol=2e-5)
    assert error.shape == (3, 5)
    layer = output.Hierarchical(D, tree.balanced(9))
    assert Head(layer).log_normaliser(hidden).equal(torch.zeros(3, 5))  # type: ignore[union-attr]


def test_intervals_of_log_z_cover_it() -> None:
    table = table_of(head_of())
    queries = torch.randn(5_000, D, generator=torch.Generator().manual_seed(6))
    scores = table.scores(queries)
    score, word_id = scores.topk(10, dim=1)
    generator = torch.Generator().manual_seed(7)
    found, error = with_rest(table, queries, score, word_id, 200, threads=1, generator=generator)
    exact = scores.logsumexp(1)
    covered = ((found - exact).abs() <= 1.96 * error).double().mean()
    assert 0.93 <= covered <= 0.97
    unbiased = ((found - exact).double().exp() - 1.0) / error.double()
    assert abs(float(unbiased.mean())) < 4 / 5_000**0.5


def structured(V: int = 3_000, D: int = 32) -> Head:
    """Few directions hold most of the rows, biases fall like those of a text, some words stand out."""
    rng = torch.Generator().manual_seed(8)
    head = Head(output.Dense(D, V), objective.CrossEntropy(), counts=np.arange(V, 0, -1)).eval()
    weight = 0.6 * torch.randn(V, D, generator=rng) * torch.arange(1, D + 1) ** -0.7
    weight[::37] *= 2
    with torch.no_grad():
        head.output.get_parameter("weight").copy_(weight)
        head.output.get_parameter("bias").copy_(-torch.arange(1, V + 1).log())
    return head


def test_sampled_intervals_of_a_certified_index_cover_log_z() -> None:
    """Red when the error bar is wrong by half: then far fewer than 93 % are covered."""
    head = structured()
    index = search.Certified(head, width=8)
    queries = torch.randn(5_000, 32, generator=torch.Generator().manual_seed(6))
    exact = table_of(head).scores(queries).double().logsumexp(1)
    generator = torch.Generator().manual_seed(7)
    found, error = index.log_normaliser(queries, samples=300, generator=generator)
    off = found - exact
    assert 0.93 <= (off.abs() <= 1.96 * error).double().mean() <= 0.97
    assert (off.abs() <= 1.96 * error / 2).double().mean() < 0.75
    assert 1e-4 < off.abs().mean() < 0.02
    assert abs(float((off.exp() - 1.0).mean())) < 4 * float(error.square().mean().sqrt()) / 5_000**0.5
    again, _ = index.log_normaliser(queries[:5], samples=300, generator=torch.Generator().manual_seed(9))
    twin, _ = index.log_normaliser(queries[:5], samples=300, generator=torch.Generator().manual_seed(9))
    assert again.equal(twin)


def test_sampled_log_z_where_codes_say_nothing_or_all_is_drawn() -> None:
    head = structured(500)
    index = search.Certified(head)
    queries = torch.randn(20, 32, generator=torch.Generator().manual_seed(6))
    queries[3, 0] = torch.nan
    exact = table_of(head).scores(queries).logsumexp(1)
    found, error = index.log_normaliser(queries, samples=10**9)
    torch.testing.assert_close(found, exact, equal_nan=True)
    assert (error[exact.isfinite()] < 1e-6).all()
    assert error[3].isnan()
    rough = search.Certified(head, width=1)  # codes that tell little: nothing is drawn by them
    found, error = rough.log_normaliser(20 * queries, samples=10)
    torch.testing.assert_close(found, table_of(head).scores(20 * queries).logsumexp(1), equal_nan=True)
    assert (error[found.isfinite()] < 1e-5).all()
    assert index.log_normaliser(queries[:0], samples=2)[0].shape == (0,)
    with pytest.raises(InputError, match="samples"):
        index.log_normaliser(queries, samples=1)
    with pytest.raises(InputError, match="best is 5; a certified index chooses by itself"):
        index.log_normaliser(queries, best=5)


def test_all_words_known_leave_nothing_to_chance() -> None:
    table = table_of(head_of())
    queries = torch.randn(4, D)
    score, word_id = table.scores(queries).topk(V, dim=1)
    found, error = with_rest(table, queries, score, word_id, 10, threads=1)
    torch.testing.assert_close(found, table.scores(queries).logsumexp(1))
    assert (error == 0).all()
