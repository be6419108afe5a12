"""Distinct words by marks and by sorting are the same."""

from __future__ import annotations

import pytest
import torch

from vastmax.proposal.distinct import distinct


@pytest.mark.parametrize("vocab_size", [50, 100_000])
@pytest.mark.parametrize("shape", [(0,), (1,), (40, 3), (30,)])
def test_equals_unique(shape: tuple[int, ...], vocab_size: int) -> None:
    """A small vocabulary is marked, a large one is left alone and the ids are sorted."""
    torch.manual_seed(0)
    word_ids = torch.randint(50, shape)
    found, position = distinct(word_ids, vocab_size)
    wanted, inverse = torch.unique(word_ids, sorted=True, return_inverse=True)
    assert torch.equal(found, wanted)
    assert torch.equal(position, inverse)
