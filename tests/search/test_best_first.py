"""Trees and clusters are searched best first under the interface of the indexes, and say what they opened."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vastmax import Head, output, search, tree
from vastmax.errors import InputError

V, D = 300, 6
COUNTS = np.arange(V, 0, -1) ** 2

LAYERS = {
    "huffman": lambda: output.Hierarchical(D, tree.huffman(COUNTS), counts=COUNTS),
    "two-level": lambda: output.Hierarchical(D, tree.frequency_classes(COUNTS), counts=COUNTS),
    "adaptive": lambda: output.Adaptive(D, COUNTS, cutoffs=[50, 150], div_value=2.0),
    "adaptive of a small head": lambda: output.Adaptive(D, COUNTS, cutoffs=[3, 150], div_value=2.0),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_best_words_are_those_of_all_and_few_nodes_are_opened(name: str) -> None:
    torch.manual_seed(0)
    head = Head(LAYERS[name]()).eval()
    index = search.BestFirst(head)
    for n in (1, 3, 70):
        hidden = torch.randn(n, D)
        log_prob, word_ids = head.topk(hidden, 8, search=index)
        expected, expected_ids = head.log_prob(hidden).detach().topk(8, dim=1)
        torch.testing.assert_close(log_prob, expected, rtol=1e-4, atol=1e-5)
        assert (word_ids == expected_ids).double().mean() > 0.99
        assert index.last_opened.shape == (n,)
        assert (index.last_opened >= 1).all()
        assert (index.last_opened <= index.num_nodes).all()
    report = index.report(torch.randn(5, D), 3)
    assert 0 < report.opened_share <= 1
    assert report.milliseconds > 0


def test_a_sharp_model_opens_few_clusters() -> None:
    torch.manual_seed(0)
    head = Head(output.Adaptive(D, COUNTS, cutoffs=[50, 150], div_value=2.0)).eval()
    with torch.no_grad():
        head.output.get_parameter("head.bias")[:20] += 12
    index = search.BestFirst(head)
    head.topk(torch.randn(4, D), 5, search=index)
    assert (index.last_opened == 1).all()


def test_draws_and_log_z_are_the_layers_own() -> None:
    head = Head(LAYERS["huffman"]()).eval()
    index = search.BestFirst(head)
    hidden = torch.randn(4, D)
    drawn = head.sample(hidden, generator=torch.Generator().manual_seed(1), search=index)
    assert drawn.equal(head.sample(hidden, generator=torch.Generator().manual_seed(1)))
    log_z, error = head.log_normaliser(hidden, search=index)
    assert log_z.equal(torch.zeros(4))
    assert error.equal(torch.zeros(4))
    with pytest.raises(InputError, match="temperature is 2"):
        head.sample(hidden, temperature=2.0, search=index)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match=r"Dense has no tree and no clusters: search.Certified"):
        search.BestFirst(Head(output.Dense(4, 9)))
    index = search.BestFirst(LAYERS["huffman"]())
    with pytest.raises(InputError, match=r"hidden has shape .0, 6.; expected"):
        index.report(torch.randn(0, D))
