"""The best words, and draws, among some words only, or among all but some."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from vastmax import Head, objective, output, proposal, search, tree
from vastmax.errors import InputError

V, D = 60, 5
COUNTS = np.arange(V, 0, -1)

HEADS: dict[str, Callable[[], Head]] = {
    "dense": lambda: Head(output.Dense(D, V)),
    "negative sampling": lambda: Head(output.Dense(D, V), objective.NegativeSampling(proposal.Unigram(COUNTS), 5)),
    "differentiated": lambda: Head(output.Differentiated(D, COUNTS, block_sizes=[20, 40], block_widths=[3, 2])),
    "tree": lambda: Head(output.Hierarchical(D, tree.huffman(COUNTS))),
    "adaptive": lambda: Head(output.Adaptive(D, COUNTS, cutoffs=[9, 30], div_value=2.0)),
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("each", [True, False])
def test_the_best_of_the_candidates(name: str, each: bool) -> None:
    torch.manual_seed(0)
    head, hidden = HEADS[name]().eval(), torch.randn(2, 3, D)
    ids = torch.stack([torch.randperm(V)[:12] for _ in range(6)]).view(2, 3, 12)
    candidates = ids if each else ids[0, 0]
    log_prob, word_ids = head.topk(hidden, 4, candidates=candidates)
    wanted = candidates.expand(2, 3, 12)
    law = head.log_prob(hidden).detach().gather(2, wanted).log_softmax(dim=2)
    expected, place = law.topk(4, dim=2)
    torch.testing.assert_close(log_prob, expected, rtol=1e-4, atol=1e-5)
    assert word_ids.equal(wanted.gather(2, place))


@pytest.mark.parametrize("name", HEADS)
def test_words_that_are_left_out(name: str) -> None:
    torch.manual_seed(0)
    head, hidden = HEADS[name]().eval(), torch.randn(7, D)
    _, best = head.topk(hidden, 10)
    log_prob, word_ids = head.topk(hidden, 7, exclude=best[:, [0, 2, 5]])
    assert word_ids.equal(best[:, [1, 3, 4, 6, 7, 8, 9]])
    torch.testing.assert_close(log_prob, head.log_prob(hidden).detach().gather(1, word_ids), rtol=1e-4, atol=1e-5)
    assert head.topk(hidden, V - 2, exclude=torch.tensor([3, 9]))[1].shape == (7, V - 2)


def test_an_index_leaves_them_out_too() -> None:
    head, hidden = HEADS["dense"]().eval(), torch.randn(7, D)
    seen = torch.tensor([1, 2, 3])
    found = head.topk(hidden, 5, exclude=seen, search=search.Certified(head))[1]
    assert found.equal(head.topk(hidden, 5, exclude=seen)[1])


def test_draws_among_candidates_follow_their_law() -> None:
    torch.manual_seed(0)
    head, candidates = HEADS["dense"]().eval(), torch.tensor([5, 1, 30])
    hidden = (4 * torch.randn(D)).expand(20_000, D)
    drawn = head.sample(hidden, candidates=candidates, temperature=2.0, generator=torch.Generator().manual_seed(1))
    law = (head.logits(hidden[0]).detach()[candidates] / 2).softmax(0)
    share = torch.stack([(drawn == word).double().mean() for word in candidates])
    assert ((share - law).abs() < 4 * (law * (1 - law) / 20_000).sqrt()).all()


def test_what_is_refused() -> None:
    head, hidden = HEADS["dense"](), torch.randn(2, D)
    ids = torch.tensor([1, 2, 3])
    for options, says in [
        ({"candidates": torch.tensor([1, 2, 1])}, "candidates contains word 1 twice for example 0"),
        ({"candidates": torch.tensor([], dtype=torch.int64)}, "candidates contains no word"),
        ({"candidates": torch.tensor([1, V])}, "60"),
        ({"candidates": [1, 2]}, "candidates is list; expected a tensor of word ids"),
        ({"candidates": ids[:1]}, "k is 2"),
        ({"candidates": ids, "exclude": ids}, "leave out search and exclude"),
        ({"exclude": torch.arange(V - 1)}, "k is 2"),
    ]:
        with pytest.raises(InputError, match=says):
            head.topk(hidden, 2, **options)
    for ask in (head.sample, head.log_normaliser, lambda rows, **options: head.topk(rows, 2, **options)):
        with pytest.raises(InputError, match="search is of type str; expected an index"):
            ask(hidden, search="run.index")  # type: ignore[operator]
    with pytest.raises(InputError, match="leave out search"):
        head.sample(hidden, candidates=ids, search=search.Certified(head))
