"""A race whose budget is processor time."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from vastmax.compare.race import run_race
from vastmax.compare.settings import RaceSettings
from vastmax.language_model import LanguageModelSettings, training_text
from vastmax.text import Corpus


def test_the_budget_is_counted_by_the_clock_that_was_chosen() -> None:
    training = LanguageModelSettings(minutes=2.0)
    assert RaceSettings(training=training).clock is time.perf_counter
    race = RaceSettings(training=training, processor_time=True)
    assert race.clock is time.process_time
    assert race.budget == "2 processor minutes"
    assert RaceSettings.from_dict(race.as_dict()) == race


def test_a_race_of_processor_time(tmp_path: Path) -> None:
    """Its training seconds are the processor's seconds beside them."""
    words = np.random.default_rng(0).integers(0, 40, (300, 6)).astype(str).tolist()
    settings = RaceSettings(
        methods=("hierarchical-softmax",),
        hidden_size=8,
        training=LanguageModelSettings(minutes=0.4 / 60, num_streams=4, bptt=8),
        processor_time=True,
        points=2,
        threads=1,
    )
    race = run_race(training_text(Corpus(words)), settings, tmp_path / "race")
    (method,) = race.finished
    assert method.training_seconds >= 0.4
    # Beside them are the calls between the steps, and the reading of the text.
    assert method.training_seconds <= method.training_cpu_seconds <= 3 * method.training_seconds
