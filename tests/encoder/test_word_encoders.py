"""SkipGram and CBOW: their equations, what gets a gradient, and the gradient that the native kernels' twin has."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reference import CbowBlock, SkipgramBlock, numerical_gradient
from vastmax import RECIPES
from vastmax.encoder import CBOW, SkipGram, WordEncoder
from vastmax.errors import InputError

V, D, K = 11, 5, 6


def test_skip_gram_looks_words_up() -> None:
    encoder = SkipGram(V, D)
    word_ids = torch.tensor([[3, 7], [3, 0]])
    assert torch.equal(encoder(word_ids), encoder.embedding.weight[word_ids])


def test_cbow_is_the_mean_of_the_words_that_are_there() -> None:
    encoder = CBOW(V, D).double()
    word_ids = torch.tensor([[[3, 7, 3], [2, -1, -1]], [[-1, -1, -1], [-1, 4, 5]]])  # a word twice, gaps, and none
    v = encoder.embedding.weight
    hidden = encoder(word_ids)
    assert hidden.shape == (2, 2, D)
    torch.testing.assert_close(hidden[0, 0], (2 * v[3] + v[7]) / 3)
    torch.testing.assert_close(hidden[0, 1], v[2])
    torch.testing.assert_close(hidden[1, 0], torch.zeros(D, dtype=torch.float64))
    torch.testing.assert_close(hidden[1, 1], (v[4] + v[5]) / 2)


@pytest.mark.parametrize("sparse", [True, False])
def test_cbow_moves_each_word_by_its_share_and_no_other_row(sparse: bool) -> None:
    encoder = CBOW(V, D, sparse_gradients=sparse).double()
    encoder(torch.tensor([[3, 7, 3, -1]])).sum().backward()
    gradient = encoder.embedding.weight.grad
    assert gradient is not None
    assert gradient.is_sparse == sparse
    if sparse:
        assert set(gradient.coalesce().indices()[0].tolist()) == {3, 7}  # padding is no row
        gradient = gradient.to_dense()
    assert gradient[3].tolist() == pytest.approx([2 / 3] * D)
    assert gradient[7].tolist() == pytest.approx([1 / 3] * D)
    assert gradient.sum().item() == pytest.approx(D)


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_negative_sampling_has_the_gradient_of_the_native_kernels_twin(model: str) -> None:
    """The twin's own weights are K / P for a pool of P noise words; with P = K each counts once, as in the recipe."""
    torch.manual_seed(3)
    head = RECIPES["negative-sampling"].build(D, np.arange(V, 0, -1), num_samples=K).double()
    torch.nn.init.zeros_(head.output.bias)  # word2vec has none
    pool = head.objective.proposal.draw(
        torch.zeros(1, dtype=torch.int64), K, generator=torch.Generator().manual_seed(8)
    )
    times = torch.ones_like(pool.word_ids) if pool.multiplicity is None else pool.multiplicity.long()
    noise = pool.word_ids.repeat_interleave(times).tolist()
    assert len(noise) == K

    encoder = (SkipGram if model == "skipgram" else CBOW)(V, D).double()
    torch.nn.init.normal_(encoder.embedding.weight)
    words, target = encoder.embedding.weight, head.output.weight
    block: SkipgramBlock | CbowBlock
    if model == "skipgram":
        inputs, targets = torch.tensor([4, 4, 9]), torch.tensor([1, 0, 4])
        block = SkipgramBlock(centres=[4, 9], contexts=[[1, 0], [4]], windows=[set(), set()], pool=noise)
    else:
        inputs, targets = torch.tensor([[4, 4, 9], [2, 8, -1]]), torch.tensor([1, 3])
        block = CbowBlock(centres=[1, 3], contexts=[[4, 4, 9], [2, 8]], pool=noise)

    def twin() -> float:
        return block.loss(words.detach().numpy(), target.detach().numpy(), K, "none")

    loss = head(encoder(inputs), targets, generator=torch.Generator().manual_seed(8), reduction="sum")
    loss.backward()
    assert loss.item() == pytest.approx(twin())
    for parameter in (words, target):
        assert parameter.grad is not None
        numerical = numerical_gradient(twin, parameter.detach().numpy())
        np.testing.assert_allclose(parameter.grad.to_dense().numpy(), numerical, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", [SkipGram, CBOW])
def test_word_vectors_begin_small_and_bad_sizes_are_refused(kind: type[WordEncoder]) -> None:
    weight = kind(V, D).embedding.weight
    assert 0 < weight.abs().max() <= 0.5 / D
    with pytest.raises(InputError, match="vocab_size is 0; expected a whole number from 1 to"):
        kind(0, D)
    with pytest.raises(InputError, match="hidden_size is 0"):
        kind(V, 0)
