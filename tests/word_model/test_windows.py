"""Windows and batches: pairs as often as windows promise, sentence ends respected, each prediction once."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from reference import expected_pairs
from vastmax.word_model import windows as windows_module
from vastmax.word_model.windows import Windows, batches, num_predictions, subsampled

LENGTHS = np.array([1, 2, 9, 0, 4, 30])
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])
POSITIONS = np.arange(OFFSETS[-1])  # for word ids, so that a pair of words tells where it was


def draw(window: int, seed: int = 0) -> Windows:
    return Windows.draw(POSITIONS, OFFSETS, window, np.random.default_rng(seed))


def pairs(windows: Windows, batch_size: int = 7, seed: int = 0) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for centre, context in batches(windows, "skipgram", batch_size, np.random.default_rng(seed)):
        assert len(centre) == len(context) <= batch_size
        found.update(zip(centre.tolist(), context.tolist(), strict=True))
    return found


@pytest.mark.parametrize("window", [1, 3, 8])
def test_a_pair_at_distance_d_comes_with_the_probability_that_the_width_reaches_it(window: int) -> None:
    """(window + 1 − d) / window within a sentence, never across its end: each a binomial count."""
    times = 600
    found: Counter[tuple[int, int]] = Counter()
    for seed in range(times):
        found += pairs(draw(window, seed))
    sentence = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    for centre in POSITIONS.tolist():
        for context in POSITIONS.tolist():
            d = abs(centre - context)
            possible = d > 0 and sentence[centre] == sentence[context]
            p = max(window + 1 - d, 0) / window if possible else 0.0
            assert abs(found[centre, context] - times * p) <= 5 * math.sqrt(times * p * (1 - p)), (centre, context)
    assert found.total() / times == pytest.approx(expected_pairs(LENGTHS, window), rel=0.02)


@pytest.mark.parametrize("batch_size", [1, 5, 10_000])
def test_both_models_predict_from_the_same_windows_each_once(batch_size: int) -> None:
    drawn = draw(4)
    expected = Counter(
        (centre, context)
        for centre in POSITIONS.tolist()
        for context in range(drawn.first[centre], drawn.stop[centre])
        if context != centre
    )
    assert pairs(drawn, batch_size) == expected
    assert num_predictions(drawn, "skipgram") == expected.total()
    found: Counter[tuple[int, int]] = Counter()
    seen = []
    for bags, centre in batches(drawn, "cbow", batch_size, np.random.default_rng(1)):
        assert len(centre) <= batch_size
        seen += centre.tolist()
        for bag, word in zip(bags.tolist(), centre.tolist(), strict=True):
            found.update((word, context) for context in bag if context != -1)
    assert found == expected
    assert sorted(seen) == sorted({centre for centre, _ in expected})
    assert num_predictions(drawn, "cbow") == len(seen)


def test_what_is_made_at_once_changes_the_order_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pairs(draw(5))
    for at_once in (1, 3, 50):
        monkeypatch.setattr(windows_module, "PREDICTIONS_AT_ONCE", at_once)
        made = list(batches(draw(5), "skipgram", 1000, np.random.default_rng(0)))
        assert max(len(batch.target) for batch in made) <= at_once + 2 * 5
        assert pairs(draw(5)) == whole


def test_batches_are_shuffled_and_of_nearly_equal_size() -> None:
    made = list(batches(draw(5), "skipgram", 50, np.random.default_rng(0)))
    sizes = [len(batch.target) for batch in made]
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == -(-sum(sizes) // 50)
    centres = np.concatenate([batch.word_ids for batch in made])
    assert (np.diff(centres) < 0).mean() > 0.3
    again = list(batches(draw(5), "skipgram", 50, np.random.default_rng(0)))
    assert all(np.array_equal(a.word_ids, b.word_ids) for a, b in zip(made, again, strict=True))


def test_nothing_to_predict_gives_no_batch() -> None:
    for lengths in ([], [1, 1, 0]):
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        alone = Windows.draw(np.arange(offsets[-1]), offsets, 3, np.random.default_rng(0))
        for model in ("skipgram", "cbow"):
            assert num_predictions(alone, model) == 0
            assert list(batches(alone, model, 4, np.random.default_rng(0))) == []


def test_subsampling_keeps_words_as_often_as_told_and_closes_the_gaps() -> None:
    word_ids = np.tile([0, 1, -1, 2], 25_000)
    offsets = np.array([0, 40_000, 100_000])
    kept, kept_offsets = subsampled(word_ids, offsets, np.array([0.1, 1.0, 0.5]), np.random.default_rng(0))
    counts = np.bincount(kept, minlength=3)
    for word, p in enumerate((0.1, 1.0, 0.5)):
        assert abs(counts[word] - 25_000 * p) <= 5 * math.sqrt(25_000 * p * (1 - p))
    assert kept_offsets[0] == 0
    assert kept_offsets[-1] == kept.size
    assert kept_offsets[1] / kept.size == pytest.approx(0.4, abs=0.01)
