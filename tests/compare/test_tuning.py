"""The search for learning rates: the same for every method, on a grid, downhill, and no trial twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from chain_race import settings_of
from vastmax.compare.tuning import FACTOR, best_rates, next_rates, start_rates, trial_settings
from vastmax.language_model.train import TrainingFailedError

START = {"embedding_lr": 0.1, "dense_lr": 0.01}
Nats = Callable[[float, float], float | None]


def search(nats: Nats, trials: int) -> list[dict[str, Any]]:
    tried: list[dict[str, Any]] = []
    while len(tried) < trials and (rates := next_rates(tried, START)) is not None:
        tried.append({**rates, "nats": nats(rates["embedding_lr"], rates["dense_lr"])})
    return tried


def bowl(table: float, dense: float) -> float:
    """Lowest two steps up and one step down from the start, as seen on the grid."""
    steps = math.log(table / 0.1, FACTOR), math.log(dense / 0.01, FACTOR)
    return 5 + (steps[0] - 2) ** 2 + (steps[1] + 1) ** 2


def test_begins_with_the_rates_given_and_finds_the_best_of_the_grid() -> None:
    tried = search(bowl, 100)
    assert {name: tried[0][name] for name in START} == START
    assert best_rates(tried) == pytest.approx({"embedding_lr": 0.1 * FACTOR**2, "dense_lr": 0.01 / FACTOR})
    assert len(tried) < 15  # and then it knows that it is done
    assert next_rates(tried, START) is None
    places = [(trial["embedding_lr"], trial["dense_lr"]) for trial in tried]
    assert len(set(places)) == len(places)


def test_the_table_rate_is_tried_first() -> None:
    tried = search(bowl, 3)
    assert [trial["dense_lr"] for trial in tried] == [0.01] * 3
    assert [trial["embedding_lr"] for trial in tried] == pytest.approx([0.1, 0.3, 0.9])


def test_where_all_diverged_both_rates_are_lowered_until_it_does_not() -> None:
    tried = search(lambda table, dense: 5.0 if table < 0.02 else None, 4)
    assert [trial["nats"] for trial in tried[:3]] == [None, None, 5.0]
    assert tried[2]["embedding_lr"] == pytest.approx(0.1 / FACTOR**2)
    assert tried[2]["dense_lr"] == pytest.approx(0.01 / FACTOR**2)
    assert best_rates(tried)["embedding_lr"] == pytest.approx(0.1 / FACTOR**2)


def test_a_trial_that_diverged_is_never_best() -> None:
    assert best_rates([{**START, "nats": None}, {"embedding_lr": 0.3, "dense_lr": 0.01, "nats": 9.0}]) == {
        "embedding_lr": 0.3,
        "dense_lr": 0.01,
    }
    with pytest.raises(TrainingFailedError, match="at all 2 rates; try lower ones"):
        best_rates([{**START, "nats": None}, {**START, "nats": None}])


@pytest.mark.parametrize(
    ("epochs", "share", "expected"),
    [
        (1, 0.1, (1, 100)),
        (5, 0.1, (1, 500)),
        (10, 0.2, (2, 1_000)),
        (14, 0.1, (1, 1_000)),  # there is no more text than all of it
        (1, 1e-9, (1, 1)),
    ],
)
def test_a_trial_is_the_race_in_small(epochs: int, share: float, expected: tuple[int, int]) -> None:
    settings = settings_of("nce", epochs=epochs, trials=1, trial_share=share, warmup_steps=50)
    training, words = trial_settings(settings, {**start_rates(settings), "embedding_lr": 0.7}, 1_000)
    assert (training.epochs, words) == expected
    assert (training.embedding_lr, training.dense_lr) == (0.7, 2e-2)
    assert training.warmup_steps == round(50 * share)
    assert training.seed == settings.training.seed


def test_a_trial_of_a_race_by_time_has_a_share_of_it_and_the_whole_text() -> None:
    settings = settings_of("nce", minutes=3.0, trials=1, trial_share=0.1)
    training, words = trial_settings(settings, start_rates(settings), 1_000)
    assert training.minutes == pytest.approx(0.3)
    assert words == 1_000
