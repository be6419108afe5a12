"""What the curve is measured on, and that measuring heeds a wish to stop and figures that are no numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from chain_race import Chain, settings_of
from vastmax.compare.measuring import SAMPLE_PIECES, Measuring, StopAskedError, sample_of
from vastmax.language_model.train import TrainingFailedError


def test_the_sample_is_pieces_spread_over_the_text() -> None:
    text = np.arange(10_000, dtype=np.int32)
    sample, pieces = sample_of(text, 1_600)
    assert (sample.size, pieces) == (1_600, SAMPLE_PIECES)
    parts = sample.reshape(SAMPLE_PIECES, 100)
    assert (np.diff(parts, axis=1) == 1).all()  # each is a run of the text
    assert (parts[0, 0], parts[-1, -1]) == (0, 9_999)
    gaps = np.diff(parts[:, 0])
    assert gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("num_words", [1, SAMPLE_PIECES, 99, 100])
def test_the_sample_never_repeats_a_word_of_the_text(num_words: int) -> None:
    text = np.arange(100, dtype=np.int32)
    sample, pieces = sample_of(text, num_words)
    assert np.unique(sample).size == sample.size
    assert (pieces is None) == (sample is text) == (num_words == 100)


def test_a_short_text_is_its_own_sample() -> None:
    text = np.arange(SAMPLE_PIECES, dtype=np.int32)
    assert sample_of(text, 1)[0] is text


def test_measuring_draws_no_random_numbers_and_stops_when_told(chain: Chain) -> None:
    settings = settings_of("nce")
    model = settings.model("nce").build(chain.text.vocabulary, chain.text.training)
    stop = False
    measuring = Measuring(chain.text, curve_words=200, training=settings.training, stop=lambda: stop)
    before = torch.get_rng_state()
    figures = measuring.at_the_end(model)
    assert torch.equal(torch.get_rng_state(), before)
    assert figures["evaluation_words"] == 500
    stop = True
    with pytest.raises(StopAskedError):
        measuring.curve_nats(model)
    with pytest.raises(StopAskedError):
        measuring.at_the_end(model)


def test_a_perplexity_that_is_no_number_is_an_error(chain: Chain) -> None:
    settings = settings_of("softmax")
    model = settings.model("softmax").build(chain.text.vocabulary, chain.text.training)
    with torch.no_grad():
        next(model.encoder.parameters()).fill_(float("nan"))
    measuring = Measuring(chain.text, curve_words=200, training=settings.training, stop=lambda: False)
    with pytest.raises(TrainingFailedError, match="the validation text has nan nats per word"):
        measuring.curve_nats(model)
